use axum::extract::State;
use axum::http::header::{HeaderValue, LOCATION};
use axum::http::{HeaderMap, StatusCode};

use crate::answer::{Answer, ok};
use crate::app::App;
use crate::asker::Asker;
use crate::authzen::access_request::submit;
use crate::authzen::body::Said;
use crate::authzen::mapping::Around;
use crate::authzen::task::Status;
use crate::problem::Failure;

/// AuthZEN: ask people about a denial
///
/// Access Request and Approval Profile. Repeat it with the same `Idempotency-Key` and body: it is the same task.
#[utoipa::path(post, path = "/access/v1/requests", tag = "authzen", request_body = Object,
    responses(
        (status = 202, body = Object, description = "`task`: people are asked"),
        (status = 201, body = Object, description = "`task` and `result`: nobody needs to be asked any more")))]
pub(crate) async fn request_access(
    State(app): State<App>,
    Asker(caller): Asker,
    headers: HeaderMap,
    Said(said): Said,
) -> Answer {
    let around = Around::of(&headers, &caller);
    let task = submit(&app, &caller, &around, &headers, &said).await.map_err(Failure::into_bad_request)?;
    let mut response = ok(&task.answer(app.gate(), &app.authzen()?.signer)?)?;
    *response.status_mut() = match task.status {
        Status::Pending => StatusCode::ACCEPTED,
        _ => StatusCode::CREATED,
    };
    if let Ok(location) = HeaderValue::try_from(task.place(app.gate())) {
        response.headers_mut().insert(LOCATION, location);
    }
    Ok(response)
}
