//! Opening what records seal, for those who hold keys: the gate, the index, the tellers of stories.

use std::collections::{BTreeMap, HashMap};

use uuid::Uuid;

use crate::digest::Digest;
use crate::json::{Object, Value};
use crate::key::Key;
use crate::record::{Body, Envelope};
use crate::seal::Sealer;
use crate::vault::{self, VaultError};

/// What is known of a key by its id.
#[derive(Debug, Clone)]
pub enum KeyState {
    /// It is there.
    Live(Key),
    /// It was there, and was destroyed on purpose.
    Destroyed,
    /// There never was such a key, or its row was lost: nobody says that it was destroyed.
    Unknown,
    /// Its row is there and does not open: it was changed. The rest of the store is as it was.
    Damaged,
}

impl KeyState {
    /// The key, where it is there.
    #[must_use]
    pub fn live(self) -> Option<Key> {
        match self {
            KeyState::Live(key) => Some(key),
            KeyState::Destroyed | KeyState::Unknown | KeyState::Damaged => None,
        }
    }
}

/// A key could not be read. That says nothing about the key: it must never be taken for one that is destroyed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the key {key} cannot be read, which does not mean that it is gone: {cause}")]
pub struct RingError {
    /// Id of the key.
    pub key: Uuid,
    /// What the store says.
    pub cause: String,
}

/// Subject, person and workspace keys by their ids.
pub trait KeyRing: Send + Sync {
    /// What is known of the key.
    ///
    /// # Errors
    /// [`RingError`] where that cannot be told.
    fn key(&self, id: Uuid) -> Result<KeyState, RingError>;
}

/// A record's sealed fields, as far as they open.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OpenedRecord {
    /// Field name to value; each value was checked against the envelope's digest.
    pub fields: BTreeMap<String, Value>,
    /// The disclosures that open these fields.
    pub disclosures: Vec<String>,
    /// Sealed fields that stay closed: their key or their vault entry is gone.
    pub closed: Vec<String>,
    /// A key that closed fields lie under, where the ring does not know it or has it damaged: then they are lost, and nobody
    /// erased them.
    pub lost: Option<Uuid>,
}

/// Why a record that should open does not.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// The vault entry is not the one that the envelope names.
    #[error("the vault entry is not the one that the envelope's digest names")]
    WrongEntry,
    /// The entry is broken.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// A value does not match the digest that the envelope seals.
    #[error("the value of {0:?} does not match its digest in the envelope")]
    WrongValue(String),
    /// Whether it opens cannot be told: a key could not be read.
    #[error(transparent)]
    Ring(#[from] RingError),
}

/// Opens the records of one action, from its first on: later ones are sealed under the key that the first one wraps.
pub struct ActionOpener<'a> {
    ring: &'a dyn KeyRing,
    origin: &'a str,
    key: Option<Key>,
    /// The key that wraps the action's key, where the ring does not know it or has it damaged.
    lost: Option<Uuid>,
    /// Payloads seen so far: an executed payload is not stored again.
    payloads: HashMap<Digest, (Value, Vec<String>)>,
}

/// The label of a sealed field's salt: `payload/<version>` or `<record id>/<field>` (§4).
pub fn label(envelope: &Envelope, field: &str) -> String {
    let version = match &envelope.body {
        Body::ActionProposed(_) => Some(0),
        Body::ReviewDecided(body) => Some(body.payload_version),
        Body::ExecutionStarted(body) => Some(body.payload_version),
        Body::ExecutionRefused(body) => Some(body.payload_version),
        _ => None,
    };
    match version {
        Some(version) if field == "payload" => format!("payload/{version}"),
        _ => format!("{}/{field}", envelope.id),
    }
}

impl<'a> ActionOpener<'a> {
    /// An opener for the log with this origin. System records are opened by a fresh one each.
    pub fn new(ring: &'a dyn KeyRing, origin: &'a str) -> Self {
        ActionOpener { ring, origin, key: None, lost: None, payloads: HashMap::new() }
    }

    /// An opener for an action whose key is known.
    pub fn with_key(ring: &'a dyn KeyRing, origin: &'a str, key: Key) -> Self {
        ActionOpener { key: Some(key), ..Self::new(ring, origin) }
    }

    /// `K_action`, once a record has shown it.
    pub fn action_key(&self) -> Option<&Key> {
        self.key.as_ref()
    }

    /// Opens one record. `entry` is empty or absent where the vault no longer has it.
    ///
    /// # Errors
    /// [`RecordError`] where something was changed or a key cannot be read; what is merely gone is listed in
    /// [`OpenedRecord::closed`].
    pub fn open(&mut self, envelope: &Envelope, entry: Option<&[u8]>) -> Result<OpenedRecord, RecordError> {
        let mut opened = OpenedRecord::default();
        let mut lost = None;
        if let Some(entry) = entry.filter(|entry| !entry.is_empty()) {
            if envelope.vault != Some(Digest::of(entry)) {
                return Err(RecordError::WrongEntry);
            }
            for section in vault::sections(entry)? {
                let begins = matches!(envelope.body, Body::ActionProposed(_)) && section.wrapped.is_some();
                let key = match section.wrapped {
                    None => self.key.clone(),
                    Some((id, _)) => match self.ring.key(id)? {
                        KeyState::Live(wrapping) => Some(section.unwrap_key(&wrapping, self.origin, envelope.id)?),
                        KeyState::Destroyed => None,
                        KeyState::Unknown | KeyState::Damaged => {
                            lost = Some(id);
                            None
                        }
                    },
                };
                if begins {
                    self.lost = lost;
                }
                let Some(key) = key else { continue };
                if begins {
                    self.key = Some(key.clone());
                }
                let fields = section.open(&key, self.origin, envelope.id)?;
                self.check(envelope, &key, fields, &mut opened)?;
            }
        }
        self.add_known_payload(envelope, &mut opened);
        opened.closed = envelope.sealed.keys().filter(|name| !opened.fields.contains_key(*name)).cloned().collect();
        opened.lost = lost.or(self.lost).filter(|_| !opened.closed.is_empty());
        Ok(opened)
    }

    fn check(
        &mut self,
        envelope: &Envelope,
        key: &Key,
        fields: Object,
        opened: &mut OpenedRecord,
    ) -> Result<(), RecordError> {
        let sealer = Sealer::new(key);
        for (name, value) in fields {
            let sealed = sealer.seal(&label(envelope, &name), &name, &value);
            if envelope.sealed.get(&name) != Some(&sealed.digest) {
                return Err(RecordError::WrongValue(name));
            }
            if name == "payload" {
                self.payloads.insert(sealed.digest, (value.clone(), sealed.disclosures.clone()));
            }
            opened.disclosures.extend(sealed.disclosures);
            opened.fields.insert(name, value);
        }
        Ok(())
    }

    /// A payload that is equal to one seen before has the same digest, and opens with the same disclosures.
    fn add_known_payload(&self, envelope: &Envelope, opened: &mut OpenedRecord) {
        let digest = envelope.sealed.get("payload").filter(|_| !opened.fields.contains_key("payload"));
        if let Some((value, disclosures)) = digest.and_then(|digest| self.payloads.get(digest)) {
            opened.fields.insert("payload".to_owned(), value.clone());
            opened.disclosures.extend(disclosures.iter().cloned());
        }
    }
}

/// A keyed fingerprint of a payload, from the SHA-256 of its canonical form: equal payloads are found again without keeping
/// a plain digest anywhere.
pub fn fingerprint(workspace_key: &Key, plain: Digest) -> [u8; 16] {
    use hmac::{Hmac, KeyInit, Mac};
    let key = workspace_key.derive("fingerprint/v2");
    let mut out = [0; 16];
    if let Ok(mut mac) = Hmac::<sha2::Sha256>::new_from_slice(key.as_bytes()) {
        mac.update(&plain.0);
        out.copy_from_slice(mac.finalize().into_bytes().get(..16).unwrap_or(&[0; 16]));
    }
    out
}
