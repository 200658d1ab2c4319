use axum::Router;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use bytes::Bytes;
use serde_json::{Value, json};

/// What `countersign bench` compares the gate with: reads any JSON at `POST /trivial` and answers JSON of the size of the
/// gate's answers, nothing more.
pub fn trivial_router() -> Router {
    Router::new().route("/trivial", post(trivial))
}

async fn trivial(body: Bytes) -> Response {
    let Ok(asked) = serde_json::from_slice::<Value>(&body) else { return StatusCode::BAD_REQUEST.into_response() };
    let answer = json!({
        "action": "018f0000-0000-7000-8000-000000000000",
        "authorization": { "expires_at": "2026-01-02T03:04:05.000006Z", "payload_version": 0 },
        "decision": "allow",
        "message": "",
        "policy": "0123456789abcdef",
        "position": 0,
        "reasons": [{ "effect": "permit", "rule": "trivial" }],
        "request_id": asked.get("request_id"),
        "risk": 0,
        "state": "authorized",
    });
    (StatusCode::CREATED, [(CONTENT_TYPE, "application/json")], answer.to_string()).into_response()
}
