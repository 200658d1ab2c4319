//! What came of a call, as it is recorded.

use axum::http::{HeaderMap, StatusCode};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use countersign_evidence::digest::Digest;
use countersign_evidence::id::is_identifier;
use countersign_evidence::json::{self, Limits, Object, Value};
use countersign_evidence::record::Outcome;
use countersign_wire::FinishRequest;

/// Bytes of a body that are recorded whole; of a longer one digest and length are.
pub(crate) const MOST_RECORDED: usize = 64 << 10;
/// Longest error text that is recorded.
const MOST_ERROR: usize = 2_000;
/// Where APIs say what they call the request.
const REQUEST_IDS: [&str; 6] =
    ["x-request-id", "request-id", "x-amzn-requestid", "x-amz-request-id", "x-ms-request-id", "x-correlation-id"];

/// How much of the answer came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Came {
    /// All of it.
    Whole,
    /// It broke off: nobody knows what the other side has done.
    Broken,
    /// It was too long to be passed on.
    TooLong,
}

/// What an answer of this status means. A server that fails, or one in between that gives no answer, says nothing of what it
/// has done; only one that says that it cannot or will not has done nothing. A safe request does nothing anyway.
pub(crate) fn of_status(status: StatusCode, safe: bool) -> Outcome {
    match status.as_u16() {
        200..=399 => Outcome::Succeeded,
        501 | 503 | 505 => Outcome::Failed,
        408 | 500..=599 if !safe => Outcome::Unknown,
        _ => Outcome::Failed,
    }
}

/// The other side's id of the request, where it says one.
pub(crate) fn request_id(headers: &HeaderMap) -> Option<String> {
    let found = REQUEST_IDS.iter().filter_map(|name| headers.get(*name)?.to_str().ok());
    found.filter(|id| is_identifier(id)).map(str::to_owned).next()
}

/// The finish of an attempt that the other side answered.
pub(crate) fn answered(
    attempt: &str,
    (status, safe): (StatusCode, bool),
    headers: &HeaderMap,
    body: &Body<'_>,
    came: Came,
    duration_us: u64,
) -> FinishRequest {
    let mut response = Object::new();
    let kind = headers.get("content-type").and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    if !kind.is_empty() {
        response.insert("content_type", kind);
    }
    body.describe(kind, &mut response);
    let outcome = if came == Came::Whole { of_status(status, safe) } else { Outcome::Unknown };
    let error = match came {
        Came::Whole => None,
        Came::Broken => Some("the answer broke off".to_owned()),
        Came::TooLong => Some("the answer was too long to be passed on".to_owned()),
    };
    FinishRequest {
        response: Some(Value::Object(response)),
        error,
        downstream_request_id: request_id(headers),
        duration_us: Some(duration_us),
        ..FinishRequest::ended(attempt, outcome, status.as_str())
    }
}

/// The same with only digest and length of the response.
pub(crate) fn summarized(mut finish: FinishRequest) -> FinishRequest {
    if let Some(response) = finish.response.take() {
        let text = response.to_canonical();
        let mut summary = Object::new();
        summary.insert("sha256", Digest::of(text.as_bytes()).to_string());
        summary.insert("bytes", text.len() as u64);
        // Absent the second time: then nothing is left that could be refused.
        finish.response = (!text.contains("\"sha256\"")).then_some(Value::Object(summary));
    }
    finish
}

/// The finish of an attempt without an answer.
pub(crate) fn unanswered(
    attempt: &str,
    outcome: Outcome,
    status: &str,
    error: &str,
    duration_us: u64,
) -> FinishRequest {
    let error = Some(error.chars().take(MOST_ERROR).collect());
    FinishRequest { error, duration_us: Some(duration_us), ..FinishRequest::ended(attempt, outcome, status) }
}

/// A body as it is recorded.
pub(crate) struct Body<'a> {
    /// The beginning of it, at most [`MOST_RECORDED`] bytes.
    pub(crate) beginning: &'a [u8],
    /// SHA-256 of all that came.
    pub(crate) digest: Digest,
    /// How many bytes came.
    pub(crate) length: u64,
}

impl Body<'_> {
    fn describe(&self, kind: &str, response: &mut Object) {
        if self.length == 0 {
            return;
        }
        if self.length > self.beginning.len() as u64 {
            response.insert("sha256", self.digest.to_string());
            response.insert("bytes", self.length);
            return;
        }
        let as_json = kind.contains("json").then(|| json::parse(self.beginning, Limits::default()).ok()).flatten();
        match (as_json, std::str::from_utf8(self.beginning)) {
            (Some(value), _) => response.insert("body", value),
            (None, Ok(text)) => response.insert("text", text),
            (None, Err(_)) => response.insert("base64", STANDARD.encode(self.beginning)),
        };
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn recorded(kind: &'static str, beginning: &[u8], length: u64) -> String {
        let mut headers = HeaderMap::new();
        headers.insert("content-type", kind.parse().unwrap());
        headers.insert("request-id", "req_7".parse().unwrap());
        let body = Body { beginning, digest: Digest::of(beginning), length };
        let finish = answered("a", (StatusCode::OK, false), &headers, &body, Came::Whole, 5);
        assert_eq!(finish.downstream_request_id.as_deref(), Some("req_7"));
        finish.response.unwrap().to_canonical()
    }

    #[test]
    fn a_body_is_recorded_as_what_it_is() {
        assert_eq!(
            recorded("application/json", br#"{"b":1, "a":2}"#, 14),
            r#"{"body":{"a":2,"b":1},"content_type":"application/json"}"#
        );
        assert_eq!(
            recorded("application/json", b"{\"a\":1,\"a\":2}", 13),
            r#"{"content_type":"application/json","text":"{\"a\":1,\"a\":2}"}"#
        );
        assert_eq!(recorded("image/png", b"\xff", 1), r#"{"base64":"/w==","content_type":"image/png"}"#);
        assert!(recorded("text/plain", b"abc", 4_000_000).contains("\"bytes\":4000000"));
        assert_eq!(recorded("text/plain", b"", 0), r#"{"content_type":"text/plain"}"#);
    }

    #[test]
    fn only_the_other_side_itself_says_what_came_of_it() {
        let of = |status: u16| of_status(StatusCode::from_u16(status).unwrap(), false);
        assert_eq!([200, 201, 302, 304].map(of), [Outcome::Succeeded; 4]);
        assert_eq!([400, 404, 409, 429, 501, 503].map(of), [Outcome::Failed; 6]);
        assert_eq!([408, 500, 502, 504, 520, 524].map(of), [Outcome::Unknown; 6]);
        assert_eq!(of_status(StatusCode::BAD_GATEWAY, true), Outcome::Failed, "a read does nothing");
        let headers = HeaderMap::new();
        let body = Body { beginning: b"x", digest: Digest::of(b"x"), length: 1 };
        let broken = answered("a", (StatusCode::OK, false), &headers, &body, Came::Broken, 5);
        assert_eq!(broken.outcome, Outcome::Unknown);
    }
}
