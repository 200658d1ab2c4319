//! What an enforcement point carries from one question to the next (ARAP §11, §9): a denial that people can be asked about, and
//! what they approved. Each is a reference that is checked against the log as well; neither lets anything through by itself.

use countersign_evidence::digest::Digest;
use countersign_evidence::json::{Object, Value};
use countersign_evidence::time::Timestamp;
use countersign_gate::Gate;
use uuid::Uuid;

use super::DENIAL_S;
use super::metadata::request_endpoint;
use super::question::Question;
use super::signer::{Kind, Signer};
use super::task::{action_of, name_of};

/// A denial that people can be asked about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Denial {
    pub(crate) evaluation: Uuid,
    /// To the second, as `exp` is.
    pub(crate) expires_at: Timestamp,
    pub(crate) bound: Bound,
}

/// The question that a token is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Bound {
    /// `binding_context_members`.
    pub(crate) members: Vec<String>,
    /// `binding_hash`.
    pub(crate) hash: Digest,
}

/// What people approved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Approval {
    pub(crate) action: Uuid,
    pub(crate) evaluation: Option<Uuid>,
    pub(crate) approved_at: Timestamp,
    pub(crate) approved_until: Timestamp,
    pub(crate) bound: Bound,
}

/// An approval that was brought along, and that this gate signed: what of it is believed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Carried {
    pub(crate) action: Uuid,
    pub(crate) approved_until: Timestamp,
}

impl Bound {
    pub(crate) fn of(question: &Question) -> Self {
        let members = question.bound_members();
        Bound { hash: question.binding_hash(&members), members }
    }

    fn claim(&self, claims: &mut Object) {
        let members: Vec<Value> = self.members.iter().map(|name| name.as_str().into()).collect();
        claims.insert("binding_context_members", members);
        claims.insert("binding_hash", self.hash.to_string());
    }

    fn read(claims: &Object) -> Option<Self> {
        let members = claims.get("binding_context_members")?.as_array()?;
        let members = members.iter().map(|name| name.as_str().map(str::to_owned)).collect::<Option<Vec<_>>>()?;
        Some(Bound { members, hash: text(claims, "binding_hash")?.parse().ok()? })
    }
}

impl Denial {
    /// Of a question that was evaluated then.
    pub(crate) fn of(question: &Question, evaluation: Uuid, at: Timestamp) -> Self {
        let expires_at = Timestamp::from_micros(0).plus_seconds(unix(at) + DENIAL_S);
        Denial { evaluation, expires_at, bound: Bound::of(question) }
    }

    pub(crate) fn sign(&self, gate: &Gate, signer: &Signer) -> String {
        let issued_at = self.expires_at.plus_seconds(-DENIAL_S);
        let mut claims = common(gate, &request_endpoint(gate), issued_at, self.expires_at);
        claims.insert("jti", self.evaluation.to_string());
        claims.insert("evaluation_id", self.evaluation.to_string());
        claims.insert("denial_expires_at", self.expires_at.to_string());
        self.bound.claim(&mut claims);
        signer.sign(Kind::Binding, claims)
    }

    /// Reads what this gate signed for its own access request endpoint.
    pub(crate) fn read(gate: &Gate, signer: &Signer, token: &str) -> Option<Self> {
        let claims = signer.verify(Kind::Binding, token)?;
        if !is_for(&claims, gate, &request_endpoint(gate)) {
            return None;
        }
        Some(Denial {
            evaluation: text(&claims, "evaluation_id")?.parse().ok()?,
            expires_at: text(&claims, "denial_expires_at")?.parse().ok()?,
            bound: Bound::read(&claims)?,
        })
    }
}

/// The name under which an approval is carried: one action has one.
pub(crate) fn approval_id(action: Uuid) -> String {
    format!("apr_{}", action.simple())
}

impl Approval {
    /// `result.approval`: what comes back as `context.approval`.
    pub(crate) fn object(&self, gate: &Gate, signer: &Signer) -> Object {
        let id = approval_id(self.action);
        let mut claims = common(gate, gate.public_url(), self.approved_at, self.approved_until);
        claims.insert("jti", id.as_str());
        claims.insert("approval_id", id.as_str());
        claims.insert("task_id", name_of(self.action));
        if let Some(evaluation) = self.evaluation {
            claims.insert("evaluation_id", evaluation.to_string());
        }
        claims.insert("approved_at", self.approved_at.to_string());
        claims.insert("approved_until", self.approved_until.to_string());
        self.bound.claim(&mut claims);
        Object::from_iter([
            ("id", id),
            ("approved_at", self.approved_at.to_string()),
            ("approved_until", self.approved_until.to_string()),
            ("state", signer.sign(Kind::Approval, claims)),
        ])
    }
}

impl Carried {
    /// Reads what this gate signed for itself. The name beside the state must be the one within.
    pub(crate) fn read(gate: &Gate, signer: &Signer, carried: &Value) -> Option<Self> {
        let claims = signer.verify(Kind::Approval, carried.get("state")?.as_str()?)?;
        let action = action_of(text(&claims, "task_id")?)?;
        let id = Some(approval_id(action));
        let named = text(&claims, "approval_id") == id.as_deref();
        let beside = carried.get("id").and_then(Value::as_str) == id.as_deref();
        let approved_until = text(&claims, "approved_until")?.parse().ok()?;
        let ours = is_for(&claims, gate, gate.public_url());
        (ours && named && beside).then_some(Carried { action, approved_until })
    }
}

fn common(gate: &Gate, audience: &str, from: Timestamp, until: Timestamp) -> Object {
    let mut claims = Object::from_iter([("iss", gate.public_url()), ("aud", audience)]);
    claims.insert("iat", unix(from));
    claims.insert("exp", unix(until));
    claims
}

/// Whole seconds since 1970 (NumericDate, RFC 7519 §2).
fn unix(time: Timestamp) -> i64 {
    time.as_micros().div_euclid(1_000_000)
}

fn is_for(claims: &Object, gate: &Gate, audience: &str) -> bool {
    text(claims, "iss") == Some(gate.public_url()) && text(claims, "aud") == Some(audience)
}

fn text<'a>(claims: &'a Object, name: &str) -> Option<&'a str> {
    claims.get(name)?.as_str()
}
