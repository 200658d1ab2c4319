//! Records that wait for their place in the log: sealed already, without time, step and predecessor.

use std::collections::BTreeMap;

use bytes::Bytes;
use countersign_evidence::digest::Digest;
use countersign_evidence::json::{Object, Value};
use countersign_evidence::key::{Key, Random};
use countersign_evidence::record::{Actor, ActorKind, Body};
use countersign_evidence::seal::Sealer;
use countersign_evidence::vault::{self, Section};
use uuid::Uuid;

/// A record without its place.
#[derive(Debug, Clone)]
pub(crate) struct Draft {
    pub(crate) id: Uuid,
    pub(crate) actor: Actor,
    pub(crate) body: Body,
    pub(crate) sealed: BTreeMap<String, Digest>,
    pub(crate) vault: Bytes,
}

/// Fields of one record that one key seals, with the label of each.
pub(crate) struct Fields<'a> {
    pub(crate) key: &'a Key,
    pub(crate) wrapped_by: Option<(Uuid, &'a Key)>,
    pub(crate) fields: Vec<Field>,
}

/// One field to seal.
pub(crate) struct Field {
    pub(crate) name: &'static str,
    /// `payload/<version>`; the record's own label where absent.
    pub(crate) label: Option<String>,
    pub(crate) value: Value,
}

impl Field {
    pub(crate) fn new(name: &'static str, value: impl Into<Value>) -> Self {
        Field { name, label: None, value: value.into() }
    }

    pub(crate) fn payload(version: u32, value: Value) -> Self {
        Field { name: "payload", label: Some(payload_label(version)), value }
    }
}

pub(crate) fn payload_label(version: u32) -> String {
    format!("payload/{version}")
}

impl Draft {
    /// A record that seals nothing of its own.
    pub(crate) fn plain(id: Uuid, actor: Actor, body: impl Into<Body>) -> Self {
        Draft { id, actor, body: body.into(), sealed: BTreeMap::new(), vault: Bytes::new() }
    }

    /// A record with sealed fields.
    pub(crate) fn sealed(
        id: Uuid,
        actor: Actor,
        body: impl Into<Body>,
        origin: &str,
        groups: Vec<Fields<'_>>,
        random: &dyn Random,
    ) -> Self {
        let mut draft = Draft::plain(id, actor, body);
        let mut sections = Vec::with_capacity(groups.len());
        for group in groups.into_iter().filter(|group| !group.fields.is_empty()) {
            let sealer = Sealer::new(group.key);
            let mut fields = Object::new();
            for field in group.fields {
                let label = field.label.unwrap_or_else(|| format!("{id}/{}", field.name));
                draft.sealed.insert(field.name.to_owned(), sealer.digest(&label, field.name, &field.value));
                fields.insert(field.name, field.value);
            }
            sections.push(Section { key: group.key, wrapped_by: group.wrapped_by, fields });
        }
        if !sections.is_empty() {
            draft.vault = vault::seal(origin, id, &sections, random).into();
        }
        draft
    }

    /// Commits to a payload that an earlier record already holds in the vault.
    pub(crate) fn with_payload(mut self, payload: Digest) -> Self {
        self.sealed.insert("payload".to_owned(), payload);
        self
    }
}

pub(crate) fn actor(kind: ActorKind, id: impl ToString) -> Actor {
    Actor { kind, id: id.to_string() }
}

/// The gate itself.
pub(crate) fn system() -> Actor {
    actor(ActorKind::System, "gate")
}
