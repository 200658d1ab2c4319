use axum::body::Body;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;
use countersign_evidence::json;
use countersign_gate::GateError;
use serde::Serialize;

use crate::problem::Failure;

/// What a handler comes to.
pub(crate) type Answer = Result<Response, Failure>;

/// 200 with canonical JSON.
pub(crate) fn ok(value: &impl Serialize) -> Answer {
    json_answer(StatusCode::OK, value)
}

/// 201 with canonical JSON.
pub(crate) fn created(value: &impl Serialize) -> Answer {
    json_answer(StatusCode::CREATED, value)
}

fn json_answer(status: StatusCode, value: &impl Serialize) -> Answer {
    let text =
        json::to_string(value).map_err(|error| GateError::Broken(format!("the answer does not serialize: {error}")))?;
    let mut response = bytes(text, "application/json", "no-store");
    *response.status_mut() = status;
    Ok(response)
}

/// 200 with these bytes.
pub(crate) fn bytes(body: impl Into<Body>, media_type: &'static str, cache: &'static str) -> Response {
    let mut response = Response::new(body.into());
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static(cache));
    response
}

/// 200 with text that no cache keeps.
pub(crate) fn text(body: impl Into<Body>) -> Response {
    bytes(body, "text/plain; charset=utf-8", "no-store")
}
