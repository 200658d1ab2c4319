//! Sending what was authorized, and passing on what comes back.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::Response;
use bytes::{Bytes, BytesMut};
use countersign_evidence::digest::Digest;
use countersign_evidence::record::Outcome;
use countersign_evidence::time::Clock;
use countersign_gate::{Caller, Gate, GateError};
use countersign_http::{Failure, GatewayProblem};
use countersign_wire::FinishRequest;
use futures::StreamExt;
use sha2::{Digest as _, Sha256};
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;
use url::Url;
use uuid::Uuid;

use crate::decide::Go;
use crate::outcome::{self, Came, MOST_RECORDED};
use crate::payload::Outgoing;
use crate::upstreams::Upstream;

/// Answers up to this many bytes are recorded before any of them is passed on.
const MOST_HELD: usize = 1 << 20;
/// Longest answer that is passed on.
const MOST_ANSWER: u64 = 256 << 20;
/// Pauses before a busy gate is asked again to record an outcome, in milliseconds.
const PAUSES_MS: [u64; 8] = [20, 50, 100, 200, 400, 800, 1_600, 3_200];
/// Longest time that a client may take for the next chunk; then the rest is read for the record alone.
const SLOWEST: Duration = Duration::from_secs(60);
/// Chunks of a long answer that wait for a slow client.
const CHUNKS: usize = 16;
/// What of an answer's headers reaches the agent: no cookies, nothing that holds for one connection.
const PASSED_ON: [&str; 14] = [
    "cache-control",
    "content-disposition",
    "content-language",
    "content-type",
    "date",
    "etag",
    "expires",
    "last-modified",
    "link",
    "retry-after",
    "request-id",
    "x-request-id",
    "x-ratelimit-remaining",
    "x-ratelimit-reset",
];
/// Which action it was.
const ACTION: HeaderName = HeaderName::from_static("x-countersign-action");

/// A call that may be sent.
pub(crate) struct Send {
    pub(crate) gate: Gate,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) client: reqwest::Client,
    pub(crate) caller: Caller,
    pub(crate) upstream: Arc<Upstream>,
    pub(crate) go: Go,
    pub(crate) outgoing: Outgoing,
    /// The headers around what was authorized.
    pub(crate) around: HeaderMap,
}

impl Send {
    /// Sends it to its end, whoever is still there to hear of it: what was begun is recorded.
    pub(crate) async fn run(self, answer: oneshot::Sender<Result<Response, Failure>>) {
        let begun = self.clock.monotonic_us();
        let request = request(&self.client, &self.upstream, &self.outgoing, &self.around);
        match self.client.execute(request).await {
            Ok(response) => self.answered(response, begun, answer).await,
            Err(error) => {
                // Before a connection stands nothing has left.
                let (outcome, status, kind) = match error.is_connect() {
                    true => (Outcome::Failed, "not_sent", GatewayProblem::UpstreamUnreachable),
                    false if error.is_timeout() => (Outcome::Unknown, "timeout", GatewayProblem::OutcomeUnknown),
                    false => (Outcome::Unknown, "broken", GatewayProblem::OutcomeUnknown),
                };
                let told = causes(error);
                let finish = outcome::unanswered(&self.go.attempt, outcome, status, &told, self.took(begun));
                self.finish(finish).await;
                let detail = format!("upstream {}: {told}", self.upstream.name);
                let _ = answer.send(Err(Failure::gateway(kind, detail, Some(self.go.action))));
            }
        }
    }

    fn took(&self, begun: i64) -> u64 {
        u64::try_from(self.clock.monotonic_us() - begun).unwrap_or_default()
    }

    /// Whether the outcome is on record. A gate that is busy is asked again; an answer that cannot be recorded as it is is told
    /// by its digest.
    async fn finish(&self, mut finish: FinishRequest) -> bool {
        let mut pauses = PAUSES_MS.iter();
        loop {
            let error = match self.gate.finish(&self.caller, self.go.action, finish.clone()).await {
                Ok(_) => return true,
                Err(error) => error,
            };
            match (&error, pauses.next()) {
                (GateError::Busy, Some(pause)) => tokio::time::sleep(Duration::from_millis(*pause)).await,
                (GateError::Invalid(_) | GateError::PayloadTooLarge { .. }, Some(_)) if finish.response.is_some() => {
                    finish = outcome::summarized(finish);
                }
                _ => {
                    tracing::error!(action = %self.go.action, %error, "an outcome is not on record: it counts as unknown from its deadline on");
                    return false;
                }
            }
        }
    }

    async fn answered(
        self,
        response: reqwest::Response,
        begun: i64,
        answer: oneshot::Sender<Result<Response, Failure>>,
    ) {
        let (status, headers) = (response.status(), response.headers().clone());
        let passed_on = passed_headers(&self.upstream, &response);
        let live =
            headers.get(header::CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"text/event-stream"));
        let mut body = response.bytes_stream();
        let mut read = Read::default();
        let mut came = Came::Whole;
        let mut ended = false;
        while !live && read.held.len() <= MOST_HELD {
            match body.next().await {
                Some(Ok(chunk)) => read.hold(&chunk),
                Some(Err(_)) => {
                    came = Came::Broken;
                    ended = true;
                    break;
                }
                None => {
                    ended = true;
                    break;
                }
            }
        }
        if ended {
            // Durable before the answer leaves.
            let finish = self.recorded(status, &headers, &read, came, begun);
            let on_record = self.finish(finish).await;
            let answered = match (came, on_record) {
                (Came::Whole, true) => Ok(self.pass_on(status, passed_on, Body::from(read.held.freeze()))),
                (Came::Whole, false) => Err("it was sent and answered, but the outcome is not on record"),
                _ => Err("the answer broke off"),
            };
            let problem = |detail| Failure::gateway(GatewayProblem::OutcomeUnknown, detail, Some(self.go.action));
            let _ = answer.send(answered.map_err(problem));
            return;
        }
        // Too long to be held back: it is passed on as it comes, and recorded at its end.
        let (chunks, passed) = mpsc::channel::<Result<Bytes, std::io::Error>>(CHUNKS);
        let rest =
            futures::stream::unfold(passed, |mut passed| async { passed.recv().await.map(|chunk| (chunk, passed)) });
        let _ = answer.send(Ok(self.pass_on(status, passed_on, Body::from_stream(rest))));
        let mut listens = chunks.send(Ok(std::mem::take(&mut read.held).freeze())).await.is_ok();
        while let Some(next) = body.next().await {
            let Ok(chunk) = next else {
                came = Came::Broken;
                break;
            };
            read.count(&chunk);
            if read.length > MOST_ANSWER {
                came = Came::TooLong;
                break;
            }
            // A client that has gone does not undo what was done: the rest is read for the record alone.
            listens = listens && timeout(SLOWEST, chunks.send(Ok(chunk))).await.is_ok_and(|sent| sent.is_ok());
        }
        if came != Came::Whole {
            let _ = timeout(SLOWEST, chunks.send(Err(std::io::Error::other("the answer broke off")))).await;
        }
        let finish = self.recorded(status, &headers, &read, came, begun);
        self.finish(finish).await;
    }

    fn recorded(&self, status: StatusCode, headers: &HeaderMap, read: &Read, came: Came, begun: i64) -> FinishRequest {
        let body = outcome::Body { beginning: &read.beginning, digest: read.digest(), length: read.length };
        let safe = self.outgoing.method.is_safe();
        outcome::answered(&self.go.attempt, (status, safe), headers, &body, came, self.took(begun))
    }

    fn pass_on(&self, status: StatusCode, headers: HeaderMap, body: Body) -> Response {
        let mut response = pass_on(status, headers, body);
        let passed = response.headers_mut();
        if let Ok(action) = HeaderValue::from_str(&self.go.action.to_string()) {
            passed.insert(ACTION, action);
        }
        response
    }
}

/// What of an answer's headers the agent gets.
fn passed_headers(upstream: &Upstream, response: &reqwest::Response) -> HeaderMap {
    let headers = response.headers();
    let mut passed = HeaderMap::new();
    for name in PASSED_ON {
        for value in headers.get_all(name) {
            passed.append(HeaderName::from_static(name), value.clone());
        }
    }
    if let Some(place) = own_location(upstream, response.url(), headers) {
        passed.insert(header::LOCATION, place);
    }
    passed
}

/// An answer as the agent gets it.
fn pass_on(status: StatusCode, headers: HeaderMap, body: Body) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}

/// The answer to a request that nobody decided: passed on as it comes.
pub(crate) fn passed(upstream: &Upstream, response: reqwest::Response) -> Response {
    let (status, headers) = (response.status(), passed_headers(upstream, &response));
    let body = response.bytes_stream().map(|chunk| chunk.map_err(std::io::Error::other));
    pass_on(status, headers, Body::from_stream(body))
}

/// Where an answer sends its client on to, where that is below the upstream itself. It leads through the gateway then;
/// anywhere else the agent's key would go along.
fn own_location(upstream: &Upstream, asked: &Url, headers: &HeaderMap) -> Option<HeaderValue> {
    let place = headers.get(header::LOCATION)?.to_str().ok()?;
    let target = asked.join(place).ok()?;
    let same = target.origin() == upstream.base.origin();
    let base = upstream.base.path().trim_end_matches('/');
    let below = target.path().strip_prefix(base).filter(|below| below.starts_with('/'))?;
    let query = target.query().map(|query| format!("?{query}")).unwrap_or_default();
    let through = format!("/proxy/{}{below}{query}", upstream.name);
    same.then(|| HeaderValue::from_str(&through).ok()).flatten()
}

pub(crate) fn request(
    client: &reqwest::Client,
    upstream: &Upstream,
    outgoing: &Outgoing,
    around: &HeaderMap,
) -> reqwest::Request {
    let base = upstream.base.as_str().trim_end_matches('/');
    let mut headers = around.clone();
    headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    for (name, value) in &outgoing.headers {
        // What was authorized takes the place of what surrounds it.
        headers.insert(name.clone(), value.clone());
    }
    // Last: nothing that a request brings takes the credential's place.
    if let Some((name, value)) = &upstream.credential {
        headers.insert(name.clone(), value.clone());
    }
    let url = format!("{base}{}", outgoing.target);
    let request = client
        .request(outgoing.method.clone(), &url)
        .headers(headers)
        .timeout(upstream.timeout)
        .body(reqwest::Body::from(outgoing.body.clone()));
    // The base is a URL and the target was read as one: this cannot fail.
    request.build().unwrap_or_else(|_| reqwest::Request::new(outgoing.method.clone(), upstream.base.clone()))
}

/// What of an answer was read.
#[derive(Default)]
struct Read {
    held: BytesMut,
    beginning: Vec<u8>,
    hash: Sha256,
    length: u64,
}

impl Read {
    fn hold(&mut self, chunk: &Bytes) {
        self.count(chunk);
        self.held.extend_from_slice(chunk);
    }

    fn count(&mut self, chunk: &Bytes) {
        let room = MOST_RECORDED.saturating_sub(self.beginning.len());
        self.beginning.extend_from_slice(chunk.get(..room.min(chunk.len())).unwrap_or_default());
        self.hash.update(chunk);
        self.length += chunk.len() as u64;
    }

    fn digest(&self) -> Digest {
        Digest(self.hash.clone().finalize().into())
    }
}

/// An error with what led to it: the outer one alone says little. Upstreams' places may hold what is not for agents.
fn causes(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut told = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(inner) = cause {
        told = format!("{told}: {inner}");
        cause = inner.source();
    }
    told
}

/// The finish of an attempt that is not sent after all.
pub(crate) async fn not_sent(gate: &Gate, caller: &Caller, action: Uuid, attempt: &str, why: &str) {
    let finish = outcome::unanswered(attempt, Outcome::Failed, "not_sent", why, 0);
    if let Err(error) = gate.finish(caller, action, finish).await {
        tracing::error!(%action, %error, "that a call was not sent is not on record");
    }
}
