use axum::extract::State;
use countersign_wire::ToolView;

use crate::answer::{Answer, ok};
use crate::app::App;
use crate::asker::Asker;

/// Tools that were called
///
/// Of the newest 25,000 actions; those that no rule decided about come first.
#[utoipa::path(get, path = "/v1/tools", tag = "policies",
    responses((status = 200, body = Vec<ToolView>, description = "What policy said about each")))]
pub(crate) async fn list_tools(State(app): State<App>, Asker(caller): Asker) -> Answer {
    ok(&app.gate().tools(&caller).await?)
}
