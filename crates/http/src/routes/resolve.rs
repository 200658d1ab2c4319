use axum::extract::State;
use countersign_evidence::id::is_identifier;
use countersign_gate::GateError;
use countersign_wire::Resolved;

use crate::answer::{Answer, ok};
use crate::app::App;
use crate::asker::Asker;
use crate::params::Segment;

/// What an id names
///
/// Any id that was ever seen: an action, request, trace, session, record, downstream request, …
#[utoipa::path(get, path = "/v1/resolve/{id}", tag = "actions",
    params(("id" = String, Path, description = "Any id")),
    responses((status = 200, body = Resolved, description = "The actions that it ties together")))]
pub(crate) async fn resolve(State(app): State<App>, Asker(caller): Asker, Segment(id): Segment) -> Answer {
    if !is_identifier(&id) {
        return Err(GateError::NotFound("such id").into());
    }
    ok(&app.gate().resolve(&caller, &id).await?)
}
