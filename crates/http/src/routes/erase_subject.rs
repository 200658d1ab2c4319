use axum::extract::State;
use countersign_wire::{EraseRequest, Erased};

use crate::answer::{Answer, ok};
use crate::app::App;
use crate::asker::Asker;
use crate::body::Given;

/// Destroy what is known of a user
///
/// The user's open actions close and its keys are destroyed; the log's proofs stay good.
#[utoipa::path(post, path = "/v1/subjects/erase", tag = "access", request_body = EraseRequest,
    responses((status = 200, body = Erased, description = "Done, and on record")))]
pub(crate) async fn erase_subject(
    State(app): State<App>,
    Asker(caller): Asker,
    Given(request): Given<EraseRequest>,
) -> Answer {
    ok(&app.gate().erase_subject(&caller, request).await?)
}
