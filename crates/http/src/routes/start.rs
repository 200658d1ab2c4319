use axum::extract::State;
use countersign_wire::{ActionView, StartRequest};

use crate::answer::{Answer, ok};
use crate::app::App;
use crate::asker::Asker;
use crate::body::Given;
use crate::params::Id;

/// Ask for the go-ahead
///
/// 200: `execution.started` is durable and the effect may leave now. 409: refused and recorded, with which of mismatch, expired,
/// already_used, unauthorized, policy_changed.
#[utoipa::path(post, path = "/v1/actions/{action}/start", tag = "actions", request_body = StartRequest,
    params(("action" = Uuid, Path, description = "The action's id")),
    responses((status = 200, body = ActionView, description = "Go")))]
pub(crate) async fn start(
    State(app): State<App>,
    Asker(caller): Asker,
    Id(action): Id,
    Given(request): Given<StartRequest>,
) -> Answer {
    ok(&app.gate().start(&caller, action, request).await?)
}
