//! What an enforcement point carries from one question to the next (ARAP §11, §9): a denial that people can be asked about, and
//! what they approved. Each is a reference that is checked against the log as well; neither lets anything through by itself.

use countersign_evidence::digest::Digest;
use countersign_evidence::json::{Object, Value};
use countersign_evidence::time::Timestamp;
use countersign_gate::Gate;
use uuid::Uuid;

use super::metadata::request_endpoint;
use super::question::Question;
use super::signer::{Kind, Signer};

/// A denial that people can be asked about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Denial {
    pub(crate) evaluation: Uuid,
    pub(crate) at: Timestamp,
    pub(crate) expires_at: Timestamp,
    /// `binding_context_members`.
    pub(crate) members: Vec<String>,
    pub(crate) hash: Digest,
}

/// What people approved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Approval {
    pub(crate) action: Uuid,
    pub(crate) evaluation: Option<Uuid>,
    pub(crate) approved_at: Timestamp,
    pub(crate) approved_until: Timestamp,
    pub(crate) members: Vec<String>,
    pub(crate) hash: Digest,
}

impl Denial {
    pub(crate) fn of(question: &Question, evaluation: Uuid, at: Timestamp) -> Self {
        let members = question.bound_members();
        let hash = question.binding_hash(&members);
        Denial { evaluation, at, expires_at: at.plus_seconds(super::DENIAL_S), members, hash }
    }

    pub(crate) fn sign(&self, gate: &Gate, signer: &Signer) -> String {
        let mut claims = common(gate, &request_endpoint(gate), self.at, self.expires_at);
        claims.insert("jti", self.evaluation.to_string());
        claims.insert("evaluation_id", self.evaluation.to_string());
        claims.insert("denial_expires_at", self.expires_at.to_string());
        bind(&mut claims, &self.members, self.hash);
        signer.sign(Kind::Binding, claims)
    }

    /// Reads what this gate signed for its own access request endpoint.
    pub(crate) fn read(gate: &Gate, signer: &Signer, token: &str) -> Option<Self> {
        let claims = signer.verify(Kind::Binding, token)?;
        if !is_for(&claims, gate, &request_endpoint(gate)) {
            return None;
        }
        let (members, hash) = bound(&claims)?;
        Some(Denial {
            evaluation: text(&claims, "evaluation_id")?.parse().ok()?,
            at: seconds(&claims, "iat")?,
            expires_at: text(&claims, "denial_expires_at")?.parse().ok()?,
            members,
            hash,
        })
    }
}

impl Approval {
    /// The name under which it is carried. One action has one approval.
    pub(crate) fn id(&self) -> String {
        format!("apr_{}", self.action.simple())
    }

    /// `result.approval`: what comes back as `context.approval`.
    pub(crate) fn object(&self, gate: &Gate, signer: &Signer) -> Object {
        let mut claims = common(gate, gate.public_url(), self.approved_at, self.approved_until);
        claims.insert("jti", self.id());
        claims.insert("approval_id", self.id());
        claims.insert("task_id", super::task::name_of(self.action));
        if let Some(evaluation) = self.evaluation {
            claims.insert("evaluation_id", evaluation.to_string());
        }
        claims.insert("approved_at", self.approved_at.to_string());
        claims.insert("approved_until", self.approved_until.to_string());
        bind(&mut claims, &self.members, self.hash);
        Object::from_iter([
            ("id", self.id()),
            ("approved_at", self.approved_at.to_string()),
            ("approved_until", self.approved_until.to_string()),
            ("state", signer.sign(Kind::Approval, claims)),
        ])
    }

    /// Reads what this gate signed for itself. The name beside the state must be the one within.
    pub(crate) fn read(gate: &Gate, signer: &Signer, carried: &Value) -> Option<Self> {
        let claims = signer.verify(Kind::Approval, carried.get("state")?.as_str()?)?;
        if !is_for(&claims, gate, gate.public_url()) {
            return None;
        }
        let (members, hash) = bound(&claims)?;
        let approval = Approval {
            action: super::task::action_of(text(&claims, "task_id")?)?,
            evaluation: text(&claims, "evaluation_id").and_then(|id| id.parse().ok()),
            approved_at: text(&claims, "approved_at")?.parse().ok()?,
            approved_until: text(&claims, "approved_until")?.parse().ok()?,
            members,
            hash,
        };
        let named = text(&claims, "approval_id") == Some(approval.id().as_str());
        let same = carried.get("id").and_then(Value::as_str) == Some(approval.id().as_str());
        (named && same).then_some(approval)
    }
}

fn common(gate: &Gate, audience: &str, from: Timestamp, until: Timestamp) -> Object {
    let mut claims = Object::from_iter([("iss", gate.public_url()), ("aud", audience)]);
    claims.insert("iat", from.as_micros().div_euclid(1_000_000));
    claims.insert("exp", until.as_micros().div_euclid(1_000_000));
    claims
}

fn bind(claims: &mut Object, members: &[String], hash: Digest) {
    claims.insert("binding_context_members", members.iter().map(|name| name.as_str().into()).collect::<Vec<Value>>());
    claims.insert("binding_hash", hash.to_string());
}

fn bound(claims: &Object) -> Option<(Vec<String>, Digest)> {
    let members = claims.get("binding_context_members")?.as_array()?;
    let members = members.iter().map(|name| name.as_str().map(str::to_owned)).collect::<Option<Vec<_>>>()?;
    Some((members, text(claims, "binding_hash")?.parse().ok()?))
}

fn is_for(claims: &Object, gate: &Gate, audience: &str) -> bool {
    text(claims, "iss") == Some(gate.public_url()) && text(claims, "aud") == Some(audience)
}

fn text<'a>(claims: &'a Object, name: &str) -> Option<&'a str> {
    claims.get(name)?.as_str()
}

fn seconds(claims: &Object, name: &str) -> Option<Timestamp> {
    let seconds = claims.get(name)?.as_number()?.to_string().parse::<i64>().ok()?;
    Some(Timestamp::from_micros(0).plus_seconds(seconds))
}
