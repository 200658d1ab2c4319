use countersign_evidence::json::Object;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// An RFC 9457 problem. `type` is `/problems/<name>`; the names are stable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// `/problems/<name>`.
    #[serde(rename = "type")]
    pub kind: String,
    /// What kind of problem it is, in a few words.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What happened here, and what to do.
    pub detail: String,
    /// The action it is about, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<uuid::Uuid>,
    /// More, by name.
    #[serde(default, skip_serializing_if = "Object::is_empty")]
    #[schema(value_type = Object)]
    pub more: Object,
}

impl Problem {
    /// The stable name behind `/problems/`.
    pub fn name(&self) -> &str {
        self.kind.rsplit('/').next().unwrap_or_default()
    }
}
