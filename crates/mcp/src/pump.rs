//! The two streams of messages, and what is done with each message.

use std::sync::Arc;

use countersign_evidence::json::{Limits, Value, parse};
use tokio::io::AsyncRead;
use tokio::sync::mpsc;

use crate::call::Asked;
use crate::flights::{Grounded, Landed, Reply};
use crate::gateway::Gateway;
use crate::id_scan::IdScan;
use crate::jsonrpc::{self, Id, Kind, Message};
use crate::lines::{Line, Lines};
use crate::payload::Call;
use crate::peers::Caller;

/// Deepest nesting of a message (`docs/evidence-format.md` §2).
const MOST_DEPTH: usize = 64;
/// Members that a `tools/call` message may have: what else it said would be executed without being judged.
const CALL_MEMBERS: [&str; 4] = ["id", "jsonrpc", "method", "params"];

/// A line that is no message: never passed on.
struct Bad {
    code: i64,
    why: String,
    scan: IdScan,
}

fn read(line: Line, most: usize) -> Result<Message, Bad> {
    let bytes = match line {
        Line::Whole(bytes) => bytes,
        Line::TooLong { bytes, scan } => {
            let why = format!("the message has {bytes} bytes, over the limit of {most}: send less");
            return Err(Bad { code: jsonrpc::INVALID_REQUEST, why, scan });
        }
    };
    let bad = |code, why: String| Bad { code, why, scan: IdScan::of(&bytes) };
    let value = parse(&bytes, Limits { bytes: most, depth: MOST_DEPTH })
        .map_err(|error| bad(jsonrpc::PARSE_ERROR, error.to_string()))?;
    Message::read(value).map_err(|error| bad(jsonrpc::INVALID_REQUEST, error.to_string()))
}

/// Handles what the client sends, in its order, until it ends. Calls go their own ways; each holds a clone of `running`.
pub(crate) async fn from_client<R: AsyncRead + Unpin>(
    gateway: Arc<Gateway>,
    mut lines: Lines<R>,
    running: mpsc::Sender<()>,
) {
    loop {
        match lines.next().await {
            Ok(Some(line)) => match read(line, gateway.settings.most_line) {
                Ok(message) => gateway.client_says(message, &running).await,
                Err(bad) => gateway.client_garbles(&bad).await,
            },
            Ok(None) => break,
            Err(error) => {
                tracing::warn!(%error, "the client's stream broke");
                break;
            }
        }
    }
}

/// Handles what the server sends, in its order, until it ends.
pub(crate) async fn from_server<R: AsyncRead + Unpin>(gateway: Arc<Gateway>, mut lines: Lines<R>) {
    loop {
        match lines.next().await {
            Ok(Some(line)) => match read(line, gateway.settings.most_line) {
                Ok(message) => gateway.server_says(message).await,
                Err(bad) => gateway.server_garbles(&bad).await,
            },
            Ok(None) => break,
            Err(error) => {
                tracing::warn!(%error, "the server's stream broke");
                break;
            }
        }
    }
}

impl Gateway {
    async fn client_says(self: &Arc<Self>, message: Message, running: &mpsc::Sender<()>) {
        match &message.kind {
            Kind::Request { id, method } if method == "tools/call" => {
                if let Err(refusal) = self.begin(id, &message, running) {
                    self.tell_client(refusal).await;
                }
            }
            Kind::Request { id, method } => {
                if method == "initialize" {
                    *self.initialized() = Caller::of_initialize(message.params());
                    self.catalogue().stale();
                }
                match self.flights.pass(id, method) {
                    Ok(()) => drop(self.tell_server(message.into_line()).await),
                    Err(grounded) => self.tell_client(refusal(id, grounded)).await,
                }
            }
            Kind::Notification { method } if method == "tools/call" => {
                tracing::warn!("a tools/call without an id was dropped: nobody could be told what came of it");
            }
            Kind::Notification { method } if method == "notifications/cancelled" => {
                let id = message.params().and_then(|params| params.get("requestId")).and_then(Id::new);
                if id.is_none_or(|id| self.flights.cancel(&id)) {
                    self.tell_server(message.into_line()).await;
                }
            }
            Kind::Notification { .. } | Kind::Response { .. } => drop(self.tell_server(message.into_line()).await),
        }
    }

    /// Lets a call begin, or says why not (as the line of an error).
    fn begin(self: &Arc<Self>, id: &Id, message: &Message, running: &mpsc::Sender<()>) -> Result<(), String> {
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
        let (gateway, running) = (Arc::clone(self), running.clone());
        tokio::spawn(async move {
            gateway.call(asked).await;
            drop(running);
        });
        Ok(())
    }

    async fn client_garbles(&self, bad: &Bad) {
        tracing::warn!(why = bad.why, "a message of the client was refused");
        // Only a request gets its id back, and only where no other request would take the answer for its own.
        let id = bad.scan.id().filter(|id| bad.scan.has_method() && !self.flights.has(id));
        let why = format!("{} (nothing was passed on)", bad.why);
        self.tell_client(jsonrpc::error(id, bad.code, &why, None)).await;
    }

    async fn server_says(&self, message: Message) {
        match &message.kind {
            Kind::Response { id: Some(id) } => match self.flights.land(id) {
                Landed::Client(method) => {
                    if let (Some(result), "tools/list") = (message.body.get("result"), method.as_str()) {
                        self.observe(result);
                    }
                    self.tell_client(message.into_line()).await;
                }
                Landed::Waiting(reply) => drop(reply.send(Reply::Answer(message.body))),
                Landed::Nobody => tracing::warn!(id = id.key(), "the server answered a request that it does not have"),
            },
            Kind::Notification { method } if method == "notifications/tools/list_changed" => {
                self.catalogue().stale();
                self.tell_client(message.into_line()).await;
            }
            _ => self.tell_client(message.into_line()).await,
        }
    }

    async fn server_garbles(&self, bad: &Bad) {
        tracing::warn!(why = bad.why, "a message of the server was dropped");
        let Some(id) = bad.scan.id().filter(|_| !bad.scan.has_method()) else { return };
        match self.flights.land(id) {
            Landed::Client(_) => {
                let why = format!("the MCP server's answer was refused: {}", bad.why);
                self.tell_client(jsonrpc::error(Some(id), jsonrpc::INTERNAL_ERROR, &why, None)).await;
            }
            Landed::Waiting(reply) => drop(reply.send(Reply::Lost("bad_answer"))),
            Landed::Nobody => {}
        }
    }
}

/// The error of a request that cannot take off. Under a duplicate id the first request would take it for its answer.
fn refusal(id: &Id, grounded: Grounded) -> String {
    let (id, code) = match grounded {
        Grounded::Duplicate => (None, jsonrpc::INVALID_REQUEST),
        Grounded::TooMany | Grounded::ServerGone => (Some(id), jsonrpc::INTERNAL_ERROR),
    };
    jsonrpc::error(id, code, &format!("{grounded} (nothing was executed)"), None)
}

/// The errors of requests that were passed on to a server that ended.
pub(crate) fn orphaned(ids: Vec<Id>) -> impl Iterator<Item = String> {
    ids.into_iter().map(|id| {
        let why = "the MCP server ended before it answered";
        jsonrpc::error(Some(&id), jsonrpc::INTERNAL_ERROR, why, None::<Value>)
    })
}
