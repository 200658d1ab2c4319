use countersign_evidence::digest::Digest;
use countersign_evidence::json::Value;
use countersign_evidence::record::Verdict;
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
}

/// `GET /v1/reviews/{action}`: everything that a reviewer sees.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Presentation {
    /// The review.
    pub review: PendingReview,
    /// One plain sentence.
    pub sentence: String,
    /// The payload to be judged, whole.
    #[schema(value_type = Object)]
    pub payload: Value,
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
    /// Digest of the recorded presentation; hand it in with the decision.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub presentation_digest: Option<Digest>,
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
}
