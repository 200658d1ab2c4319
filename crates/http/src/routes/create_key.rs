use axum::extract::State;
use countersign_wire::{KeyCreatedView, KeyRequest};

use crate::answer::{Answer, created};
use crate::app::App;
use crate::asker::Asker;
use crate::body::Given;

/// Make an API key
///
/// Its secret is in this answer and nowhere else.
#[utoipa::path(post, path = "/v1/keys", tag = "access", request_body = KeyRequest,
    responses((status = 201, body = KeyCreatedView, description = "The secret, once")))]
pub(crate) async fn create_key(
    State(app): State<App>,
    Asker(caller): Asker,
    Given(request): Given<KeyRequest>,
) -> Answer {
    created(&app.gate().create_key(&caller, request).await?)
}
