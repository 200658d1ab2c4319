use axum::extract::State;
use countersign_wire::{ActionView, FinishRequest};

use crate::answer::{Answer, ok};
use crate::app::App;
use crate::asker::Asker;
use crate::body::Given;
use crate::params::Id;

/// Record what came of an execution
///
/// Late outcomes are taken too, and marked as such.
#[utoipa::path(post, path = "/v1/actions/{action}/finish", tag = "actions", request_body = FinishRequest,
    params(("action" = Uuid, Path, description = "The action's id")),
    responses((status = 200, body = ActionView, description = "Recorded")))]
pub(crate) async fn finish(
    State(app): State<App>,
    Asker(caller): Asker,
    Id(action): Id,
    Given(request): Given<FinishRequest>,
) -> Answer {
    ok(&app.gate().finish(&caller, action, request).await?)
}
