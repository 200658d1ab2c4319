use axum::extract::State;
use countersign_wire::{ImportPolicy, PolicyView};

use crate::answer::{Answer, created};
use crate::app::App;
use crate::asker::Asker;
use crate::body::Given;

/// Bring a policy set into force
///
/// A set that does not load, or fails one of its own tests, is refused and the old one stays.
#[utoipa::path(post, path = "/v1/policies", tag = "policies", request_body = ImportPolicy,
    responses((status = 201, body = PolicyView, description = "In force")))]
pub(crate) async fn activate_policy(
    State(app): State<App>,
    Asker(caller): Asker,
    Given(request): Given<ImportPolicy>,
) -> Answer {
    created(&app.gate().activate_policy(&caller, request).await?)
}
