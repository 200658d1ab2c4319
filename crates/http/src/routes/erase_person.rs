use axum::extract::State;
use countersign_wire::{ErasePersonRequest, Erased};

use crate::answer::{Answer, ok};
use crate::app::App;
use crate::asker::Asker;
use crate::body::Given;

/// Destroy what is known of a reviewer
///
/// The person's API keys are revoked, and name and reasons are unreadable for good. Its decisions stay, under its id.
#[utoipa::path(post, path = "/v1/people/erase", tag = "access", request_body = ErasePersonRequest,
    responses((status = 200, body = Erased, description = "Done, and on record")))]
pub(crate) async fn erase_person(
    State(app): State<App>,
    Asker(caller): Asker,
    Given(request): Given<ErasePersonRequest>,
) -> Answer {
    ok(&app.gate().erase_person(&caller, request).await?)
}
