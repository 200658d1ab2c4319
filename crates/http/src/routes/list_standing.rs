use axum::extract::State;
use countersign_wire::StandingView;

use crate::answer::{Answer, ok};
use crate::app::App;
use crate::asker::Asker;

/// What is approved in advance
///
/// Standing approvals in force, and those that ended within 30 days.
#[utoipa::path(get, path = "/v1/standing", tag = "reviews",
    responses((status = 200, body = Vec<StandingView>, description = "The newest first")))]
pub(crate) async fn list_standing(State(app): State<App>, Asker(caller): Asker) -> Answer {
    ok(&app.gate().standing(&caller)?)
}
