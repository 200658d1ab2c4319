use axum::extract::State;
use countersign_wire::{ProposeRequest, TriedView};

use crate::answer::{Answer, ok};
use crate::app::App;
use crate::asker::Asker;
use crate::body::Given;

/// Ask what policy would decide
///
/// The policy in force, with the facts as they are. Nothing is recorded, nothing counts, nothing may be executed.
#[utoipa::path(post, path = "/v1/policies/try", tag = "policies", request_body = ProposeRequest,
    responses((status = 200, body = TriedView, description = "What it would be")))]
pub(crate) async fn try_policy(
    State(app): State<App>,
    Asker(caller): Asker,
    Given(request): Given<ProposeRequest>,
) -> Answer {
    ok(&app.gate().try_out(&caller, request)?)
}
