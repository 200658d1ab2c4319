use axum::extract::State;
use countersign_wire::{ActionView, CancelRequest};

use crate::answer::{Answer, ok};
use crate::app::App;
use crate::asker::Asker;
use crate::body::Given;
use crate::params::Id;

/// Give an action up
///
/// What was not started never will be.
#[utoipa::path(post, path = "/v1/actions/{action}/cancel", tag = "actions", request_body = CancelRequest,
    params(("action" = Uuid, Path, description = "The action's id")),
    responses((status = 200, body = ActionView, description = "Closed, or where it stood already")))]
pub(crate) async fn cancel(
    State(app): State<App>,
    Asker(caller): Asker,
    Id(action): Id,
    Given(request): Given<CancelRequest>,
) -> Answer {
    ok(&app.gate().cancel(&caller, action, request).await?)
}
