//! One request under way, and what happens when its client goes.

use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use axum::response::Response;
use countersign_evidence::json::{Object, Value};
use countersign_mcp::jsonrpc;
use tokio::sync::mpsc;
use tokio::time::sleep;

use crate::desk::{Note, Waiter};
use crate::reply::{self, Source};
use crate::sessions::Session;
use crate::translate;

/// How long an answer is waited for before the rest is sent as events.
const PROMPT: Duration = Duration::from_secs(2);

/// One request under way.
pub(crate) struct Exchange {
    session: Arc<Session>,
    waiter: Waiter,
    terms: Terms,
    answered: bool,
}

/// Between whom an exchange is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Terms {
    /// The client says everything with each request: its going is a cancellation.
    pub(crate) modern: bool,
    /// The gateway asks the server in its own name: the answer is given the form that the client knows.
    pub(crate) translated: bool,
}

impl Exchange {
    pub(crate) fn new(session: Arc<Session>, waiter: Waiter, terms: Terms) -> Self {
        Exchange { session, waiter, terms, answered: false }
    }

    /// The answer, as JSON where it comes soon and alone, else as events where the client takes them.
    pub(crate) async fn reply(mut self, takes_events: bool) -> Response {
        if !takes_events {
            return match self.answer_alone().await {
                Some(answer) => self.whole(answer),
                None => reply::empty(StatusCode::BAD_GATEWAY),
            };
        }
        tokio::select! {
            biased;
            Some(note) = self.waiter.notes.recv() => reply::events(Told { exchange: self, first: Some(note.text) }),
            answer = &mut self.waiter.answer => {
                self.answered = true;
                match answer {
                    Ok(answer) => self.whole(answer),
                    Err(_) => reply::empty(StatusCode::BAD_GATEWAY),
                }
            }
            () = sleep(PROMPT) => reply::events(Told { exchange: self, first: None }),
        }
    }

    async fn answer_alone(&mut self) -> Option<Object> {
        loop {
            tokio::select! {
                answer = &mut self.waiter.answer => {
                    self.answered = true;
                    return answer.ok();
                }
                Some(_) = self.waiter.notes.recv() => {}
            }
        }
    }

    fn whole(&self, answer: Object) -> Response {
        let answer = self.translated(answer);
        let Terms { modern, translated } = self.terms;
        let status = match self.session.is_gone() && answer.contains("error") && !modern && !translated {
            // The server has ended the session: the client begins another.
            true => StatusCode::NOT_FOUND,
            false if modern => {
                let refused = self.session.desk.take_refusal(&self.waiter.id).filter(|_| !translated);
                refused.or_else(|| status_of(&answer)).unwrap_or_default()
            }
            false => StatusCode::OK,
        };
        reply::json(status, answer)
    }

    fn translated(&self, answer: Object) -> Object {
        if self.terms.translated { translate::answer(answer, self.terms.modern) } else { answer }
    }
}

/// The status that goes with an error of the protocol itself (MCP 2026-07-28 "Streamable HTTP").
fn status_of(answer: &Object) -> Option<StatusCode> {
    let code = answer.get("error").and_then(|error| error.get("code")).and_then(Value::as_number);
    match code.map(|code| code.as_str()) {
        Some("-32601") => Some(StatusCode::NOT_FOUND),
        Some("-32700" | "-32600" | "-32020" | "-32021" | "-32022") => Some(StatusCode::BAD_REQUEST),
        _ => None,
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        let id = self.waiter.id.clone();
        self.session.desk.forget(&id);
        if self.answered {
            return;
        }
        if !self.terms.modern {
            // A connection that broke takes nothing back (2025-11-25 "Streamable HTTP").
            return self.session.conversation.unheard(&id);
        }
        let params: Object = [("requestId", id.to_value())].into_iter().collect();
        let cancelled = jsonrpc::notification("notifications/cancelled", Value::Object(params));
        let conversation = self.session.conversation.clone();
        if let Ok(message) = jsonrpc::Message::read(Value::Object(cancelled)) {
            tokio::spawn(async move {
                conversation.client_says(message).await;
                conversation.unheard(&id);
            });
        }
    }
}

/// The rest of an exchange, as events.
struct Told {
    exchange: Exchange,
    first: Option<String>,
}

impl Source for Told {
    async fn next(&mut self) -> Option<String> {
        if let Some(first) = self.first.take() {
            return Some(first);
        }
        let exchange = &mut self.exchange;
        if exchange.answered {
            return None;
        }
        tokio::select! {
            biased;
            Some(note) = exchange.waiter.notes.recv() => Some(note.text),
            answer = &mut exchange.waiter.answer => {
                exchange.answered = true;
                answer.ok().map(|answer| Value::Object(exchange.translated(answer)).to_canonical())
            }
        }
    }
}

/// What belongs to no request, as events.
pub(crate) struct Standing(pub(crate) mpsc::Receiver<Note>);

impl Source for Standing {
    async fn next(&mut self) -> Option<String> {
        self.0.recv().await.map(|note| note.text)
    }
}
