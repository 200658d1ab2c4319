use axum::extract::State;
use countersign_wire::{ActionView, AnswerRequest};

use crate::answer::{Answer, ok};
use crate::app::App;
use crate::asker::Asker;
use crate::body::Given;
use crate::params::Id;

/// Answer a reviewer's question
///
/// Reviewers see it, and it is on record.
#[utoipa::path(post, path = "/v1/actions/{action}/answer", tag = "actions", request_body = AnswerRequest,
    params(("action" = Uuid, Path, description = "The action's id")),
    responses((status = 200, body = ActionView, description = "Recorded")))]
pub(crate) async fn answer_question(
    State(app): State<App>,
    Asker(caller): Asker,
    Id(action): Id,
    Given(request): Given<AnswerRequest>,
) -> Answer {
    ok(&app.gate().answer_question(&caller, action, request).await?)
}
