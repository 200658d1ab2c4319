use std::collections::BTreeMap;

use countersign_evidence::time::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

/// A span or log event that the agent's side reported, tied to an action by ids that stand on both sides. It is the word of
/// the key that sent it, and no evidence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReportedSpan {
    /// `span` or `event`.
    pub kind: String,
    /// What it calls itself.
    pub name: String,
    /// What ties it to the action, the strongest first: `caller` (the span that the requester named), `child` (of the
    /// action's own span), `call`, `trace`, `prompt`, `session`.
    pub link: String,
    /// When it began, by the clock of whoever reports it.
    #[schema(value_type = String)]
    pub started: Timestamp,
    /// How many microseconds it took.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_us: Option<u64>,
    /// `ok`, `error`, or `unset` where it does not say.
    pub status: String,
    /// The service that it comes from, in its own words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// The model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Tokens that the model read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input_tokens: Option<u64>,
    /// Tokens that the model wrote.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_tokens: Option<u64>,
    /// W3C trace id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace_id: Option<String>,
    /// Its own id, or of the span that an event belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub span_id: Option<String>,
    /// The span that it is a child of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent_span_id: Option<String>,
    /// Attributes as far as they are kept, by name.
    pub attributes: BTreeMap<String, String>,
    /// The API key that reported it.
    pub reported_by: Uuid,
    /// Whether that key also proposed the action.
    pub by_proposer: bool,
    /// When it arrived.
    #[schema(value_type = String)]
    pub received: Timestamp,
}

/// `GET /v1/actions/{id}/context`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RuntimeContext {
    /// The action.
    pub action: Uuid,
    /// The action's trace: as the requester named it, else one of its own.
    pub trace_id: String,
    /// The action's own span in it.
    pub span_id: String,
    /// What was reported, in the order of its beginning; at most 100.
    pub spans: Vec<ReportedSpan>,
    /// There are more; these are the most closely tied ones.
    pub more: bool,
}
