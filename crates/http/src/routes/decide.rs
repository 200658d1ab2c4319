use axum::extract::State;
use countersign_wire::{ActionView, DecideRequest};

use crate::answer::{Answer, ok};
use crate::app::App;
use crate::asker::Asker;
use crate::body::Given;
use crate::params::Id;

/// Decide a review
///
/// Approve or deny what was shown; with a payload, edit and approve: policy decides on it again.
#[utoipa::path(post, path = "/v1/reviews/{action}/decide", tag = "reviews", request_body = DecideRequest,
    params(("action" = Uuid, Path, description = "The action's id")),
    responses((status = 200, body = ActionView, description = "Recorded; `state` says what it came to")))]
pub(crate) async fn decide(
    State(app): State<App>,
    Asker(caller): Asker,
    Id(action): Id,
    Given(request): Given<DecideRequest>,
) -> Answer {
    ok(&app.gate().decide(&caller, action, request).await?)
}
