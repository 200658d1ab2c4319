use axum::extract::State;
use countersign_wire::{DecideRequest, StatementView};

use crate::answer::{Answer, ok};
use crate::app::App;
use crate::asker::Asker;
use crate::body::Given;
use crate::params::Id;

/// What a signed answer will state
///
/// For a passkey to sign: hand the same request in at `decide`, with the signature. Nothing is recorded.
#[utoipa::path(post, path = "/v1/reviews/{action}/statement", tag = "reviews", request_body = DecideRequest,
    params(("action" = Uuid, Path, description = "The action's id")),
    responses((status = 200, body = StatementView, description = "The challenge, and whose passkeys may answer it")))]
pub(crate) async fn statement(
    State(app): State<App>,
    Asker(caller): Asker,
    Id(action): Id,
    Given(request): Given<DecideRequest>,
) -> Answer {
    ok(&app.gate().statement(&caller, action, &request)?)
}
