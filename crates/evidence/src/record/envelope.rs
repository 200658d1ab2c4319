use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Body;
use crate::digest::Digest;
use crate::id::is_identifier;
use crate::json::{self, ConvertError, JsonError, Limits, Object, Value};
use crate::time::Timestamp;

/// Most bytes of an envelope.
pub const MOST_ENVELOPE: usize = 16 << 10;

const VERSION: i64 = 1;
/// 2^53 − 1: envelopes hold no larger integers, and nothing but integers.
const MOST_INTEGER: u64 = (1 << 53) - 1;

/// Who made a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ActorKind {
    /// An agent.
    Agent,
    /// The policy engine.
    Policy,
    /// A person who reviews.
    Reviewer,
    /// An enforcement point.
    Gateway,
    /// A person who runs the deployment.
    Operator,
    /// The gate itself.
    System,
}

/// Who made a record: a kind and an opaque id, never a name or an address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Actor {
    /// The kind.
    #[serde(rename = "type")]
    pub kind: ActorKind,
    /// Which one.
    pub id: String,
}

/// A record's clear part; its canonical JSON is the Merkle leaf (`docs/evidence-format.md` §3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    /// UUIDv7 of the record.
    pub id: Uuid,
    /// When.
    pub time: Timestamp,
    /// Where: the workspace whose log this is.
    pub workspace: String,
    /// Where: the environment.
    pub environment: String,
    /// The action and the record's place in it; `None` on system records.
    pub link: Option<Link>,
    /// Who.
    pub actor: Actor,
    /// What, in the clear.
    pub body: Body,
    /// What, sealed: field name to the digest of its disclosure.
    pub sealed: BTreeMap<String, Digest>,
    /// SHA-256 of the record's vault entry, where it has one.
    pub vault: Option<Digest>,
}

/// A record's place in its action.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Link {
    /// UUIDv7 of the action.
    pub action: Uuid,
    /// 0, 1, 2 …
    pub step: u32,
    /// Leaf hash of the action's previous record; `None` at step 0.
    pub prev: Option<Digest>,
}

/// Why bytes are not an envelope.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EnvelopeError {
    /// Over [`MOST_ENVELOPE`].
    #[error("the envelope has {0} bytes, over the limit of {MOST_ENVELOPE}")]
    TooLarge(usize),
    /// Not strict JSON.
    #[error(transparent)]
    Json(#[from] JsonError),
    /// Strict JSON, but not its canonical text.
    #[error("the envelope is not in canonical form")]
    NotCanonical,
    /// A member is missing, unknown, or not of its form.
    #[error("the envelope's form is wrong: {0}")]
    Form(String),
}

impl From<ConvertError> for EnvelopeError {
    fn from(error: ConvertError) -> Self {
        EnvelopeError::Form(error.to_string())
    }
}

/// The members as they stand in the text.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Members {
    v: i64,
    id: Uuid,
    #[serde(rename = "type")]
    kind: String,
    time: Timestamp,
    workspace: String,
    environment: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    action: Option<Uuid>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    step: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    prev: Option<Digest>,
    actor: Actor,
    body: Value,
    sealed: BTreeMap<String, Digest>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    vault: Option<Digest>,
}

impl Envelope {
    /// The canonical text: the Merkle leaf.
    ///
    /// # Errors
    /// [`EnvelopeError`] where a member breaks the format: nothing that a reader would refuse is ever written.
    pub fn to_canonical(&self) -> Result<String, EnvelopeError> {
        let members = Members {
            v: VERSION,
            id: self.id,
            kind: self.body.kind().to_owned(),
            time: self.time,
            workspace: self.workspace.clone(),
            environment: self.environment.clone(),
            action: self.link.map(|link| link.action),
            step: self.link.map(|link| link.step),
            prev: self.link.and_then(|link| link.prev),
            actor: self.actor.clone(),
            body: self.body.to_value()?,
            sealed: self.sealed.clone(),
            vault: self.vault,
        };
        check(&members)?;
        let text = json::to_string(&members)?;
        if text.len() > MOST_ENVELOPE {
            return Err(EnvelopeError::TooLarge(text.len()));
        }
        Ok(text)
    }

    /// Reads an envelope strictly: only what [`Envelope::to_canonical`] writes is accepted.
    ///
    /// # Errors
    /// [`EnvelopeError`].
    pub fn parse(bytes: &[u8]) -> Result<Self, EnvelopeError> {
        let envelope = Self::read(bytes)?;
        // Not only the text's own canonical form: the types read more than they write, such as null for what is absent, a
        // list for an object, five spellings of a UUID.
        if envelope.to_canonical()?.as_bytes() != bytes {
            return Err(EnvelopeError::NotCanonical);
        }
        Ok(envelope)
    }

    /// Reads an envelope of one's own log, whose text is known to be what [`Envelope::to_canonical`] wrote: everything but
    /// that is checked. Foreign bytes go through [`Envelope::parse`].
    ///
    /// # Errors
    /// [`EnvelopeError`].
    pub fn read(bytes: &[u8]) -> Result<Self, EnvelopeError> {
        if bytes.len() > MOST_ENVELOPE {
            return Err(EnvelopeError::TooLarge(bytes.len()));
        }
        let value = json::parse(bytes, Limits { bytes: MOST_ENVELOPE, depth: 16 })?;
        let members: Members = json::from_value(value)?;
        check(&members)?;
        Self::from_members(members)
    }

    fn from_members(members: Members) -> Result<Self, EnvelopeError> {
        let link = match (members.action, members.step) {
            (Some(action), Some(step)) => Some(Link { action, step, prev: members.prev }),
            _ => None,
        };
        Ok(Envelope {
            id: members.id,
            time: members.time,
            workspace: members.workspace,
            environment: members.environment,
            link,
            actor: members.actor,
            body: Body::from_parts(&members.kind, members.body)?,
            sealed: members.sealed,
            vault: members.vault,
        })
    }
}

/// What the types alone do not say. An unknown member at a known type is refused by the types.
fn check(members: &Members) -> Result<(), EnvelopeError> {
    let wrong = |what: &str| Err(EnvelopeError::Form(what.to_owned()));
    if members.v != VERSION {
        return wrong("v is not 1");
    }
    if members.id.get_version_num() != 7 || members.action.is_some_and(|action| action.get_version_num() != 7) {
        return wrong("id and action are UUIDv7");
    }
    let chained = match (members.action, members.step, members.prev) {
        (None, None, None) | (Some(_), Some(0), None) => true,
        (Some(_), Some(step), Some(_)) => step > 0,
        _ => false,
    };
    if !chained {
        return wrong("action, step and prev do not fit each other");
    }
    if !is_kind(&members.kind) {
        return wrong("type is a dotted name");
    }
    for (name, text) in
        [("workspace", &members.workspace), ("environment", &members.environment), ("actor.id", &members.actor.id)]
    {
        if !is_identifier(text) {
            return wrong(&format!("{name} is not an identifier ([\\x21-\\x7e]{{1,128}})"));
        }
    }
    if !members.sealed.keys().all(|name| is_field_name(name)) {
        return wrong("a sealed field's name is lower case ASCII");
    }
    check_clear(&members.body, true)
}

fn is_kind(text: &str) -> bool {
    text.len() <= 64 && text.split('.').count() >= 2 && text.split('.').all(is_field_name)
}

fn is_field_name(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
}

/// A body holds objects, arrays, identifiers, booleans and integers within ±(2^53 − 1).
fn check_clear(value: &Value, top: bool) -> Result<(), EnvelopeError> {
    let wrong = |what: String| Err(EnvelopeError::Form(what));
    match value {
        Value::Object(members) => members.iter().try_for_each(|(name, value)| match is_field_name(name) {
            true => check_clear(value, false),
            false => wrong(format!("the body's member name {name:?} is not lower case ASCII ([a-z_]{{1,64}})")),
        }),
        _ if top => wrong("body is not an object".to_owned()),
        Value::Array(items) => items.iter().try_for_each(|item| check_clear(item, false)),
        Value::String(text) if !is_identifier(text) => {
            wrong(format!("the body holds {text:?}, which is not an identifier ([\\x21-\\x7e]{{1,128}}): seal it"))
        }
        Value::Number(number) if number.as_i64().is_none_or(|value| value.unsigned_abs() > MOST_INTEGER) => {
            wrong(format!("the body holds {number}, which is not an integer within ±(2^53 − 1)"))
        }
        Value::Null => wrong("the body holds null: leave the member out".to_owned()),
        _ => Ok(()),
    }
}

/// The members of a body, for display.
impl From<&Envelope> for Object {
    fn from(envelope: &Envelope) -> Self {
        match envelope.body.to_value() {
            Ok(Value::Object(members)) => members,
            _ => Object::new(),
        }
    }
}
