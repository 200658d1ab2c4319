use axum::extract::State;
use countersign_wire::RuntimeContext;

use crate::answer::{Answer, ok};
use crate::app::App;
use crate::asker::Asker;
use crate::params::Id;

/// What the agent's side reported about an action
///
/// OpenTelemetry spans and events that share a trace, a tool call or a session with it. Each is the word of the key that sent
/// it, and no evidence.
#[utoipa::path(get, path = "/v1/actions/{action}/context", tag = "actions",
    params(("action" = Uuid, Path, description = "The action's id")),
    responses((status = 200, body = RuntimeContext, description = "Spans and events, in the order of their beginning")))]
pub(crate) async fn show_context(State(app): State<App>, Asker(caller): Asker, Id(action): Id) -> Answer {
    ok(&app.gate().context(&caller, action).await?)
}
