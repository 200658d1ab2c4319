use axum::extract::State;
use countersign_wire::{StandingRequest, StandingView};

use crate::answer::{Answer, created};
use crate::app::App;
use crate::asker::Asker;
use crate::body::Given;

/// Approve in advance
///
/// By a reviewer who has seen an action that waits: what the same agent proposes with the same tool is approved by it as if
/// the reviewer had answered, so often and until then, where the rule that asks lets it (`@standing`).
#[utoipa::path(post, path = "/v1/standing", tag = "reviews", request_body = StandingRequest,
    responses((status = 201, body = StandingView, description = "In force; the action itself still waits")))]
pub(crate) async fn grant_standing(
    State(app): State<App>,
    Asker(caller): Asker,
    Given(request): Given<StandingRequest>,
) -> Answer {
    created(&app.gate().grant_standing(&caller, request).await?)
}
