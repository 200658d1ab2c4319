use axum::extract::State;
use countersign_evidence::json::Value;

use crate::answer::{Answer, ok};
use crate::app::App;
use crate::asker::Asker;
use crate::params::Segment;

/// What a server's tools say of themselves
///
/// The latest definition of each tool that an enforcement point put on record, for whoever asks before the call is made.
#[utoipa::path(get, path = "/v1/tools/{server}", tag = "actions",
    params(("server" = String, Path, description = "The server's name, as in proposals")),
    responses((status = 200, body = Vec<Object>, description = "Tool objects as MCP lists them")))]
pub(crate) async fn server_tools(State(app): State<App>, Asker(caller): Asker, Segment(server): Segment) -> Answer {
    let tools: Vec<Value> = app.gate().tools_of(&caller, &server).await?;
    ok(&tools)
}
