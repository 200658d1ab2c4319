use axum::extract::State;
use countersign_wire::{ActionView, HandOverRequest};

use crate::answer::{Answer, ok};
use crate::app::App;
use crate::asker::Asker;
use crate::body::Given;
use crate::params::Id;

/// Hand a review over
///
/// Another reviewer, who may decide it already, is asked to. Nobody gains a right by it.
#[utoipa::path(post, path = "/v1/reviews/{action}/hand-over", tag = "reviews", request_body = HandOverRequest,
    params(("action" = Uuid, Path, description = "The action's id")),
    responses((status = 200, body = ActionView, description = "Recorded")))]
pub(crate) async fn hand_over(
    State(app): State<App>,
    Asker(caller): Asker,
    Id(action): Id,
    Given(request): Given<HandOverRequest>,
) -> Answer {
    ok(&app.gate().hand_over(&caller, action, request).await?)
}
