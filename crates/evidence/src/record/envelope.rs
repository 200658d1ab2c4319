use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use uuid::Uuid;

use super::Body;
use super::clear::{Clear, is_field_name};
use crate::digest::Digest;
use crate::json::{self, Check, ConvertError, JsonError, Limits, Object, Value};
use crate::time::Timestamp;

/// Most bytes of an envelope.
pub const MOST_ENVELOPE: usize = 16 << 10;

const VERSION: i64 = 1;

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

/// The members as they are written, in the order of the text.
#[derive(Serialize)]
struct Written<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    action: Option<Uuid>,
    actor: &'a Actor,
    body: &'a Body,
    environment: &'a str,
    id: Uuid,
    #[serde(skip_serializing_if = "Option::is_none")]
    prev: Option<Digest>,
    sealed: &'a BTreeMap<String, Digest>,
    #[serde(skip_serializing_if = "Option::is_none")]
    step: Option<u32>,
    time: Timestamp,
    #[serde(rename = "type")]
    kind: &'a str,
    v: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    vault: Option<Digest>,
    workspace: &'a str,
}

/// The members as they are read.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Members<B> {
    v: i64,
    id: Uuid,
    #[serde(rename = "type")]
    kind: String,
    time: Timestamp,
    workspace: String,
    environment: String,
    action: Option<Uuid>,
    step: Option<u32>,
    prev: Option<Digest>,
    actor: Actor,
    body: B,
    sealed: BTreeMap<String, Digest>,
    vault: Option<Digest>,
}

impl Envelope {
    /// The canonical text: the Merkle leaf.
    ///
    /// # Errors
    /// [`EnvelopeError`] where a member breaks the format: nothing that a reader would refuse is ever written.
    pub fn to_canonical(&self) -> Result<String, EnvelopeError> {
        let (action, step) = (self.link.map(|link| link.action), self.link.map(|link| link.step));
        let prev = self.link.and_then(|link| link.prev);
        check_form(self.body.kind(), self.id, action, (step, prev), self.body.unknown())?;
        let written = Written {
            action,
            actor: &self.actor,
            body: &self.body,
            environment: &self.environment,
            id: self.id,
            prev,
            sealed: &self.sealed,
            step,
            time: self.time,
            kind: self.body.kind(),
            v: VERSION,
            vault: self.vault,
            workspace: &self.workspace,
        };
        let text = json::to_string_checked(Clear, &written)?;
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
        if bytes.len() > MOST_ENVELOPE {
            return Err(EnvelopeError::TooLarge(bytes.len()));
        }
        let value = json::parse(bytes, Limits { bytes: MOST_ENVELOPE, depth: 16 })?;
        let mut members: Members<Value> = json::from_value(value)?;
        check(&members)?;
        let body = Body::from_parts(&members.kind, std::mem::take(&mut members.body))?;
        let envelope = members.with(body);
        // Not only the text's own canonical form: the types read more than they write, such as null for what is absent, a
        // list for an object, five spellings of a UUID.
        if envelope.to_canonical()?.as_bytes() != bytes {
            return Err(EnvelopeError::NotCanonical);
        }
        Ok(envelope)
    }

    /// Reads an envelope of one's own log, whose text is known to be what [`Envelope::to_canonical`] wrote: fast, and not
    /// strict. Foreign bytes go through [`Envelope::parse`].
    ///
    /// # Errors
    /// [`EnvelopeError`] where it has not the members and types of an envelope.
    pub fn read_own(bytes: &[u8]) -> Result<Self, EnvelopeError> {
        let members: Members<&RawValue> =
            serde_json::from_slice(bytes).map_err(|error| EnvelopeError::Form(error.to_string()))?;
        let body = Body::from_own(&members.kind, members.body)?;
        Ok(members.with(body))
    }
}

impl<B> Members<B> {
    fn with(self, body: Body) -> Envelope {
        let link = match (self.action, self.step) {
            (Some(action), Some(step)) => Some(Link { action, step, prev: self.prev }),
            _ => None,
        };
        Envelope {
            id: self.id,
            time: self.time,
            workspace: self.workspace,
            environment: self.environment,
            link,
            actor: self.actor,
            body,
            sealed: self.sealed,
            vault: self.vault,
        }
    }
}

/// What the types alone do not say. An unknown member at a known type is refused by the types.
fn check(members: &Members<Value>) -> Result<(), EnvelopeError> {
    if members.v != VERSION {
        return Err(EnvelopeError::Form("v is not 1".to_owned()));
    }
    let chain = (members.step, members.prev);
    check_form(&members.kind, members.id, members.action, chain, Some(&members.body))?;
    for text in [&members.workspace, &members.environment, &members.actor.id] {
        Clear.string(text)?;
    }
    members.sealed.keys().try_for_each(|name| Clear.name(name))?;
    Ok(Clear.value(&members.body)?)
}

fn check_form(
    kind: &str,
    id: Uuid,
    action: Option<Uuid>,
    chain: (Option<u32>, Option<Digest>),
    body: Option<&Value>,
) -> Result<(), EnvelopeError> {
    let wrong = |what: &str| Err(EnvelopeError::Form(what.to_owned()));
    if id.get_version_num() != 7 || action.is_some_and(|action| action.get_version_num() != 7) {
        return wrong("id and action are UUIDv7");
    }
    let chained = match (action, chain) {
        (None, (None, None)) | (Some(_), (Some(0), None)) => true,
        (Some(_), (Some(step), Some(_))) => step > 0,
        _ => false,
    };
    if !chained {
        return wrong("action, step and prev do not fit each other");
    }
    if !is_kind(kind) {
        return wrong("type is a dotted name");
    }
    match body.is_some_and(|body| body.as_object().is_none()) {
        true => wrong("body is not an object"),
        false => Ok(()),
    }
}

fn is_kind(text: &str) -> bool {
    text.len() <= 64 && text.split('.').count() >= 2 && text.split('.').all(is_field_name)
}

/// The members of a body, for display.
impl From<&Envelope> for Object {
    fn from(envelope: &Envelope) -> Self {
        match json::to_value(&envelope.body) {
            Ok(Value::Object(members)) => members,
            _ => Object::new(),
        }
    }
}
