//! Answers as HTTP: one JSON text where nothing comes before the answer, else server-sent events.

use std::convert::Infallible;
use std::time::Duration;

use axum::body::Body;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::Response;
use bytes::Bytes;
use countersign_evidence::json::{Object, Value};
use futures::Stream;
use futures::stream::unfold;
use tokio::time::sleep;

/// What the session's id is called.
pub(crate) const SESSION: HeaderName = HeaderName::from_static("mcp-session-id");
/// How often a stream on which nothing is said shows that it lives.
const ALIVE_EVERY: Duration = Duration::from_secs(15);

/// One JSON text.
pub(crate) fn json(status: StatusCode, body: Object) -> Response {
    let mut response = Response::new(Body::from(Value::Object(body).to_canonical()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// No text at all.
pub(crate) fn empty(status: StatusCode) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}

/// Where events come from.
pub(crate) trait Source: Send + 'static {
    /// The next message's text; `None` at the end.
    fn next(&mut self) -> impl Future<Output = Option<String>> + Send;
}

/// Server-sent events until the source ends.
pub(crate) fn events(source: impl Source) -> Response {
    let mut response = Response::new(Body::from_stream(stream(source)));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache, no-transform"));
    headers.insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    response
}

fn stream<S: Source>(source: S) -> impl Stream<Item = Result<Bytes, Infallible>> {
    unfold((source, true), |(mut source, fresh)| async move {
        if fresh {
            // Who waits for the first byte learns that the request came in.
            return Some((Ok(Bytes::from_static(b":\n\n")), (source, false)));
        }
        let event = tokio::select! {
            message = source.next() => Bytes::from(format!("event: message\ndata: {}\n\n", message?)),
            () = sleep(ALIVE_EVERY) => Bytes::from_static(b":\n\n"),
        };
        Some((Ok(event), (source, false)))
    })
}
