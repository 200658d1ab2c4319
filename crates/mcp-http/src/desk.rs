//! Which request an answer belongs to: many HTTP requests share one conversation, each with ids of its own choosing.
//!
//! Each request is given an id, and a progress token, that is unique in the conversation; whatever comes back about it carries the
//! client's own again.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::http::StatusCode;
use countersign_evidence::json::{Object, Value};
use countersign_mcp::Outgoing;
use countersign_mcp::jsonrpc::{Id, Kind, Message};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};

/// Messages about one request, or for no request, that wait for a slow client; more are dropped.
const QUEUE: usize = 256;
/// How much of them, for all requests of one conversation, in KiB.
const MOST_KIB: usize = 32 << 10;
/// Most requests of one conversation that wait for their answers.
const MOST: usize = 1_024;
/// Where a notification of a subscription says whose it is (MCP 2026-07-28 "Subscriptions").
const SUBSCRIPTION: &str = "io.modelcontextprotocol/subscriptionId";

/// Everything that waits for messages of one conversation.
#[derive(Debug)]
pub(crate) struct Desk {
    table: Mutex<Table>,
    room: Arc<Semaphore>,
}

impl Default for Desk {
    fn default() -> Self {
        Desk { table: Mutex::default(), room: Arc::new(Semaphore::new(MOST_KIB)) }
    }
}

/// A message that waits for its client, and the room that it takes until then.
#[derive(Debug)]
pub(crate) struct Note {
    pub(crate) text: String,
    _room: OwnedSemaphorePermit,
}

#[derive(Debug, Default)]
struct Table {
    next: u64,
    waiting: HashMap<String, Waiting>,
    /// Where the client hears what belongs to no request.
    standing: Option<mpsc::Sender<Note>>,
    /// The statuses with which the server refused requests, until their answers go out.
    refused: HashMap<String, StatusCode>,
    /// Nothing comes any more.
    closed: bool,
}

#[derive(Debug)]
struct Waiting {
    /// The ids as the client chose them.
    asked: Id,
    /// The session in which it did, where several share the conversation.
    session: Option<String>,
    token: Option<Value>,
    order: u64,
    notes: mpsc::Sender<Note>,
    answer: oneshot::Sender<Object>,
}

/// What comes back about one request.
#[derive(Debug)]
pub(crate) struct Waiter {
    /// The request's id in the conversation.
    pub(crate) id: Id,
    /// What is said before the answer.
    pub(crate) notes: mpsc::Receiver<Note>,
    /// The answer.
    pub(crate) answer: oneshot::Receiver<Object>,
}

impl Desk {
    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives a request ids of its own; `None` where too many wait.
    pub(crate) fn begin(&self, message: &mut Message, session: Option<&str>) -> Option<Waiter> {
        let Kind::Request { id, .. } = &mut message.kind else { return None };
        let mut table = self.table();
        if table.waiting.len() >= MOST {
            return None;
        }
        table.next += 1;
        let order = table.next;
        let own = Id::number(order);
        let asked = std::mem::replace(id, own.clone());
        message.body.insert("id", own.to_value());
        let token = swap_token(&mut message.body, &own);
        let (notes, noted) = mpsc::channel(QUEUE);
        let (answer, answered) = oneshot::channel();
        if !table.closed {
            let session = session.map(str::to_owned);
            table.waiting.insert(own.key(), Waiting { asked, session, token, order, notes, answer });
        }
        Some(Waiter { id: own, notes: noted, answer: answered })
    }

    /// The conversation's id of a request that the client of that session knows as `asked`.
    pub(crate) fn known_as(&self, asked: &Id, session: Option<&str>) -> Option<Id> {
        let table = self.table();
        let theirs = |waiting: &&Waiting| waiting.asked == *asked && waiting.session.as_deref() == session;
        table.waiting.values().find(theirs).map(|waiting| Id::number(waiting.order))
    }

    /// Nobody waits for this one any more.
    pub(crate) fn forget(&self, id: &Id) {
        let mut table = self.table();
        table.waiting.remove(&id.key());
        table.refused.remove(&id.key());
    }

    /// The server refuses a request with this status; the answer follows.
    pub(crate) fn refused(&self, id: &Id, status: StatusCode) {
        let mut table = self.table();
        if table.waiting.contains_key(&id.key()) {
            table.refused.insert(id.key(), status);
        }
    }

    /// The status with which the server refused that request, where it did.
    pub(crate) fn take_refusal(&self, id: &Id) -> Option<StatusCode> {
        self.table().refused.remove(&id.key())
    }

    /// Whether anybody waits for anything.
    pub(crate) fn is_busy(&self) -> bool {
        let table = self.table();
        !table.waiting.is_empty() || table.standing.as_ref().is_some_and(|standing| !standing.is_closed())
    }

    /// A new place for what belongs to no request; it takes over from an earlier one.
    pub(crate) fn stand(&self) -> mpsc::Receiver<Note> {
        let (sender, receiver) = mpsc::channel(QUEUE);
        let mut table = self.table();
        table.standing = Some(sender).filter(|_| !table.closed);
        receiver
    }

    /// The conversation is over: nobody gets an answer any more.
    pub(crate) fn close(&self) {
        let mut table = self.table();
        table.closed = true;
        table.waiting.clear();
        table.standing = None;
    }

    /// The message as it will be sent, where there is room for it.
    fn note(&self, body: &Object) -> Option<Note> {
        let mut text = String::new();
        body.write_canonical(&mut text);
        let kib = u32::try_from(text.len() / 1024 + 1).unwrap_or(u32::MAX);
        let room = Arc::clone(&self.room).try_acquire_many_owned(kib).ok()?;
        Some(Note { text, _room: room })
    }

    /// Hands a message of the conversation to whoever it is for.
    pub(crate) fn deliver(&self, mut outgoing: Outgoing) {
        let mut table = self.table();
        let body = &mut outgoing.body;
        if !body.contains("method") {
            let waiting = body.get("id").and_then(Id::new).and_then(|id| table.waiting.remove(&id.key()));
            match waiting {
                Some(waiting) => {
                    body.insert("id", waiting.asked.to_value());
                    let _ = waiting.answer.send(outgoing.body);
                }
                None => tracing::debug!("an answer came that nobody waits for any more"),
            }
            return;
        }
        let named = named(body).or(outgoing.about).map(|id| id.key());
        let receiver = match named {
            Some(key) => table.waiting.get(&key).map(|waiting| {
                restore(body, waiting);
                waiting.notes.clone()
            }),
            None => {
                let open = table.standing.clone().filter(|standing| !standing.is_closed());
                open.or_else(|| {
                    table.waiting.values().max_by_key(|waiting| waiting.order).map(|last| last.notes.clone())
                })
            }
        };
        drop(table);
        match receiver.map(|receiver| self.note(body).is_some_and(|note| receiver.try_send(note).is_ok())) {
            Some(true) => {}
            Some(false) => tracing::warn!("a message of the server was dropped: its client does not read"),
            None => tracing::debug!("a message of the server was dropped: nobody listens"),
        }
    }
}

/// Puts our own progress token into a request; the client's is given back.
fn swap_token(body: &mut Object, own: &Id) -> Option<Value> {
    let Some(Value::Object(params)) = body.get_mut("params") else { return None };
    let Some(Value::Object(meta)) = params.get_mut("_meta") else { return None };
    // A token of another form is refused by whoever reads it.
    let token = meta.get("progressToken").filter(|token| Id::new(token).is_some())?.clone();
    meta.insert("progressToken", own.to_value());
    Some(token)
}

/// The request that a notification names.
fn named(body: &Object) -> Option<Id> {
    let params = body.get("params")?;
    let progress = body.get("method").and_then(Value::as_str) == Some("notifications/progress");
    let token = params.get("progressToken").filter(|_| progress);
    token.or_else(|| params.get("_meta")?.get(SUBSCRIPTION)).and_then(Id::new)
}

/// Puts the client's own ids back.
fn restore(body: &mut Object, waiting: &Waiting) {
    let Some(Value::Object(params)) = body.get_mut("params") else { return };
    if let Some(token) = waiting.token.as_ref().filter(|_| params.contains("progressToken")) {
        params.insert("progressToken", token.clone());
    }
    if let Some(Value::Object(meta)) = params.get_mut("_meta")
        && meta.contains(SUBSCRIPTION)
    {
        meta.insert(SUBSCRIPTION, waiting.asked.to_value());
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn message(text: &str) -> Message {
        countersign_mcp::read(text.as_bytes(), 4096).unwrap()
    }

    fn from_server(text: &str) -> Outgoing {
        Outgoing { body: message(text).body, about: None }
    }

    #[test]
    fn two_clients_with_the_same_ids_each_get_their_own() {
        let desk = Desk::default();
        let ask = r#"{"jsonrpc":"2.0","id":7,"method":"tools/list","params":{"_meta":{"progressToken":"p"}}}"#;
        let (mut first, mut second) = (message(ask), message(ask));
        let (mut one, mut two) =
            (desk.begin(&mut first, Some("a")).unwrap(), desk.begin(&mut second, Some("b")).unwrap());
        assert_ne!(first.body, second.body);
        let seven = Id::number(7);
        assert_eq!(desk.known_as(&seven, Some("b")), Some(two.id.clone()));
        assert_eq!((desk.known_as(&seven, Some("c")), desk.known_as(&seven, None)), (None, None));
        let params = second.body.get("params").unwrap();
        assert_eq!(params.get("_meta").unwrap().get("progressToken").unwrap(), &two.id.to_value());
        desk.deliver(from_server(
            r#"{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":2,"progress":1}}"#,
        ));
        let noted = message(&two.notes.try_recv().unwrap().text);
        assert_eq!(noted.params().unwrap().get("progressToken").unwrap().as_str(), Some("p"));
        assert!(one.notes.try_recv().is_err());
        desk.deliver(from_server(r#"{"jsonrpc":"2.0","id":1,"result":{}}"#));
        assert_eq!(one.answer.try_recv().unwrap().get("id").unwrap(), &Value::from(7));
        assert!(two.answer.try_recv().is_err() && desk.is_busy());
        desk.forget(&two.id);
        assert!(!desk.is_busy());
    }

    #[test]
    fn what_is_for_no_request_goes_where_somebody_listens() {
        let desk = Desk::default();
        let note = || from_server(r#"{"jsonrpc":"2.0","method":"notifications/message","params":{}}"#);
        desk.deliver(note());
        let mut ask = message(r#"{"jsonrpc":"2.0","id":"a","method":"x"}"#);
        let mut waiter = desk.begin(&mut ask, None).unwrap();
        desk.deliver(note());
        assert!(waiter.notes.try_recv().is_ok());
        let mut standing = desk.stand();
        desk.deliver(note());
        assert!(standing.try_recv().is_ok() && waiter.notes.try_recv().is_err());
        drop(standing);
        desk.deliver(note());
        assert!(waiter.notes.try_recv().is_ok());
    }

    #[test]
    fn a_client_that_does_not_read_holds_so_much_and_no_more() {
        let desk = Desk::default();
        let mut ask = message(r#"{"jsonrpc":"2.0","id":"a","method":"x"}"#);
        let mut waiter = desk.begin(&mut ask, None).unwrap();
        let long = Value::from("x".repeat(1 << 20));
        let mut fill = || {
            for _ in 0..64 {
                let params = [("data", long.clone())].into_iter().collect();
                let body = countersign_mcp::jsonrpc::notification("notifications/message", Value::Object(params));
                desk.deliver(Outgoing { body, about: None });
            }
            std::iter::from_fn(|| waiter.notes.try_recv().ok()).count()
        };
        let most = MOST_KIB / 1024;
        assert!((1..=most).contains(&fill()));
        assert!(fill() > 0, "what was read makes room");
    }
}
