use axum::extract::State;
use countersign_evidence::id::is_identifier;
use countersign_evidence::json::Value;
use countersign_wire::CancelRequest;

use crate::answer::{Answer, ok};
use crate::app::App;
use crate::asker::Asker;
use crate::authzen::body::PerhapsSaid;
use crate::authzen::problem::AccessProblem;
use crate::authzen::task::{Status, Task, action_of};
use crate::params::Segment;

/// AuthZEN: withdraw an access request
///
/// While people are being asked.
#[utoipa::path(post, path = "/access/v1/requests/{task}/cancel", tag = "authzen", request_body = Option<Object>,
    params(("task" = String, Path, description = "The task's id")),
    responses((status = 200, body = Object, description = "`task`")))]
pub(crate) async fn cancel_access_request(
    State(app): State<App>,
    Asker(caller): Asker,
    Segment(task): Segment,
    PerhapsSaid(said): PerhapsSaid,
) -> Answer {
    let now = app.clock().now();
    let task = Task::find(app.gate(), &caller, action_of(&task), now).await?;
    if task.status != Status::Pending {
        return Err(AccessProblem::InvalidTaskState.because("it is decided already: there is nothing to withdraw"));
    }
    let action = task.proposed.action.id;
    let why = said.get("reason").and_then(Value::as_str).filter(|why| is_identifier(why)).map(str::to_owned);
    app.gate().cancel(&caller, action, CancelRequest { why }).await?;
    let task = Task::find(app.gate(), &caller, Some(action), now).await?;
    ok(&task.answer(app.gate(), &app.authzen()?.signer)?)
}
