use countersign_evidence::digest::Digest;
use countersign_evidence::json::Value;
use countersign_evidence::record::{Signing, Verdict};
use countersign_evidence::time::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

/// An approval that still counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SeatView {
    /// The reviewer's opaque id.
    pub person: String,
    /// When.
    #[schema(value_type = String)]
    pub at: Timestamp,
    /// The standing approval by which the reviewer had said so in advance.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub standing: Option<Uuid>,
}

/// A review rule and how far it is satisfied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RequirementView {
    /// The rule's id.
    pub rule: String,
    /// What the rule says to people.
    pub message: String,
    /// A member of any of these may fill a seat.
    pub groups: Vec<String>,
    /// How many distinct people.
    pub quorum: u32,
    /// The seats that are filled.
    pub approvals: Vec<SeatView>,
    /// How an approval must be signed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub signature: Option<Signing>,
    /// How many seconds a standing approval may last that fills its seats; none may where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub standing_s: Option<u64>,
    /// From when on further groups may decide, unless it is decided by then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub escalates_at: Option<Timestamp>,
}

/// An action that waits for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PendingReview {
    /// The action.
    pub action: Uuid,
    /// When it was proposed.
    #[schema(value_type = String)]
    pub proposed_at: Timestamp,
    /// Not decided by then is denied.
    #[schema(value_type = String)]
    pub expires_at: Timestamp,
    /// The agent's id.
    pub agent: String,
    /// `server/tool`.
    pub tool: String,
    /// The kind of side effect.
    pub category: String,
    /// The environment.
    pub environment: String,
    /// Risk, 0 to 100.
    pub risk: u32,
    /// What must be satisfied.
    pub requirements: Vec<RequirementView>,
    /// Digest of the sealed payload to be judged.
    #[schema(value_type = String)]
    pub payload_digest: Digest,
    /// Its version.
    pub payload_version: u32,
    /// Questions to the agent's side that are open.
    #[serde(default)]
    pub questions: u32,
    /// The person it was handed to last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub handed_to: Option<Uuid>,
    /// Equal for reviews of the same agent, tool, resource and payload; only those are approved together.
    pub fingerprint: String,
}

/// A part of the payload that a review rule read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DecidingField {
    /// Where in the payload (JSON Pointer, RFC 6901).
    pub path: String,
    /// What stands there.
    #[schema(value_type = Object)]
    pub value: Value,
    /// The rules that read it.
    pub rules: Vec<String>,
}

/// A rule that fired.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RuleView {
    /// Its id.
    pub rule: String,
    /// What it says to people.
    pub message: String,
    /// Its text as it is in force.
    pub text: String,
}

/// One difference between two payloads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Change {
    /// Where (JSON Pointer, RFC 6901).
    pub path: String,
    /// What stood there; absent where it is new.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub before: Option<Value>,
    /// What stands there now; absent where it is gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub after: Option<Value>,
}

/// How the payload differs from another one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Comparison {
    /// The action of the other payload.
    pub action: Uuid,
    /// When that was approved.
    #[schema(value_type = String)]
    pub approved_at: Timestamp,
    /// The differences; none where both are equal.
    pub changes: Vec<Change>,
}

/// `GET /v1/reviews/{action}`: everything that a reviewer sees.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Presentation {
    /// The review.
    pub review: PendingReview,
    /// One plain sentence.
    pub sentence: String,
    /// Version of the policy that asks.
    pub policy: String,
    /// What the tool says of itself, as its server listed it: another party's words. Absent where that is not on record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub definition: Option<Value>,
    /// The parts of the payload that the review rules read.
    pub deciding: Vec<DecidingField>,
    /// The payload to be judged, whole.
    #[schema(value_type = Object)]
    pub payload: Value,
    /// Its canonical form's length in bytes.
    pub payload_bytes: u64,
    /// How the reviewer's edit differs from what the agent proposed, where it was edited.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub edited: Vec<Change>,
    /// How it differs from the last similar one that was approved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comparison: Option<Comparison>,
    /// The rules that ask for this review, with their text.
    pub rules: Vec<RuleView>,
    /// The facts from the trail that the decision read.
    #[schema(value_type = Object)]
    pub facts: Value,
    /// The agent's own claim about why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub intent: Option<String>,
    /// The user on whose behalf.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The affected resource's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource: Option<String>,
    /// The risk rules that fired.
    pub risk_factors: Vec<String>,
    /// What was said about it, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<NoteView>,
    /// Digest of the recorded presentation; hand it in with the decision.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub presentation_digest: Option<Digest>,
}

/// What people and the agent's side said to each other about a review.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NoteView {
    /// `question`, `answer` or `hand_over`.
    pub kind: String,
    /// The question that is asked or answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub question: Option<Uuid>,
    /// Opaque id of who said it.
    pub by: String,
    /// Whom the review is handed to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Uuid>,
    /// What was said.
    pub text: String,
    /// When.
    #[schema(value_type = String)]
    pub at: Timestamp,
}

/// `POST /v1/reviews/{action}/ask`: a question to the agent's side.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AskRequest {
    /// The question.
    pub question: String,
}

/// `POST /v1/actions/{action}/answer`: what the agent's side says to a question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AnswerRequest {
    /// The question's id; the oldest open one where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub question: Option<Uuid>,
    /// The answer.
    pub answer: String,
}

/// `POST /v1/reviews/{action}/hand-over`: another reviewer is asked to decide it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HandOverRequest {
    /// Who: a reviewer of a group that may decide it.
    pub to: Uuid,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// `POST /v1/reviews/{action}/decide`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DecideRequest {
    /// The answer.
    #[schema(value_type = String)]
    pub verdict: Verdict,
    /// Why; a denial needs one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Digest of the payload that was judged, as shown. Another payload by now is refused.
    #[schema(value_type = String)]
    pub payload_digest: Digest,
    /// The edited payload: policy decides again, earlier seats are asked again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub payload: Option<Value>,
    /// Digest of the presentation that was seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub presentation_digest: Option<Digest>,
    /// Milliseconds of active viewing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub active_ms: Option<u64>,
    /// Whether everything that could be folded was unfolded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expanded_all: Option<bool>,
    /// The person who is away and whose groups it uses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_behalf_of: Option<Uuid>,
    /// The action that is approved at once, being identical to this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub together_with: Option<Uuid>,
    /// The reviewer's signature.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<AssertionView>,
}

impl DecideRequest {
    /// This answer to that payload, with nothing else said.
    #[must_use]
    pub fn new(verdict: Verdict, payload_digest: Digest) -> Self {
        DecideRequest {
            verdict,
            reason: None,
            payload_digest,
            payload: None,
            presentation_digest: None,
            active_ms: None,
            expanded_all: None,
            on_behalf_of: None,
            together_with: None,
            signature: None,
        }
    }
}

/// A passkey's answer (W3C Web Authentication, AuthenticatorAssertionResponse); all strings are base64url without padding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AssertionView {
    /// Id of the credential.
    pub credential: String,
    /// `authenticatorData`.
    pub authenticator_data: String,
    /// `clientDataJSON`.
    pub client_data: String,
    /// `signature`.
    pub signature: String,
}

/// `POST /v1/reviews/{action}/statement`: what a signed answer will state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StatementView {
    /// The canonical text.
    pub text: String,
    /// The challenge for the passkey: SHA-256 of the text, base64url without padding.
    pub challenge: String,
    /// The relying party's id.
    pub rp_id: String,
    /// Ids of the reviewer's passkeys, base64url without padding.
    pub credentials: Vec<String>,
}
