use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::ToolRef;
use crate::digest::Digest;
use crate::time::Timestamp;

/// `log.opened`: the first record of a log, and one each time that it is opened for writing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogOpened {
    /// The log's origin (C2SP tlog-checkpoint).
    pub origin: String,
    /// Fencing epoch: rises with each opening for writing.
    pub epoch: u64,
    /// The software's version.
    pub version: String,
}

/// `log.closed`: the writer stopped in good order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogClosed {
    /// Fencing epoch of the writer.
    pub epoch: u64,
}

/// `clock.stepped`: the clock went back, or forward by more than is believed; record times stand still meanwhile.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClockStepped {
    /// What the clock said.
    pub clock: Timestamp,
    /// By how many microseconds it stands off the last record's time; negative is back.
    pub step_us: i64,
}

/// `policy.activated`. Sealed: text (whole).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicyActivated {
    /// Its short name.
    pub version: String,
    /// SHA-256 of its whole text in canonical form.
    pub digest: Digest,
    /// How many of its own tests passed: all of them.
    pub tests_passed: u64,
}

/// What an API key may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyKind {
    /// Propose and execute; executions are attested.
    Agent,
    /// Propose and execute from within the path; executions are enforced on the wire.
    Gateway,
    /// Decide reviews.
    Reviewer,
    /// Configure and look at everything.
    Operator,
    /// Look at everything, change nothing.
    Auditor,
}

impl KeyKind {
    /// Every kind.
    pub const ALL: [KeyKind; 5] =
        [KeyKind::Agent, KeyKind::Gateway, KeyKind::Reviewer, KeyKind::Operator, KeyKind::Auditor];

    /// The name in the format and in a key's prefix.
    pub const fn as_str(self) -> &'static str {
        match self {
            KeyKind::Agent => "agent",
            KeyKind::Gateway => "gateway",
            KeyKind::Reviewer => "reviewer",
            KeyKind::Operator => "operator",
            KeyKind::Auditor => "auditor",
        }
    }

    /// The kind of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }
}

/// `key.created`: an API key. Sealed: label.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyCreated {
    /// Its id.
    pub key: Uuid,
    /// What it may do.
    pub kind: KeyKind,
    /// Environments it is limited to; empty is all.
    pub environments: Vec<String>,
    /// Agents it is limited to; empty is all.
    pub agents: Vec<String>,
    /// The reviewer that it stands for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub person: Option<Uuid>,
}

/// `key.revoked`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyRevoked {
    /// Its id.
    pub key: Uuid,
}

/// `config.changed`: a setting that changes what the gate does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConfigChanged {
    /// The setting.
    pub setting: String,
    /// Its value from now on.
    pub value: String,
}

/// `subject.erasure_requested`: the listed keys will be destroyed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SubjectErasureRequested {
    /// Ids of the subject's keys.
    pub keys: Vec<Uuid>,
}

/// `subject.erased`: no wrapped copy of the listed keys remains.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SubjectErased {
    /// Ids of the destroyed keys.
    pub keys: Vec<Uuid>,
}

/// `tool.defined`: a server listed a tool of this definition. Sealed: definition (the tool object).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ToolDefined {
    /// The tool; its `definition` is the SHA-256 of the tool object's canonical form.
    pub tool: ToolRef,
}
