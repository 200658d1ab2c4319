//! A server that is a web service: each message of ours is a POST, what it says comes back as JSON or as events.

use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::http::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use countersign_evidence::json::{Limits, Value, parse};
use countersign_mcp::jsonrpc::{self, Id, Kind, Message};
use countersign_mcp::{Conversation, Out, read};
use futures::StreamExt;
use reqwest::Response;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use tokio::time::{sleep, timeout};
use url::Url;

use super::Ends;
use super::events::Events;
use crate::era::{negotiated, version_of};
use crate::mirrored::{PROTOCOL_VERSION, write};
use crate::reply::SESSION;

const LAST_EVENT: HeaderName = HeaderName::from_static("last-event-id");
/// Longest message of a server.
const MOST_ANSWER: usize = 16 << 20;
/// Longest text of a refusal that is read.
const MOST_REFUSAL: usize = 64 << 10;
/// Statuses that say that nothing was done: the request was refused for what it is, or is to be sent elsewhere (which it is not).
const NOT_TAKEN_UP: [u16; 11] = [307, 308, 400, 401, 403, 404, 405, 406, 413, 415, 429];
/// How long a server may take for a message that wants no answer.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long it may take to hear that we leave.
const LEAVE: Duration = Duration::from_secs(5);
/// How often a stream that ended is asked for again, and how long is waited before it.
const MOST_RESUMED: usize = 20;
const RETRY_MS: (u64, u64) = (1_000, 30_000);

/// One conversation with a web service.
pub(crate) struct Web {
    pub(super) http: reqwest::Client,
    pub(super) url: Url,
    pub(super) credential: Option<(HeaderName, HeaderValue)>,
    pub(super) conversation: Conversation,
    pub(super) ends: Ends,
    pub(super) state: Mutex<State>,
}

#[derive(Default)]
pub(crate) struct State {
    /// What the server calls this session, and the version that was settled on.
    session: Option<HeaderValue>,
    version: Option<HeaderValue>,
    /// Requests without an answer.
    under_way: HashMap<String, AbortHandle>,
    listening: Option<AbortHandle>,
}

/// How an exchange went that has no answer yet.
struct Stream {
    last_event: Option<HeaderValue>,
    retry_ms: u64,
}

impl Web {
    /// Carries messages until there are no more. Those that want no answer arrive in their order; requests go side by side.
    pub(crate) async fn carry(self: Arc<Self>, mut to_server: mpsc::Receiver<Out>) {
        loop {
            let said = tokio::select! {
                biased;
                said = to_server.recv() => said,
                () = self.conversation.over() => None,
            };
            let Some(Out::Message(outgoing)) = said else { break };
            let Ok(message) = Message::read(Value::Object(outgoing.body)) else { continue };
            match &message.kind {
                Kind::Request { id, method } => {
                    let begins = method == "initialize";
                    let key = id.key();
                    let asking = {
                        let mut state = self.state();
                        let asking = tokio::spawn(Arc::clone(&self).ask(id.clone(), message));
                        state.under_way.insert(key, asking.abort_handle());
                        asking
                    };
                    if begins {
                        // What follows needs the session that this begins.
                        tokio::select! {
                            _ = asking => {}
                            () = self.conversation.over() => break,
                        }
                    }
                }
                Kind::Notification { method } if method == "notifications/cancelled" && !self.in_session() => {
                    // Modern servers are told by the end of the exchange.
                    let id = message.params().and_then(|params| params.get("requestId")).and_then(Id::new);
                    let Some(id) = id else { continue };
                    let exchange = self.state().under_way.remove(&id.key());
                    if let Some(exchange) = exchange {
                        exchange.abort();
                        self.conversation.server_fails(&id, "cancelled", "the request was cancelled").await;
                    }
                }
                Kind::Notification { method } => {
                    let listens = method == "notifications/initialized";
                    self.tell(message).await;
                    if listens {
                        let listening = tokio::spawn(Arc::clone(&self).listen()).abort_handle();
                        self.state().listening = Some(listening);
                    }
                }
                Kind::Response { .. } => self.tell(message).await,
            }
        }
        self.leave().await;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the conversation began with `initialize`.
    fn in_session(&self) -> bool {
        self.state().version.is_some()
    }

    fn headers(&self, message: Option<&Message>) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        match message.filter(|message| version_of(message).is_some()) {
            Some(message) => {
                let called = matches!(&message.kind, Kind::Request { method, .. } if method == "tools/call")
                    .then(|| message.params()?.get("name")?.as_str())
                    .flatten();
                write(
                    &mut headers,
                    message,
                    &called.map(|name| self.conversation.known_mirrors(name)).unwrap_or_default(),
                );
            }
            None => {
                let state = self.state();
                state.session.clone().map(|session| headers.insert(SESSION, session));
                state.version.clone().map(|version| headers.insert(PROTOCOL_VERSION, version));
            }
        }
        // Last: nothing that a message says takes the credential's place.
        if let Some((name, value)) = &self.credential {
            headers.insert(name.clone(), value.clone());
        }
        headers
    }

    async fn post(&self, message: Message) -> Result<Response, reqwest::Error> {
        let mut headers = self.headers(Some(&message));
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(ACCEPT, HeaderValue::from_static("application/json, text/event-stream"));
        let text = Value::Object(message.body).to_canonical();
        self.http.post(self.url.clone()).headers(headers).body(text).send().await
    }

    /// Sends what wants no answer.
    async fn tell(&self, message: Message) {
        match timeout(PATIENCE, self.post(message)).await {
            Ok(Ok(response)) if response.status().is_success() => {}
            Ok(Ok(response)) => tracing::warn!(status = response.status().as_u16(), "an MCP server refused a message"),
            Ok(Err(error)) => tracing::warn!(error = %error.without_url(), "an MCP server was not reached"),
            Err(_) => tracing::warn!("an MCP server took too long for a message"),
        }
    }

    async fn ask(self: Arc<Self>, id: Id, message: Message) {
        let begins = matches!(&message.kind, Kind::Request { method, .. } if method == "initialize");
        let calls = matches!(&message.kind, Kind::Request { method, .. } if method == "tools/call");
        match self.post(message).await {
            Ok(response) if response.status().is_success() => self.hear(&id, response, begins).await,
            Ok(response) => self.refused(&id, response, calls).await,
            Err(error) if error.is_connect() => {
                let why = "the MCP server cannot be reached: nothing was sent to it";
                self.answer_for_it(&id, why).await;
            }
            Err(error) => {
                tracing::warn!(error = %error.without_url(), "an exchange with an MCP server broke");
                self.fails(&id).await;
            }
        }
        self.state().under_way.remove(&id.key());
    }

    async fn hear(&self, id: &Id, response: Response, begins: bool) {
        if begins {
            self.state().session = response.headers().get(SESSION).cloned();
        }
        if is_events(&response) {
            let mut stream = Stream { last_event: None, retry_ms: RETRY_MS.0 };
            let mut response = Some(response);
            for _ in 0..MOST_RESUMED {
                if let Some(response) = response.take()
                    && self.events(response, Some(id), begins, &mut stream).await
                {
                    return;
                }
                // A server may let go of the stream, and have us come back for the rest (2025-11-25 "Resumability").
                if stream.last_event.is_none() {
                    break;
                }
                sleep(Duration::from_millis(stream.retry_ms)).await;
                response = self.stream(&stream).await;
            }
            return self.fails(id).await;
        }
        match whole(response, MOST_ANSWER).await {
            Some(text) => {
                self.note_version(&text, begins);
                if !self.conversation.server_says(&text, Some(id)).await {
                    self.fails(id).await;
                }
            }
            None => self.fails(id).await,
        }
    }

    /// Reads events to their end, or to the answer of the request that they are about; whether that came.
    async fn events(&self, response: Response, about: Option<&Id>, begins: bool, stream: &mut Stream) -> bool {
        let mut events = Events::new(MOST_ANSWER);
        let mut body = response.bytes_stream();
        while let Some(Ok(chunk)) = body.next().await {
            let Ok(complete) = events.feed(&chunk) else { return false };
            for event in complete {
                if let Some(retry_ms) = event.retry_ms {
                    stream.retry_ms = retry_ms.clamp(1, RETRY_MS.1);
                }
                if let Some(last) = event.id.and_then(|id| HeaderValue::from_str(&id).ok()) {
                    stream.last_event = Some(last).filter(|last| !last.is_empty());
                }
                if event.data.is_empty() {
                    continue;
                }
                self.note_version(event.data.as_bytes(), begins);
                let is_response = about.is_none()
                    && read(event.data.as_bytes(), MOST_ANSWER)
                        .is_ok_and(|message| matches!(message.kind, Kind::Response { .. }));
                if is_response {
                    tracing::warn!("an MCP server answered outside of any exchange");
                } else if self.conversation.server_says(event.data.as_bytes(), about).await && about.is_some() {
                    return true;
                }
            }
        }
        false
    }

    /// Asks for a stream of events: behind the last one where there was one.
    async fn stream(&self, stream: &Stream) -> Option<Response> {
        let mut headers = self.headers(None);
        headers.insert(ACCEPT, HeaderValue::from_static("text/event-stream"));
        stream.last_event.clone().map(|last| headers.insert(LAST_EVENT, last));
        let response = self.http.get(self.url.clone()).headers(headers).send().await.ok()?;
        (response.status().is_success() && is_events(&response)).then_some(response)
    }

    /// Hears what the server says outside of any exchange, where it offers that.
    async fn listen(self: Arc<Self>) {
        let mut stream = Stream { last_event: None, retry_ms: RETRY_MS.0 };
        let mut pause_ms = RETRY_MS.0;
        let Some(mut response) = self.stream(&stream).await else { return };
        loop {
            self.events(response, None, false, &mut stream).await;
            response = loop {
                sleep(Duration::from_millis(stream.retry_ms.max(pause_ms))).await;
                match self.stream(&stream).await {
                    Some(response) => break response,
                    None => pause_ms = (pause_ms * 2).min(RETRY_MS.1),
                }
            };
            pause_ms = RETRY_MS.0;
        }
    }

    fn note_version(&self, text: &[u8], begins: bool) {
        if !begins {
            return;
        }
        let answer = parse(text, Limits { bytes: MOST_ANSWER, depth: 64 }).ok();
        let version = answer.as_ref().and_then(|answer| negotiated(answer.get("result")?));
        if let Some(version) = version.and_then(|version| HeaderValue::from_str(version).ok()) {
            self.state().version = Some(version);
        }
    }

    /// The server refused a request: with an error of its own, or by its status alone. An error counts where it can be about the
    /// request: one about our credential is not for the client, and after a failure a call may have had its effect.
    async fn refused(&self, id: &Id, response: Response, calls: bool) {
        let status = response.status();
        if status == StatusCode::NOT_FOUND && self.in_session() {
            self.ends.gone.store(true, Ordering::Relaxed);
        }
        let of_credential = matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN);
        let says_nothing = of_credential || status.is_redirection() || (calls && status.is_server_error());
        let text = whole(response, MOST_REFUSAL).await.unwrap_or_default();
        if !says_nothing && let Ok(message) = read(&text, MOST_REFUSAL) {
            let own = message.body.contains("error")
                && matches!(&message.kind, Kind::Response { id: Some(answered) } if answered == id);
            if own {
                self.ends.desk.refused(id, status);
            }
            if own && self.conversation.server_says(&text, Some(id)).await {
                return;
            }
        }
        let why = format!("the MCP server refused the request: HTTP {}", status.as_u16());
        match NOT_TAKEN_UP.contains(&status.as_u16()) {
            true => self.answer_for_it(id, &why).await,
            // It may have done what it was asked before it, or whatever stands in between, said this.
            false => self.fails(id).await,
        }
    }

    /// An error in the server's name: the request had no effect there.
    async fn answer_for_it(&self, id: &Id, why: &str) {
        let error = jsonrpc::error(Some(id), jsonrpc::INTERNAL_ERROR, why, None);
        self.conversation.server_says(Value::Object(error).to_canonical().as_bytes(), Some(id)).await;
    }

    async fn fails(&self, id: &Id) {
        self.conversation.server_fails(id, "broken", "the MCP server gave no answer").await;
    }

    /// Nothing more is to be said.
    async fn leave(&self) {
        let (listening, under_way) = {
            let mut state = self.state();
            (state.listening.take(), std::mem::take(&mut state.under_way))
        };
        listening.iter().chain(under_way.values()).for_each(AbortHandle::abort);
        self.ends.gone.store(true, Ordering::Relaxed);
        self.conversation.server_gone().await;
        if self.state().session.is_some() {
            let leaving = self.http.delete(self.url.clone()).headers(self.headers(None)).send();
            let _ = timeout(LEAVE, leaving).await;
        }
    }
}

fn is_events(response: &Response) -> bool {
    let kind = response.headers().get(CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
    kind.len() >= 17 && kind.get(..17).is_some_and(|kind| kind.eq_ignore_ascii_case(b"text/event-stream"))
}

/// All of a body; `None` where it breaks off or is longer than allowed.
async fn whole(response: Response, most: usize) -> Option<Vec<u8>> {
    let mut body = response.bytes_stream();
    let mut all = Vec::new();
    while let Some(chunk) = body.next().await {
        all.extend_from_slice(&chunk.ok()?);
        if all.len() > most {
            return None;
        }
    }
    Some(all)
}
