use axum::extract::State;
use countersign_wire::PendingReview;

use crate::answer::{Answer, ok};
use crate::app::App;
use crate::asker::Asker;

/// What waits for people
#[utoipa::path(get, path = "/v1/reviews", tag = "reviews",
    responses((status = 200, body = Vec<PendingReview>, description = "Soonest to expire first")))]
pub(crate) async fn list_reviews(State(app): State<App>, Asker(caller): Asker) -> Answer {
    ok(&app.gate().reviews(&caller)?)
}
