use axum::extract::State;
use countersign_wire::Story;

use crate::answer::{Answer, ok};
use crate::app::App;
use crate::asker::Asker;
use crate::params::Id;

/// The four answers about an action
#[utoipa::path(get, path = "/v1/actions/{action}/story", tag = "actions",
    params(("action" = Uuid, Path, description = "The action's id")),
    responses((status = 200, body = Story, description = "What was intended, decided, approved, and whether what was executed matches")))]
pub(crate) async fn story(State(app): State<App>, Asker(caller): Asker, Id(action): Id) -> Answer {
    ok(&app.gate().story(&caller, action).await?)
}
