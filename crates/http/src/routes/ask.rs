use axum::extract::State;
use countersign_wire::{ActionView, AskRequest};

use crate::answer::{Answer, ok};
use crate::app::App;
use crate::asker::Asker;
use crate::body::Given;
use crate::params::Id;

/// Ask the agent's side
///
/// The question is on record, and in `review.questions` of the action until it is answered. Time goes on.
#[utoipa::path(post, path = "/v1/reviews/{action}/ask", tag = "reviews", request_body = AskRequest,
    params(("action" = Uuid, Path, description = "The action's id")),
    responses((status = 200, body = ActionView, description = "Recorded")))]
pub(crate) async fn ask(
    State(app): State<App>,
    Asker(caller): Asker,
    Id(action): Id,
    Given(request): Given<AskRequest>,
) -> Answer {
    ok(&app.gate().ask(&caller, action, request).await?)
}
