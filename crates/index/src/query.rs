use countersign_evidence::record::{Category, Decision};
use countersign_evidence::time::Timestamp;
use countersign_wire::State;

/// Most rows of a page.
pub const MOST_ROWS: usize = 500;
const USUAL_ROWS: usize = 50;

/// Which actions a list has: those that every given member fits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    /// The agent's id.
    pub agent: Option<String>,
    /// The user's id.
    pub user: Option<String>,
    /// `server/tool`; a `*` at the end stands for anything.
    pub tool: Option<String>,
    /// The kind of side effect.
    pub category: Option<Category>,
    /// What policy decided last.
    pub decision: Option<Decision>,
    /// Where the action stands.
    pub state: Option<State>,
    /// A rule that determined the decision.
    pub rule: Option<String>,
    /// The opaque id of a person who decided a review.
    pub reviewer: Option<String>,
    /// The environment.
    pub environment: Option<String>,
    /// The id of the affected resource.
    pub resource: Option<String>,
    /// Words that all occur; a `*` at a word's end stands for any rest.
    pub text: Option<String>,
    /// Proposed at or after.
    pub since: Option<Timestamp>,
    /// Proposed before.
    pub until: Option<Timestamp>,
    /// The agent's session.
    pub session: Option<String>,
    /// The W3C trace id.
    pub trace: Option<String>,
    /// What they do not have.
    pub without: Vec<Without>,
    /// Only actions whose first record lies before this log position: the cursor.
    pub before: Option<u64>,
    /// Rows of the page, 1 to [`MOST_ROWS`].
    pub limit: usize,
    /// Environments that the reader may see; empty is all.
    pub environments: Vec<String>,
    /// Agents that the reader may see; empty is all.
    pub agents: Vec<String>,
}

/// One thing that an action does not have; values as in [`Query`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Without {
    Agent(String),
    User(String),
    Tool(String),
    Category(Category),
    Decision(Decision),
    State(State),
    Rule(String),
    Reviewer(String),
    Environment(String),
    Resource(String),
    Session(String),
    Trace(String),
}

impl Default for Query {
    fn default() -> Self {
        Query {
            agent: None,
            user: None,
            tool: None,
            category: None,
            decision: None,
            state: None,
            rule: None,
            reviewer: None,
            environment: None,
            resource: None,
            text: None,
            since: None,
            until: None,
            session: None,
            trace: None,
            without: Vec::new(),
            before: None,
            limit: USUAL_ROWS,
            environments: Vec::new(),
            agents: Vec::new(),
        }
    }
}

impl Query {
    /// Limits the list to what a reader may see; an empty list is no limit.
    pub fn limit_to(&mut self, environments: &[String], agents: &[String]) {
        self.environments = environments.to_vec();
        self.agents = agents.to_vec();
    }
}
