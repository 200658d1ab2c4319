use axum::extract::State;
use axum::http::HeaderMap;

use crate::answer::{Answer, ok};
use crate::app::App;
use crate::asker::Asker;
use crate::authzen::batch;
use crate::authzen::body::Said;
use crate::authzen::mapping::Around;
use crate::problem::Failure;

/// AuthZEN: decide many
///
/// At most 100 `evaluations`; what one does not say the request itself says. What is wrong with one denies it alone.
#[utoipa::path(post, path = "/access/v1/evaluations", tag = "authzen", request_body = Object,
    responses((status = 200, body = Object, description = "`evaluations`, in the same order")))]
pub(crate) async fn evaluate_all(
    State(app): State<App>,
    Asker(caller): Asker,
    headers: HeaderMap,
    Said(said): Said,
) -> Answer {
    let around = Around::of(&headers, &caller);
    let answered = batch::evaluate_all(&app, &caller, &around, &said).await;
    ok(&answered.map_err(Failure::into_bad_request)?)
}
