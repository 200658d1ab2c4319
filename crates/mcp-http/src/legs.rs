//! The gateway as a client: conversations that it holds with servers in its own name, in whichever era a server speaks.

use std::sync::Arc;
use std::time::Duration;

use countersign_evidence::json::{Object, Value};
use countersign_gate::{Caller, GateError};
use countersign_mcp::jsonrpc::{self, Id, Message};
use tokio::time::timeout;

use crate::era::negotiated;
use crate::servers::Server;
use crate::sessions::{Place, Session, Sessions};
use crate::translate::{LEGACY, own_name, request};

/// How long a server may take to say what it speaks.
const GREETING: Duration = Duration::from_secs(10);
/// How long it may take for one page of its tools.
const LISTING: Duration = Duration::from_secs(10);
/// Nobody's session: what the gateway itself asks.
const OWN: &str = "gateway";
/// Most characters of what a server says of why it does not begin.
const MOST_SAID: usize = 300;
/// Most pages of one listing.
const MOST_PAGES: usize = 100;

/// Why there is no conversation with a server. Nothing was asked of it that has an effect.
#[derive(Debug)]
pub(crate) enum NoLeg {
    /// The gate opens none.
    Gate(GateError),
    /// The server is not there, refuses, or speaks something else: in its words or the gateway's.
    Server(String),
}

impl From<GateError> for NoLeg {
    fn from(error: GateError) -> Self {
        NoLeg::Gate(error)
    }
}

/// A conversation with one server, held by the gateway.
pub(crate) struct Leg {
    pub(crate) session: Arc<Session>,
    /// The server says everything with each answer.
    pub(crate) modern: bool,
}

impl Leg {
    /// Opens one: the server is asked in the modern way first, as clients of both eras do.
    pub(crate) async fn open(
        sessions: &Sessions,
        server: &Server,
        place: Place,
        caller: &Caller,
    ) -> Result<Self, NoLeg> {
        let opening = sessions.open(server, place, caller)?;
        let session = Arc::clone(opening.session());
        let discovered = ask(&session, "server/discover", Object::new(), true, GREETING).await;
        if discovered
            .is_some_and(|answer| answer.get("result").is_some_and(|result| result.get("supportedVersions").is_some()))
        {
            opening.keep();
            return Ok(Leg { session, modern: true });
        }
        let mut params = Object::new();
        params.insert("protocolVersion", LEGACY);
        params.insert("capabilities", Object::new());
        params.insert("clientInfo", own_name());
        let begun = ask(&session, "initialize", params, false, GREETING).await;
        if begun.as_ref().and_then(|answer| negotiated(answer.get("result")?)).is_none() {
            let said = begun.as_ref().and_then(|answer| answer.get("error")?.get("message")?.as_str());
            return Err(NoLeg::Server(said.unwrap_or("it does not answer").chars().take(MOST_SAID).collect()));
        }
        let initialized = jsonrpc::notification("notifications/initialized", Value::Object(Object::new()));
        if let Ok(message) = Message::read(Value::Object(initialized)) {
            session.conversation.client_says(message).await;
        }
        opening.keep();
        Ok(Leg { session, modern: false })
    }

    /// All tools of the server, as far as it lists them.
    pub(crate) async fn tools(&self) -> Vec<Value> {
        let mut tools = Vec::new();
        let mut params = Object::new();
        for _ in 0..MOST_PAGES {
            let answer = ask(&self.session, "tools/list", params.clone(), self.modern, LISTING).await;
            let Some(result) = answer.and_then(|mut answer| answer.remove("result")) else { break };
            tools.extend_from_slice(result.get("tools").and_then(Value::as_array).unwrap_or_default());
            match result.get("nextCursor").filter(|cursor| !cursor.is_null()) {
                Some(cursor) => drop(params.insert("cursor", cursor.clone())),
                None => break,
            }
        }
        tools
    }
}

/// One request of the gateway's own, and its answer.
async fn ask(session: &Session, method: &str, params: Object, modern: bool, patience: Duration) -> Option<Object> {
    let asked = jsonrpc::request(&Id::number(0), method, Value::Object(params));
    let mut message = Message::read(Value::Object(asked)).ok()?;
    request(&mut message, modern);
    let mut waiter = session.desk.begin(&mut message, Some(OWN))?;
    session.conversation.client_says(message).await;
    let answer = timeout(patience, &mut waiter.answer).await;
    session.let_go(&waiter.id);
    answer.ok()?.ok()
}
