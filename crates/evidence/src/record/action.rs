use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Signing;
use crate::digest::Digest;
use crate::time::Timestamp;

/// What kind of side effect an action is. All but `read` change something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Category {
    /// Looks, changes nothing.
    Read,
    /// Creates or changes.
    Write,
    /// Removes.
    Delete,
    /// Sends to people.
    Message,
    /// Moves money.
    Payment,
    /// Lets data out.
    Export,
    /// Runs code.
    Execute,
    /// Changes who may do what.
    Admin,
}

impl Category {
    /// Every category.
    pub const ALL: [Category; 8] = [
        Category::Read,
        Category::Write,
        Category::Delete,
        Category::Message,
        Category::Payment,
        Category::Export,
        Category::Execute,
        Category::Admin,
    ];

    /// The name in the format and in policies.
    pub const fn as_str(self) -> &'static str {
        match self {
            Category::Read => "read",
            Category::Write => "write",
            Category::Delete => "delete",
            Category::Message => "message",
            Category::Payment => "payment",
            Category::Export => "export",
            Category::Execute => "execute",
            Category::Admin => "admin",
        }
    }

    /// The category of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|category| category.as_str() == name)
    }
}

/// The agent, as it names itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Agent {
    /// Its id.
    pub id: String,
    /// Its version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
}

/// The tool that an action would use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ToolRef {
    /// Its name at the server.
    pub name: String,
    /// The server (or API) that has it.
    pub server: String,
    /// SHA-256 of the tool's definition in canonical form, where the enforcement point saw it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub definition: Option<Digest>,
}

/// Ids that tie an action to what surrounds it. Each is an identifier from outside.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Correlation {
    /// W3C trace id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace_id: Option<String>,
    /// W3C span id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub span_id: Option<String>,
    /// The agent's session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_id: Option<String>,
    /// The conversation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conversation_id: Option<String>,
    /// The client's own id of the tool call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call_id: Option<String>,
    /// The action that led to this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent_action: Option<Uuid>,
    /// A ticket or change number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ticket: Option<String>,
}

impl Correlation {
    /// The textual ids that are set.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        [&self.trace_id, &self.span_id, &self.session_id, &self.conversation_id, &self.call_id, &self.ticket]
            .into_iter()
            .filter_map(|id| id.as_deref())
    }
}

/// Where a proposal came in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// `api`, `mcp`, …
    pub via: String,
    /// The enforcement point's version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
}

/// What the presented key proves, in contrast to what the agent says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Authenticated {
    /// Id of the API key.
    pub key: Uuid,
    /// Its kind.
    pub kind: super::KeyKind,
}

/// How far the enforcement point stands from the agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Isolation {
    /// Same operating system user: a record for the developer, no boundary.
    SameUser,
    /// Another user of the same host.
    SeparateUser,
    /// Another host.
    Remote,
}

/// `action.proposed`: what the agent wants. Sealed: payload, intent, user, resource, context.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ActionProposed {
    /// Who asks, in its own words.
    pub agent: Agent,
    /// The model behind the agent, in its own words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// The tool.
    pub tool: ToolRef,
    /// The kind of side effect.
    pub category: Category,
    /// Type of the affected resource; its id is sealed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource_type: Option<String>,
    /// The caller's idempotency key, unique per workspace and API key.
    pub request_id: String,
    /// Ids of what surrounds it.
    #[serde(default)]
    pub correlation: Correlation,
    /// The enforcement point.
    pub source: Source,
    /// What the key proves.
    pub authenticated: Authenticated,
    /// How far the enforcement point stands from the agent.
    pub isolation: Isolation,
}

/// What policy says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// It may go ahead.
    Allow,
    /// It may not.
    Deny,
    /// People must agree first.
    Review,
}

/// What a rule does when it fires.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// Permits.
    Permit,
    /// Forbids for good.
    Forbid,
    /// Forbids until reviewed.
    Review,
}

/// A rule that determined the decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reason {
    /// The rule's id.
    pub rule: String,
    /// What it did.
    pub effect: Effect,
}

/// A risk rule that fired.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Factor {
    /// The rule's id.
    pub rule: String,
    /// The points it added.
    pub points: u32,
}

/// The risk of an action, 0 to 100.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Risk {
    /// The sum of the factors, at most 100.
    pub score: u32,
    /// What added to it.
    pub factors: Vec<Factor>,
}

/// One review rule that must be satisfied: `quorum` distinct people out of `groups`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Requirement {
    /// The rule's id.
    pub rule: String,
    /// A member of any of these may fill a seat.
    pub groups: Vec<String>,
    /// How many distinct people.
    pub quorum: u32,
    /// How their approvals must be signed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<Signing>,
    /// How many seconds a standing approval may last that fills its seats; none may where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub standing_s: Option<u64>,
    /// Who may decide too, if it waits long.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub escalation: Option<Escalation>,
}

/// From a time on, more groups may decide.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Escalation {
    /// From when on.
    pub at: Timestamp,
    /// Those groups.
    pub groups: Vec<String>,
}

/// What a review takes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReviewDemand {
    /// Every one must be satisfied.
    pub requirements: Vec<Requirement>,
    /// Not decided by then is expired, which is denied.
    pub expires_at: Timestamp,
}

/// A rule that could not be evaluated; its text is sealed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuleError {
    /// The rule's id.
    pub rule: String,
    /// A stable name of what went wrong.
    pub code: String,
}

/// A version of the policy set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicyRef {
    /// Its short name.
    pub version: String,
    /// SHA-256 of its whole text in canonical form.
    pub digest: Digest,
}

/// `action.decided`: what policy says, and why. Sealed: facts, errors (their texts), reasons (where `reasons` is cut).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ActionDecided {
    /// The answer.
    pub decision: Decision,
    /// The policy that was asked.
    pub policy_set: PolicyRef,
    /// The rules that determined it, at most 32 of them.
    pub reasons: Vec<Reason>,
    /// How many there are, where that is more than are listed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reasons_total: Option<u64>,
    /// The risk.
    pub risk: Risk,
    /// What a review takes, where the decision is review.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub review: Option<ReviewDemand>,
    /// Rules that failed; any makes the decision deny.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<RuleError>,
    /// The payload version that was judged: 0 as proposed.
    pub payload_version: u32,
}

/// Who let an action go ahead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AuthorizedBy {
    /// Policy alone.
    Policy,
    /// Reviewers, after policy asked for them.
    Review,
    /// Reviewers who had approved in advance what is like it; nobody looked at it.
    Standing,
}

/// `action.authorized`: exactly this payload may be executed once, until then.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ActionAuthorized {
    /// Who let it.
    pub by: AuthorizedBy,
    /// The policy in force.
    pub policy_set: PolicyRef,
    /// The authorized version.
    pub payload_version: u32,
    /// The sealed payload's digest.
    pub payload: Digest,
    /// The authorization ends here.
    pub expires_at: Timestamp,
}

/// How an action ended where no other record says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Closing {
    /// Its authorization was never used.
    AuthorizationExpired,
    /// The caller gave it up after it was authorized.
    Cancelled,
    /// Its subject was erased while it was open.
    SubjectErased,
}

/// `action.closed`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ActionClosed {
    /// How it ended.
    pub how: Closing,
}
