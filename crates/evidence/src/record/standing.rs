use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Authentication, Separation, ToolRef};
use crate::digest::Digest;
use crate::time::Timestamp;

/// `standing.granted`: a reviewer approves in advance what will be like an action that it is asked about, so often and until
/// then. Sealed: name, reason, content_digest (where it covers that payload alone: the
/// gate's digest of agent, user, environment, tool, resource and payload).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StandingGranted {
    /// Its id.
    pub standing: Uuid,
    /// The action that it was granted for the like of.
    pub action: Uuid,
    /// It covers what this agent proposes,
    pub agent: String,
    /// with this tool, of this definition where there is one,
    pub tool: ToolRef,
    /// in this environment.
    pub environment: String,
    /// The rules whose seats it fills.
    pub rules: Vec<String>,
    /// The reviewer's groups at that time.
    pub groups: Vec<String>,
    /// Whether it covers the very payload alone, or any.
    pub same_payload: bool,
    /// How many actions it covers.
    pub uses: u32,
    /// It ends then.
    pub until: Timestamp,
    /// How the reviewer was authenticated.
    pub authentication: Authentication,
    /// Whether reviewer and requester are told apart.
    pub separation: Separation,
    /// Version of the policy that asked.
    pub policy: String,
}

/// `standing.revoked`: it covers nothing from now on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StandingRevoked {
    /// Its id.
    pub standing: Uuid,
    /// A stable name of why.
    pub why: String,
}

/// `review.standing_used`: a standing approval fills its reviewer's seat.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReviewStandingUsed {
    /// The standing approval.
    pub standing: Uuid,
    /// Which of its uses this is, from 1.
    pub number: u32,
    /// The reviewer's opaque id.
    pub person: String,
    /// The reviewer's groups at the time of the use.
    pub groups: Vec<String>,
    /// The rules whose seats it fills.
    pub requirements: Vec<String>,
    /// Version of the payload that it covers.
    pub payload_version: u32,
    /// Digest of that payload.
    pub payload: Digest,
}
