use axum::extract::State;
use countersign_wire::SessionView;

use crate::answer::{Answer, ok};
use crate::app::App;
use crate::asker::Asker;

/// Who is signed in
///
/// One's own sessions; all of them for an admin.
#[utoipa::path(get, path = "/v1/sessions", tag = "access",
    responses((status = 200, body = Vec<SessionView>, description = "The latest first")))]
pub(crate) async fn list_sessions(State(app): State<App>, Asker(caller): Asker) -> Answer {
    ok(&app.gate().sessions(&caller)?)
}
