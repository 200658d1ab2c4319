use axum::extract::State;
use countersign_evidence::record::Category;
use countersign_evidence::time::Timestamp;
use countersign_index::Query;
use countersign_wire::{Page, State as ActionState};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::answer::{Answer, ok};
use crate::app::App;
use crate::asker::Asker;
use crate::params::Params;

/// What a list is narrowed to; everything that is given must hold.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Filters {
    /// The agent's id.
    agent: Option<String>,
    /// The user's id.
    user: Option<String>,
    /// `server/tool`, or the tool's name.
    tool: Option<String>,
    /// The kind of side effect.
    #[param(value_type = Option<String>)]
    category: Option<Category>,
    /// `allow`, `deny` or `review`.
    decision: Option<String>,
    /// Where the action stands.
    #[param(inline)]
    state: Option<ActionState>,
    /// A rule that determined the decision.
    rule: Option<String>,
    /// The environment.
    environment: Option<String>,
    /// Words that occur in what the reader may see.
    text: Option<String>,
    /// Proposed at this time or later.
    #[param(value_type = Option<String>)]
    from: Option<Timestamp>,
    /// Proposed before this time.
    #[param(value_type = Option<String>)]
    to: Option<Timestamp>,
    /// The agent's session.
    session: Option<String>,
    /// The W3C trace id.
    trace: Option<String>,
    /// Only actions whose first record lies below this log position: `next` of the page before.
    before: Option<u64>,
    /// Most rows.
    limit: Option<u32>,
}

/// List actions
///
/// Newest first, paged by log position. `as_of` says which records the answer counts.
#[utoipa::path(get, path = "/v1/actions", tag = "actions", params(Filters),
    responses((status = 200, body = Page, description = "A page; pages of the past never change")))]
pub(crate) async fn list_actions(State(app): State<App>, Asker(caller): Asker, Params(filters): Params<Filters>) -> Answer {
    ok(&app.gate().list(&caller, filters.into()).await?)
}

impl From<Filters> for Query {
    fn from(filters: Filters) -> Self {
        Query {
            agent: filters.agent,
            user: filters.user,
            tool: filters.tool,
            category: filters.category,
            decision: filters.decision,
            state: filters.state,
            rule: filters.rule,
            environment: filters.environment,
            text: filters.text,
            from: filters.from,
            to: filters.to,
            session: filters.session,
            trace: filters.trace,
            before: filters.before,
            limit: filters.limit,
        }
    }
}
