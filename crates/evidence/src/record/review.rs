use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::digest::Digest;

/// `review.presented`: what a reviewer was shown. Sealed: presentation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReviewPresented {
    /// Version of what made the presentation.
    pub renderer: String,
    /// The payload version shown.
    pub payload_version: u32,
}

/// A reviewer's answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Go ahead.
    Approve,
    /// Do not.
    Deny,
}

/// How a reviewer was authenticated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Authentication {
    /// `key`, `password`, `passkey`, `oidc`, `terminal`.
    pub method: String,
    /// The key or session that was used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<Uuid>,
}

/// Whether reviewer and requester are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Separation {
    /// Distinct authenticated people.
    Enforced,
    /// One developer alone: explicit solo mode.
    None,
}

/// `review.decided`. Sealed: reason, name, payload (where it was edited: the next version).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReviewDecided {
    /// The answer.
    pub verdict: Verdict,
    /// The rules whose seats it counts for.
    pub requirements: Vec<String>,
    /// The reviewer's groups at that time.
    pub groups: Vec<String>,
    /// How the reviewer was authenticated.
    pub authentication: Authentication,
    /// Whether reviewer and requester are told apart.
    pub separation: Separation,
    /// Version of the payload judged; one more than before where it was edited.
    pub payload_version: u32,
    /// Digest of the payload judged.
    pub payload: Digest,
    /// Digest of the presentation that the reviewer saw.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub presentation: Option<Digest>,
    /// Milliseconds of active viewing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub active_ms: Option<u64>,
}

/// `review.escalated`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReviewEscalated {
    /// The groups that may decide from now on, besides those before.
    pub groups: Vec<String>,
    /// A stable name of why.
    pub why: String,
}

/// `review.expired`: nobody decided in time, which is a denial.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReviewExpired {
    /// A stable name of why.
    pub why: String,
}

/// `review.cancelled`: the caller gave up; nothing is executed later.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReviewCancelled {
    /// A stable name of why.
    pub why: String,
}
