use countersign_evidence::record::{Category, Decision, Match, Outcome};
use countersign_evidence::time::Timestamp;
use countersign_wire::State;
use uuid::Uuid;

/// Everything that the index holds of an action.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The action.
    pub action: Uuid,
    /// Log positions of its records, in order; the first is the row's place in lists.
    pub positions: Vec<u64>,
    /// When it was proposed.
    pub time: Timestamp,
    /// When it was over.
    pub closed: Option<Timestamp>,
    /// The agent's id.
    pub agent: String,
    /// `server/tool`.
    pub tool: String,
    /// The environment.
    pub environment: String,
    /// The kind of side effect.
    pub category: Category,
    /// What policy decided last.
    pub decision: Option<Decision>,
    /// Where it stands.
    pub state: State,
    /// Risk, 0 to 100.
    pub risk: u32,
    /// The rules that determined the decision.
    pub rules: Vec<String>,
    /// Opaque ids of the people who decided its reviews.
    pub reviewers: Vec<String>,
    /// Id of the API key that proposed it.
    pub key: Uuid,
    /// The caller's idempotency key.
    pub request_id: String,
    /// The request that took it over once it was approved.
    pub redeemed_by: Option<String>,
    /// Type of the affected resource.
    pub resource_type: Option<String>,
    /// The user, unless erased.
    pub user: Option<String>,
    /// The affected resource's id, unless erased.
    pub resource: Option<String>,
    /// The agent's session.
    pub session: Option<String>,
    /// W3C trace id.
    pub trace: Option<String>,
    /// The client's id of the tool call.
    pub call: Option<String>,
    /// The conversation.
    pub conversation: Option<String>,
    /// A ticket or change number.
    pub ticket: Option<String>,
    /// The other side's id of the request.
    pub downstream: Option<String>,
    /// What came of the execution.
    pub outcome: Option<Outcome>,
    /// How the executed payload stands to the proposed one.
    pub matches: Option<Match>,
    /// Starts that were refused.
    pub refusals: u32,
    /// Keyed fingerprint of the proposed payload ([`countersign_evidence::open::fingerprint`]), unless erased.
    pub fingerprint: Option<[u8; 16]>,
    /// Id of the key that the proposal is sealed under.
    pub subject: Option<Uuid>,
}
