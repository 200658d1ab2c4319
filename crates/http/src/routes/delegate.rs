use axum::extract::State;
use countersign_wire::{DelegationRequest, DelegationView};

use crate::answer::{Answer, created};
use crate::app::App;
use crate::asker::Asker;
use crate::body::Given;

/// Let somebody decide while a person is away
#[utoipa::path(post, path = "/v1/delegations", tag = "access", request_body = DelegationRequest,
    responses((status = 201, body = DelegationView, description = "In force from its time on")))]
pub(crate) async fn delegate(
    State(app): State<App>,
    Asker(caller): Asker,
    Given(request): Given<DelegationRequest>,
) -> Answer {
    created(&app.gate().delegate(&caller, request).await?)
}
