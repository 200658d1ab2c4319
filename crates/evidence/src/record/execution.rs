use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::time::Timestamp;

/// How the executed payload stands to the proposed one. It always equals the authorized one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Match {
    /// Executed as proposed.
    Exact,
    /// Executed as a reviewer edited it.
    Edited,
}

/// Whose word it is that exactly this payload was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Enforcement {
    /// The enforcement point executed the approved bytes itself.
    Wire,
    /// The caller says so.
    Attested,
}

/// `execution.started`: durable before the effect leaves. Sealed: payload, context (where it was redeemed).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExecutionStarted {
    /// The caller's name for this attempt.
    pub attempt: String,
    /// The executor's process instance.
    pub executor: String,
    /// Without an outcome by then it is unknown.
    pub deadline: Timestamp,
    /// The version that is executed.
    pub payload_version: u32,
    /// How it stands to the proposed one.
    #[serde(rename = "match")]
    pub matches: Match,
    /// Whose word it is.
    pub enforcement: Enforcement,
    /// The request that took the authorized action over in place of proposing a new one; absent where nobody but its
    /// proposer asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redeemed_by: Option<String>,
}

/// Why a start was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Refusal {
    /// Another payload than the authorized one.
    Mismatch,
    /// The authorization has ended.
    Expired,
    /// Another attempt has used it.
    AlreadyUsed,
    /// There is no authorization.
    Unauthorized,
    /// The policy in force now denies it.
    PolicyChanged,
}

impl Refusal {
    /// The stable name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Refusal::Mismatch => "mismatch",
            Refusal::Expired => "expired",
            Refusal::AlreadyUsed => "already_used",
            Refusal::Unauthorized => "unauthorized",
            Refusal::PolicyChanged => "policy_changed",
        }
    }
}

/// `execution.refused`. Sealed: payload (as presented, where it was handed in).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExecutionRefused {
    /// Why.
    pub refusal: Refusal,
    /// The caller's name for the attempt.
    pub attempt: String,
    /// The version that the presented payload claims to be.
    pub payload_version: u32,
}

/// What came of an execution.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The other side did it.
    Succeeded,
    /// The other side refused or failed.
    Failed,
    /// Nobody knows: the executor died or did not answer in time.
    Unknown,
}

/// `execution.finished`. Sealed: response, error.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExecutionFinished {
    /// The attempt that ended.
    pub attempt: String,
    /// What came of it.
    pub outcome: Outcome,
    /// Came after the outcome was already recorded as unknown.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub late: bool,
    /// The protocol's own status, as an identifier.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// Microseconds that the other side took.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_us: Option<u64>,
    /// The other side's id of the request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub downstream_request_id: Option<String>,
}

/// `execution.resolved`: what an unknown outcome turned out to be. Sealed: evidence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExecutionResolved {
    /// What it turned out to be.
    pub outcome: Outcome,
    /// A stable name of how that is known.
    pub basis: String,
    /// The system or ticket that it was read from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<Uuid>,
}
