//! Opening what records seal, as far as the index wants it: fewer fields than [`countersign_evidence::open`], and without
//! making the disclosures. The ciphertext is authenticated under the action's key; that a value also matches the digest in
//! the envelope is the verifier's question.

use std::collections::HashSet;

use countersign_evidence::digest::Digest;
use countersign_evidence::json::Object;
use countersign_evidence::key::Key;
use countersign_evidence::open::{KeyRing, KeyState, RingError};
use countersign_evidence::record::{Body, Envelope};
use countersign_evidence::vault;
use uuid::Uuid;

/// A record's fields as far as they open, and the ids of the keys that wrap what they are sealed under.
#[derive(Debug, Default)]
pub(crate) struct Opened {
    pub(crate) fields: Object,
    pub(crate) sealed_by: Vec<Uuid>,
}

/// Opens the records of one action, the first one first.
pub(crate) struct Opener<'a> {
    pub(crate) ring: &'a dyn KeyRing,
    pub(crate) origin: &'a str,
    /// Keys that a record says are destroyed: they open nothing, whatever the ring still has.
    pub(crate) erased: &'a HashSet<Uuid>,
    pub(crate) key: Option<Key>,
}

impl Opener<'_> {
    /// What does not open is left out: its key is gone, or a verifier will say what is wrong with it.
    ///
    /// # Errors
    /// A key cannot be read: then nothing may be left out as if it were gone.
    pub(crate) fn open(&mut self, envelope: &Envelope, entry: &[u8]) -> Result<Opened, RingError> {
        let mut opened = Opened::default();
        if entry.is_empty() || envelope.vault != Some(Digest::of(entry)) {
            return Ok(opened);
        }
        for section in vault::sections(entry).unwrap_or_default() {
            let key = match section.wrapped {
                None => self.key.clone(),
                Some((id, _)) => {
                    opened.sealed_by.push(id);
                    let ring = if self.erased.contains(&id) { KeyState::Destroyed } else { self.ring.key(id)? };
                    ring.live().and_then(|wrapping| section.unwrap_key(&wrapping, self.origin, envelope.id).ok())
                }
            };
            let Some(key) = key else { continue };
            if matches!(envelope.body, Body::ActionProposed(_)) && section.wrapped.is_some() && self.key.is_none() {
                self.key = Some(key.clone());
            }
            opened.fields = join(opened.fields, section.open(&key, self.origin, envelope.id).unwrap_or_default());
        }
        Ok(opened)
    }
}

fn join(mut fields: Object, more: Object) -> Object {
    if fields.is_empty() {
        return more;
    }
    for (name, value) in more {
        fields.insert(name, value);
    }
    fields
}
