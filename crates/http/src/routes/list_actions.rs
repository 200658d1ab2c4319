use axum::extract::State;
use countersign_evidence::record::{Category, Decision};
use countersign_evidence::time::Timestamp;
use countersign_index::{Query, search};
use countersign_wire::{Page, State as ActionState};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::answer::{Answer, ok};
use crate::app::App;
use crate::asker::Asker;
use crate::kinds;
use crate::params::Params;
use crate::problem::Failure;

/// What a list is narrowed to; everything that is given must hold.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Filters {
    /// A question in the search box's language, such as `agent:billing decision:deny tool:stripe/* since:7d "text"`. Not
    /// together with other filters but `before` and `limit`.
    q: Option<String>,
    /// The agent's id.
    agent: Option<String>,
    /// The user's id.
    user: Option<String>,
    /// `server/tool`; a `*` at the end stands for anything.
    tool: Option<String>,
    /// The kind of side effect.
    #[param(value_type = Option<String>)]
    category: Option<Category>,
    /// What policy decided last: `allow`, `deny` or `review`.
    #[param(value_type = Option<String>)]
    decision: Option<Decision>,
    /// Where the action stands.
    #[param(inline)]
    state: Option<ActionState>,
    /// A rule that determined the decision.
    rule: Option<String>,
    /// The opaque id of a person who decided a review.
    reviewer: Option<String>,
    /// The environment.
    environment: Option<String>,
    /// The id of the affected resource.
    resource: Option<String>,
    /// Words that all occur in what the reader may see; a `*` at a word's end stands for any rest.
    text: Option<String>,
    /// Proposed at or after.
    #[param(value_type = Option<String>)]
    since: Option<Timestamp>,
    /// Proposed before.
    #[param(value_type = Option<String>)]
    until: Option<Timestamp>,
    /// The agent's session.
    session: Option<String>,
    /// The W3C trace id.
    trace: Option<String>,
    /// Only actions whose first record lies before this log position: `next` of the page before.
    before: Option<u64>,
    /// Rows of the page, 1 to 500; 50 where absent.
    limit: Option<usize>,
}

impl Filters {
    /// The question, by its text or by single filters.
    fn query(self, now: Timestamp) -> Result<Query, Failure> {
        let bad = |what: String| Failure::new(kinds::BAD_QUERY, what);
        let (before, limit) = (self.before, self.limit.unwrap_or(Query::default().limit));
        let Some(text) = self.q.clone() else { return Ok(self.filters(limit)) };
        let asked = search::search(&text, now).map_err(|error| bad(format!("q: {error}")))?;
        match self.filters(limit) == (Query { before, limit, ..Query::default() }) {
            true => Ok(Query { before, limit, ..asked }),
            false => Err(bad("q says it all: give it alone, or single filters".to_owned())),
        }
    }

    fn filters(self, limit: usize) -> Query {
        let filters = self;
        Query {
            agent: filters.agent,
            user: filters.user,
            tool: filters.tool,
            category: filters.category,
            decision: filters.decision,
            state: filters.state,
            rule: filters.rule,
            reviewer: filters.reviewer,
            environment: filters.environment,
            resource: filters.resource,
            text: filters.text,
            since: filters.since,
            until: filters.until,
            session: filters.session,
            trace: filters.trace,
            before: filters.before,
            limit,
            ..Query::default()
        }
    }
}

/// List actions
///
/// Newest first, paged by log position. `as_of` says which records the answer counts.
#[utoipa::path(get, path = "/v1/actions", tag = "actions", params(Filters),
    responses((status = 200, body = Page, description = "A page; pages of the past never change")))]
pub(crate) async fn list_actions(
    State(app): State<App>,
    Asker(caller): Asker,
    Params(filters): Params<Filters>,
) -> Answer {
    let query = filters.query(app.clock().now())?;
    ok(&app.gate().list(&caller, query).await?)
}
