use axum::extract::State;
use countersign_wire::{ActionView, ResolveRequest};

use crate::answer::{Answer, ok};
use crate::app::App;
use crate::asker::Asker;
use crate::body::Given;
use crate::params::Id;

/// Settle an unknown outcome
///
/// By an operator who has found out what came of it. The executor's own late word is a finish.
#[utoipa::path(post, path = "/v1/actions/{action}/resolve", tag = "actions", request_body = ResolveRequest,
    params(("action" = Uuid, Path, description = "The action's id")),
    responses((status = 200, body = ActionView, description = "Succeeded or failed, from now on")))]
pub(crate) async fn resolve_outcome(
    State(app): State<App>,
    Asker(caller): Asker,
    Id(action): Id,
    Given(request): Given<ResolveRequest>,
) -> Answer {
    ok(&app.gate().resolve_outcome(&caller, action, request).await?)
}
