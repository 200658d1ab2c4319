use axum::extract::State;
use countersign_wire::Presentation;

use crate::answer::{Answer, ok};
use crate::app::App;
use crate::asker::Asker;
use crate::params::Id;

/// What a reviewer sees
#[utoipa::path(get, path = "/v1/reviews/{action}", tag = "reviews",
    params(("action" = Uuid, Path, description = "The action's id")),
    responses((status = 200, body = Presentation, description = "That it was shown to a reviewer is on record")))]
pub(crate) async fn present(State(app): State<App>, Asker(caller): Asker, Id(action): Id) -> Answer {
    ok(&app.gate().present(&caller, action).await?)
}
