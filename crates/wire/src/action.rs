use countersign_evidence::digest::Digest;
use countersign_evidence::json::Value;
use countersign_evidence::record::{Agent, Category, Correlation, Decision, Outcome, Source, ToolRef};
use countersign_evidence::time::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

/// The person on whose behalf an agent acts. Sealed in the evidence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UserRef {
    /// The identity, as the caller knows it.
    pub id: String,
    /// The groups that the caller says it is in.
    #[serde(default)]
    pub groups: Vec<String>,
}

/// What would be affected. The id is sealed in the evidence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Resource {
    /// Its type, an identifier.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its id.
    pub id: String,
}

/// Start at once if policy allows: one commit instead of two.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StartNow {
    /// The caller's name for the attempt.
    pub attempt: String,
    /// The executor's process instance, an identifier; the key's id where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub executor: Option<String>,
    /// Seconds until the outcome counts as unknown.
    #[serde(default)]
    pub deadline_s: Option<u32>,
}

/// `POST /v1/actions`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ProposeRequest {
    /// Idempotency key: the same id with the same content is the same action.
    pub request_id: String,
    /// Who asks.
    #[schema(value_type = Object)]
    pub agent: Agent,
    /// The model behind the agent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// On whose behalf.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<UserRef>,
    /// The environment; the configured default where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<String>,
    /// The tool.
    #[schema(value_type = Object)]
    pub tool: ToolRef,
    /// The kind of side effect; the policy's catalogue wins over it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub category: Option<Category>,
    /// What would be affected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource: Option<Resource>,
    /// Everything that would reach the other side.
    #[schema(value_type = Object)]
    pub payload: Value,
    /// The agent's own words about why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub intent: Option<String>,
    /// Anything else that helps a reviewer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub context: Option<Value>,
    /// Ids of what surrounds it.
    #[serde(default)]
    #[schema(value_type = Object)]
    pub correlation: Correlation,
    /// Which enforcement point speaks; `api` where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub source: Option<Source>,
    /// Start at once if allowed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_if_allowed: Option<StartNow>,
    /// Take over an identical action of the same key, agent and tool that still waits (or was approved and not started)
    /// and that no other caller holds, in place of proposing a new one. A start by id then names this `request_id`. Where
    /// people denied it meanwhile and its caller was away, that denial is the answer, once, and nothing is proposed.
    #[serde(default)]
    pub redeem: bool,
    /// Seconds to hold the answer while a review waits, at most 600.
    #[serde(default)]
    pub wait_s: u32,
}

/// Where an action stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// People must decide.
    Waiting,
    /// It may be started once.
    Authorized,
    /// Started; the outcome is open.
    Executing,
    /// The other side did it.
    Succeeded,
    /// The other side refused or failed.
    Failed,
    /// Nobody knows what came of it.
    Unknown,
    /// Policy or a reviewer said no, or nobody said anything in time.
    Denied,
    /// The caller gave up, or never used the authorization.
    Closed,
}

impl State {
    /// Every state.
    pub const ALL: [State; 8] = [
        State::Waiting,
        State::Authorized,
        State::Executing,
        State::Succeeded,
        State::Failed,
        State::Unknown,
        State::Denied,
        State::Closed,
    ];

    /// The name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            State::Waiting => "waiting",
            State::Authorized => "authorized",
            State::Executing => "executing",
            State::Succeeded => "succeeded",
            State::Failed => "failed",
            State::Unknown => "unknown",
            State::Denied => "denied",
            State::Closed => "closed",
        }
    }
}

/// A rule that determined the decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReasonView {
    /// The rule's id.
    pub rule: String,
    /// `permit`, `forbid` or `review`.
    pub effect: String,
}

/// A review that an action waits for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReviewView {
    /// The groups that can decide.
    pub groups: Vec<String>,
    /// Not decided by then is denied.
    #[schema(value_type = String)]
    pub expires_at: Timestamp,
    /// What reviewers ask the agent's side and nobody has answered.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub questions: Vec<QuestionView>,
}

/// A question to the agent's side.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct QuestionView {
    /// Its id.
    pub question: Uuid,
    /// What is asked.
    pub text: String,
}

/// What may be executed, once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuthorizationView {
    /// The authorized payload version; above 0 a reviewer edited it, and `payload` is what must be executed.
    pub payload_version: u32,
    /// The authorization ends here.
    #[schema(value_type = String)]
    pub expires_at: Timestamp,
    /// The edited payload; absent where it is the proposed one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub payload: Option<Value>,
}

/// An execution, begun or ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ExecutionView {
    /// The attempt that holds the authorization.
    pub attempt: String,
    /// `exact` or `edited`.
    #[serde(rename = "match")]
    pub matches: String,
    /// `wire` or `attested`.
    pub enforcement: String,
    /// Without an outcome by then it is unknown.
    #[schema(value_type = String)]
    pub deadline: Timestamp,
    /// What came of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub outcome: Option<Outcome>,
}

/// An action as its caller sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ActionView {
    /// Its id.
    pub action: Uuid,
    /// Where it stands.
    pub state: State,
    /// What policy decided.
    #[schema(value_type = String)]
    pub decision: Decision,
    /// The rules that determined it.
    pub reasons: Vec<ReasonView>,
    /// Risk, 0 to 100.
    pub risk: u32,
    /// Short, for the model: what to do next, no policy internals.
    pub message: String,
    /// The review it waits for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub review: Option<ReviewView>,
    /// What may be executed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authorization: Option<AuthorizationView>,
    /// The execution.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub execution: Option<ExecutionView>,
    /// The policy version that decided last.
    pub policy: String,
    /// Log position of its latest record.
    pub position: u64,
}

/// `POST /v1/actions/{id}/start`. Exactly one of `payload` and `payload_sha256`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StartRequest {
    /// The caller's name for this attempt: the same one of the same request gets the same answer.
    pub attempt: String,
    /// The request that executes the action, where another than the one that proposed it redeems it. Without it a request
    /// that redeemed the action is not known for its execution: sent again after a restart it begins a new action.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// What that request says beside the payload; only with `request_id`. It is recorded where it redeems the action.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub context: Option<Value>,
    /// The executor's process instance, an identifier; the key's id where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub executor: Option<String>,
    /// The payload that will be executed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub payload: Option<Value>,
    /// SHA-256 of its canonical form, base64url.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub payload_sha256: Option<Digest>,
    /// Seconds until the outcome counts as unknown; the configured default where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline_s: Option<u32>,
}

/// `POST /v1/actions/{id}/finish`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FinishRequest {
    /// The attempt that ended.
    pub attempt: String,
    /// What came of it.
    #[schema(value_type = String)]
    pub outcome: Outcome,
    /// The protocol's own status, an identifier.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// What the other side answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub response: Option<Value>,
    /// What went wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// The other side's id of the request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub downstream_request_id: Option<String>,
    /// Microseconds that the other side took.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_us: Option<u64>,
}

impl FinishRequest {
    /// An attempt that ended so, with nothing more to be said; `status` is an identifier.
    pub fn ended(attempt: &str, outcome: Outcome, status: &str) -> Self {
        FinishRequest {
            attempt: attempt.to_owned(),
            outcome,
            status: Some(status.to_owned()),
            response: None,
            error: None,
            downstream_request_id: None,
            duration_us: None,
        }
    }
}

/// `POST /v1/actions/{id}/cancel`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CancelRequest {
    /// A stable name of why, an identifier; `caller_cancelled` where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// One row of a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SummaryView {
    /// The action.
    pub action: Uuid,
    /// When it was proposed.
    #[schema(value_type = String)]
    pub time: Timestamp,
    /// Log position of its first record.
    pub position: u64,
    /// The agent's id.
    pub agent: String,
    /// `server/tool`.
    pub tool: String,
    /// The kind of side effect.
    pub category: String,
    /// What policy decided last.
    pub decision: String,
    /// Where it stands.
    pub state: State,
    /// Risk, 0 to 100.
    pub risk: u32,
    /// The environment.
    pub environment: String,
    /// The rules that determined the decision.
    pub rules: Vec<String>,
    /// The user, where the reader may see it and it was not erased.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The resource's id, likewise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource: Option<String>,
}

/// `POST /v1/actions/{action}/resolve`: what an unknown outcome turned out to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ResolveRequest {
    /// `succeeded` or `failed`.
    #[schema(value_type = String)]
    pub outcome: Outcome,
    /// How that is known, in a word without spaces.
    pub basis: String,
    /// What shows it; sealed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub evidence: Option<Value>,
    /// The id of the record elsewhere that it was read from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<Uuid>,
}

/// `POST /v1/tools`: what a server says of its tools.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DefineToolsRequest {
    /// The server's name, as in proposals.
    pub server: String,
    /// Tool objects as MCP lists them: `name`, `description`, `inputSchema`, `annotations`, …
    #[schema(value_type = Vec<Object>)]
    pub tools: Vec<Value>,
}

/// What became of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ToolsDefined {
    /// Those that were not on record before.
    pub recorded: u64,
}

/// A page of a list. Pages of the past never change: `next` goes on from a log position.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Page {
    /// The rows, newest first.
    pub actions: Vec<SummaryView>,
    /// Ask again with `before` set to this for the next page; absent on the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<u64>,
    /// The answer counts every record below this log position.
    pub as_of: u64,
    /// When the oldest action was proposed that can still be found; absent where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub oldest: Option<Timestamp>,
    /// Durable records that the answer does not count yet; 0 as a rule.
    pub behind: u64,
}
