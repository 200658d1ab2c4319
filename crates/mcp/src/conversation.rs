//! One conversation between a client and a server, whatever carries its messages.

use std::sync::Arc;
use std::time::Duration;

use countersign_evidence::json::{Limits, Object, Value, parse};
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::call::Asked;
use crate::config::Settings;
use crate::flights::{Grounded, Landed, Passed, Reply};
use crate::gateway::Gateway;
use crate::id_scan::IdScan;
use crate::jsonrpc::{self, Id, Kind, Message};
use crate::mirror::Mirror;
use crate::payload::Call;
use crate::peers::Caller;

/// Messages that may wait for a slow reader.
const QUEUE: usize = 256;
/// How long outcomes may take to be recorded once nothing runs any more.
pub(crate) const LAST_WORDS: Duration = Duration::from_secs(15);
/// How long a side may take to take its last message.
const LEAVE: Duration = Duration::from_secs(2);
/// Deepest nesting of a message (`docs/evidence-format.md` §2).
const MOST_DEPTH: usize = 64;
/// Members that a `tools/call` message may have: what else it said would be executed without being judged.
const CALL_MEMBERS: [&str; 4] = ["id", "jsonrpc", "method", "params"];

/// What whoever carries messages is handed.
#[derive(Debug)]
pub enum Out {
    /// A message to be carried.
    Message(Outgoing),
    /// Nothing follows.
    End,
}

/// A message on its way.
#[derive(Debug)]
pub struct Outgoing {
    /// All of it.
    pub body: Object,
    /// The request in whose exchange the server said it, where the server's transport tells.
    pub about: Option<Id>,
}

/// A text that is no message: never passed on.
#[derive(Debug)]
pub struct Garbled {
    /// JSON-RPC error code.
    pub code: i64,
    /// What is wrong with it.
    pub why: String,
    pub(crate) scan: IdScan,
}

impl Garbled {
    /// The error that answers it: with its id, where it is a request and exactly one id can be read.
    pub fn answer(&self) -> Object {
        let id = self.scan.id().filter(|_| self.scan.has_method());
        jsonrpc::error(id, self.code, &format!("{} (nothing was passed on)", self.why), None)
    }
}

/// Reads a message of at most `most` bytes, strictly.
///
/// # Errors
/// [`Garbled`].
pub fn read(bytes: &[u8], most: usize) -> Result<Message, Garbled> {
    let bad = |code, why: String| Garbled { code, why, scan: IdScan::of(bytes) };
    let value = parse(bytes, Limits { bytes: most, depth: MOST_DEPTH })
        .map_err(|error| bad(jsonrpc::PARSE_ERROR, error.to_string()))?;
    Message::read(value).map_err(|error| bad(jsonrpc::INVALID_REQUEST, error.to_string()))
}

/// A text that was too long to be kept.
pub(crate) fn too_long(bytes: usize, most: usize, scan: IdScan) -> Garbled {
    let why = format!("the message has {bytes} bytes, over the limit of {most}: send less");
    Garbled { code: jsonrpc::INVALID_REQUEST, why, scan }
}

/// A conversation, and what its messages are carried by.
#[derive(Debug)]
pub struct Opened {
    /// Where messages go in.
    pub conversation: Conversation,
    /// What the client is to hear.
    pub to_client: mpsc::Receiver<Out>,
    /// What the server is to hear.
    pub to_server: mpsc::Receiver<Out>,
}

/// Where the messages of both sides go in.
#[derive(Clone)]
pub struct Conversation {
    pub(crate) gateway: Arc<Gateway>,
}

impl std::fmt::Debug for Conversation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Conversation").field("server", &self.gateway.settings.server).finish_non_exhaustive()
    }
}

impl Conversation {
    /// Begins one. It knows the server's tools by its own listing: nobody else's says what this conversation's server is.
    pub fn open(settings: Settings) -> Opened {
        let (to_client, client_queue) = mpsc::channel(QUEUE);
        let (to_server, server_queue) = mpsc::channel(QUEUE);
        let gateway = Arc::new(Gateway::new(settings, to_client, to_server));
        Opened { conversation: Conversation { gateway }, to_client: client_queue, to_server: server_queue }
    }

    /// The client says this. Returns as soon as it is passed on, or a call was begun.
    pub async fn client_says(&self, message: Message) {
        self.gateway.client_says(message).await;
    }

    /// The server says this, in the exchange of the request `about` where its transport tells. Whether it was that request's
    /// answer. An answer to another request in its exchange is dropped.
    pub async fn server_says(&self, text: &[u8], about: Option<&Id>) -> bool {
        match read(text, self.gateway.settings.most_line) {
            Ok(message) => {
                let answers = match (&message.kind, about) {
                    (Kind::Response { id }, Some(about)) if id.as_ref() != Some(about) => {
                        tracing::warn!(about = about.key(), "the server answered another request than it was asked");
                        return false;
                    }
                    (kind, _) => matches!(kind, Kind::Response { .. }),
                };
                self.gateway.server_says(message, about).await;
                answers
            }
            Err(bad) => {
                let for_it = bad.scan.id().is_some() && bad.scan.id() == about && !bad.scan.has_method();
                self.gateway.server_garbles(&bad).await;
                for_it
            }
        }
    }

    /// The server has no answer to this request: `error` for a client that waits, and `why` (an identifier) for the record of a
    /// call, whose outcome is unknown then.
    pub async fn server_fails(&self, id: &Id, why: &'static str, error: &str) {
        self.gateway.server_fails(id, why, error).await;
    }

    /// How the tool that a `tools/call` names wants its arguments mirrored in headers; the server is asked where it is not known.
    pub async fn mirrors(&self, message: &Message) -> Vec<Mirror> {
        let Ok(call) = Call::read(message.params()) else { return Vec::new() };
        self.gateway.list_if_due(&call).await;
        self.known_mirrors(&call.name)
    }

    /// The same of a tool by its name, as far as its definition is known.
    pub fn known_mirrors(&self, tool: &str) -> Vec<Mirror> {
        self.gateway.catalogue().mirrors(tool)
    }

    /// Whether a call is under way: decided, held, sent, or being recorded.
    pub fn is_busy(&self) -> bool {
        self.gateway.places.available_permits() < self.gateway.settings.most_calls
    }

    /// Nobody listens for the answer to this request any more. A call that is held is not begun then, and nothing is given up.
    pub fn unheard(&self, id: &Id) {
        self.gateway.flights.unheard(id);
    }

    /// The client is gone: held calls are cancelled, those that run get the grace period, then their outcome is recorded as unknown;
    /// then nothing more is said to the server. On return every call is either recorded or was never sent.
    pub async fn client_gone(self) {
        let gateway = self.gateway;
        gateway.flights.client_gone();
        let _ = timeout(gateway.settings.grace, gateway.calls_ended()).await;
        gateway.flights.over();
        let _ = timeout(LAST_WORDS, gateway.calls_ended()).await;
        // A server that takes nothing more does not keep the conversation.
        let _ = timeout(LEAVE, gateway.end_server()).await;
        gateway.is_over();
        let _ = timeout(LEAVE, gateway.end_client()).await;
    }

    /// Waits until nothing more is to be said to the server, whatever still waits to be.
    pub async fn over(&self) {
        self.gateway.over().await;
    }

    /// The server is gone: calls that run are recorded as unknown, and who waits gets an error.
    pub async fn server_gone(&self) {
        self.gateway.server_gone().await;
    }
}

impl Gateway {
    pub(crate) async fn client_says(self: &Arc<Self>, message: Message) {
        match &message.kind {
            Kind::Request { id, method } if method == "tools/call" => {
                if let Err(refusal) = self.begin(id, &message) {
                    self.tell_client(refusal).await;
                }
            }
            Kind::Request { id, method } => {
                if method == "initialize" {
                    *self.initialized() = Caller::of_initialize(message.params());
                    self.catalogue().stale();
                }
                match self.flights.pass(id, passed(method, &message)) {
                    Ok(()) => drop(self.tell_server(message.body).await),
                    Err(grounded) => self.tell_client(refusal(id, grounded)).await,
                }
            }
            Kind::Notification { method } if method == "tools/call" => {
                tracing::warn!("a tools/call without an id was dropped: nobody could be told what came of it");
            }
            Kind::Notification { method } if method == "notifications/cancelled" => {
                let id = message.params().and_then(|params| params.get("requestId")).and_then(Id::new);
                if id.is_none_or(|id| self.flights.cancel(&id)) {
                    self.tell_server(message.body).await;
                }
            }
            Kind::Notification { .. } | Kind::Response { .. } => drop(self.tell_server(message.body).await),
        }
    }

    /// Lets a call begin, or says why not (as an error).
    fn begin(self: &Arc<Self>, id: &Id, message: &Message) -> Result<(), Object> {
        if let Some((name, _)) = message.body.iter().find(|(name, _)| !CALL_MEMBERS.contains(name)) {
            let why = format!("a tools/call message has no member {name:?}: put it into params");
            return Err(jsonrpc::error(Some(id), jsonrpc::INVALID_REQUEST, &why, None));
        }
        let call = Call::read(message.params())
            .map_err(|error| jsonrpc::error(Some(id), jsonrpc::INVALID_PARAMS, &error.to_string(), None))?;
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(|_| refusal(id, Grounded::TooMany))?;
        let stop = self.flights.hold(id).map_err(|grounded| refusal(id, grounded))?;
        let caller = Caller::of_call(&call, &self.initialized());
        let asked = Asked { id: id.clone(), call, caller, stop, _place: place };
        tokio::spawn(Arc::clone(self).call(asked));
        Ok(())
    }

    pub(crate) async fn client_garbles(&self, bad: &Garbled) {
        tracing::warn!(why = bad.why, "a message of the client was refused");
        // Only a request gets its id back, and only where no other request would take the answer for its own.
        let mut answer = bad.answer();
        if bad.scan.id().is_some_and(|id| self.flights.has(id)) {
            answer.insert("id", Value::Null);
        }
        self.tell_client(answer).await;
    }

    pub(crate) async fn server_says(&self, message: Message, about: Option<&Id>) {
        match &message.kind {
            Kind::Response { id: Some(id) } => match self.flights.land(id) {
                Landed::Client(passed) => {
                    if let (Some(result), Passed::Tools | Passed::MoreTools) = (message.body.get("result"), passed) {
                        self.observe(result, passed == Passed::Tools);
                    }
                    self.tell_client(message.body).await;
                }
                Landed::Waiting(reply) => drop(reply.send(Reply::Answer(message.body))),
                Landed::Nobody => tracing::warn!(id = id.key(), "the server answered a request that it does not have"),
            },
            Kind::Notification { method } if method == "notifications/tools/list_changed" => {
                self.catalogue().stale();
                self.pass_to_client(message.body, about).await;
            }
            _ => self.pass_to_client(message.body, about).await,
        }
    }

    pub(crate) async fn server_garbles(&self, bad: &Garbled) {
        tracing::warn!(why = bad.why, "a message of the server was dropped");
        let Some(id) = bad.scan.id().filter(|_| !bad.scan.has_method()) else { return };
        let error = format!("the MCP server's answer was refused: {}", bad.why);
        self.server_fails(id, "bad_answer", &error).await;
    }

    async fn server_fails(&self, id: &Id, why: &'static str, error: &str) {
        match self.flights.land(id) {
            Landed::Client(_) => {
                self.tell_client(jsonrpc::error(Some(id), jsonrpc::INTERNAL_ERROR, error, None)).await;
            }
            Landed::Waiting(reply) => drop(reply.send(Reply::Lost(why))),
            Landed::Nobody => {}
        }
    }

    pub(crate) async fn server_gone(&self) {
        for id in self.flights.server_gone() {
            let why = "the MCP server ended before it answered";
            self.tell_client(jsonrpc::error(Some(&id), jsonrpc::INTERNAL_ERROR, why, None)).await;
        }
    }
}

fn passed(method: &str, message: &Message) -> Passed {
    let cursor = || message.params().and_then(|params| params.get("cursor")).is_some_and(|cursor| !cursor.is_null());
    match method {
        "tools/list" if cursor() => Passed::MoreTools,
        "tools/list" => Passed::Tools,
        _ => Passed::Other,
    }
}

/// The error of a request that cannot take off. Under a duplicate id the first request would take it for its answer.
fn refusal(id: &Id, grounded: Grounded) -> Object {
    let (id, code) = match grounded {
        Grounded::Duplicate => (None, jsonrpc::INVALID_REQUEST),
        Grounded::TooMany | Grounded::ServerGone => (Some(id), jsonrpc::INTERNAL_ERROR),
    };
    jsonrpc::error(id, code, &format!("{grounded} (nothing was executed)"), None)
}
