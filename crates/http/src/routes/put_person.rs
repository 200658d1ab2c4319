use axum::extract::State;
use countersign_wire::{PersonRequest, PersonView};

use crate::answer::{Answer, ok};
use crate::app::App;
use crate::asker::Asker;
use crate::body::Given;

/// Add a person, or change its groups
#[utoipa::path(post, path = "/v1/people", tag = "access", request_body = PersonRequest,
    responses((status = 200, body = PersonView, description = "As it is from now on")))]
pub(crate) async fn put_person(
    State(app): State<App>,
    Asker(caller): Asker,
    Given(request): Given<PersonRequest>,
) -> Answer {
    ok(&app.gate().put_person(&caller, request).await?)
}
