use countersign_evidence::digest::Digest;
use countersign_evidence::time::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

/// `POST /v1/standing`: approve in advance what is like this action.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StandingRequest {
    /// An action that waits for the reviewer. It covers what the same agent proposes with the same tool in the same environment.
    pub action: Uuid,
    /// Digest of the payload in question, as it was shown.
    #[schema(value_type = String)]
    pub payload_digest: Digest,
    /// Whether it covers any payload; the very same one alone where absent.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub any_payload: bool,
    /// How many actions it covers, 1 to 1000.
    pub uses: u32,
    /// It ends then. A rule's `@standing` says how long one may last that fills its seats.
    #[schema(value_type = String)]
    pub until: Timestamp,
    /// Why.
    pub reason: String,
}

/// A standing approval.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StandingView {
    /// Its id.
    pub standing: Uuid,
    /// The action that it was granted for the like of.
    pub action: Uuid,
    /// The agent.
    pub agent: String,
    /// `server/tool`.
    pub tool: String,
    /// The environment.
    pub environment: String,
    /// Whether it covers any payload.
    pub any_payload: bool,
    /// The rules whose seats it fills.
    pub rules: Vec<String>,
    /// How many actions it covers,
    pub uses: u32,
    /// and how many it has covered.
    pub used: u32,
    /// It ends then.
    #[schema(value_type = String)]
    pub until: Timestamp,
    /// The reviewer's opaque id.
    pub person: String,
    /// The reviewer's name.
    pub name: String,
    /// Why; absent where it was erased.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// When it was granted.
    #[schema(value_type = String)]
    pub at: Timestamp,
    /// When it was revoked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub revoked_at: Option<Timestamp>,
    /// Whether it covers anything now.
    pub in_force: bool,
}
