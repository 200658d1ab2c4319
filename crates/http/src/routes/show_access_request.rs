use axum::extract::State;

use crate::answer::{Answer, ok};
use crate::app::App;
use crate::asker::Asker;
use crate::authzen::task::{Task, action_of};
use crate::params::Segment;

/// AuthZEN: what has become of an access request
///
/// Once approved, `result.approval` goes into `context.approval` of the same evaluation again.
#[utoipa::path(get, path = "/access/v1/requests/{task}", tag = "authzen",
    params(("task" = String, Path, description = "The task's id")),
    responses((status = 200, body = Object, description = "`task`, and `result` where it was approved")))]
pub(crate) async fn show_access_request(
    State(app): State<App>,
    Asker(caller): Asker,
    Segment(task): Segment,
) -> Answer {
    let task = Task::find(app.gate(), &caller, action_of(&task), app.clock().now()).await?;
    ok(&task.answer(app.gate(), &app.authzen()?.signer)?)
}
