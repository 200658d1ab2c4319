use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::signature::{Meaning, Signing};
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
    /// How strong it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strength: Option<Strength>,
}

/// How strong an authentication is (NIST SP 800-63B speaks of factors).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Strength {
    /// One factor: a password or a key.
    SingleFactor,
    /// Another party vouches; how it authenticated is its own matter.
    Federated,
    /// Two factors: a passkey that verified its user.
    MultiFactor,
}

impl Strength {
    /// The name in the format.
    pub const fn as_str(self) -> &'static str {
        match self {
            Strength::SingleFactor => "single_factor",
            Strength::Federated => "federated",
            Strength::MultiFactor => "multi_factor",
        }
    }

    /// The strength of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Strength::SingleFactor, Strength::Federated, Strength::MultiFactor]
            .into_iter()
            .find(|one| one.as_str() == name)
    }
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

/// `review.decided`. Sealed: reason, name, signature, payload (where it was edited: the next version).
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
    /// Whether everything that could be folded was unfolded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expanded_all: Option<bool>,
    /// What the reviewer meant by it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub meaning: Option<Meaning>,
    /// The person whose groups it used, where that person is away and had said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_behalf_of: Option<Uuid>,
    /// Version of the policy that asked; always there where it is signed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
    /// The action with which it was approved at once, being identical to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub together_with: Option<Uuid>,
    /// How it is signed; the assertion itself is sealed as `signature`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<Signing>,
}

/// `review.asked`: a reviewer asks the agent's side before it decides. Sealed: text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReviewAsked {
    /// The question's id.
    pub question: Uuid,
}

/// `review.answered`: what the agent's side says to a question. Sealed: text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReviewAnswered {
    /// The question's id.
    pub question: Uuid,
}

/// `review.handed_over`: a reviewer asks another one, who may decide it as well, to do so. Sealed: text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReviewHandedOver {
    /// The person who is asked.
    pub to: Uuid,
}

/// `review.escalated`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReviewEscalated {
    /// The groups that may decide from now on, besides those before.
    pub groups: Vec<String>,
    /// The rule that it is about; all of them where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
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
