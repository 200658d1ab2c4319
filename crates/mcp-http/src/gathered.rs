//! `/mcp`: the tools of all servers behind one path, each as `server__tool`.
//!
//! Here the gateway is a server to its clients and a client to the servers, in either era on either side. Only tools are gathered:
//! prompts, resources and what servers ask of clients have no place where several servers share a conversation.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::http::StatusCode;
use axum::response::Response;
use countersign_evidence::json::{Object, Value};
use countersign_evidence::key::Random;
use countersign_gate::GateError;
use countersign_mcp::client_name;
use countersign_mcp::jsonrpc::{self, Id, Kind, Message};
use countersign_mcp::modern::CLIENT_INFO;
use futures::future::join_all;
use tokio::sync::OnceCell;
use uuid::Uuid;

use crate::door::{Door, Entered, crowded, failed, refuse, takes_events, tell};
use crate::era::{is_legacy, version_of};
use crate::exchange::{Exchange, Terms};
use crate::legs::{Leg, NoLeg};
use crate::reply::{self, SESSION};
use crate::servers::Server;
use crate::sessions::{Place, unguessable};
use crate::translate::{LEGACY, MODERN, own_name, request};

/// Between a server's name and its tool's.
const BETWEEN: &str = "__";
/// Most sessions that are remembered; beyond it the one that was not used for longest is forgotten.
const MOST: usize = 10_000;

/// What is remembered over requests.
#[derive(Default)]
pub(crate) struct Gathered(Mutex<Table>);

#[derive(Default)]
struct Table {
    /// Those who began with `initialize`, by the id that they show.
    begun: HashMap<String, Begun>,
    legs: HashMap<Place, Arc<OnceCell<Leg>>>,
    uses: u64,
}

struct Begun {
    /// On whose behalf; of no server.
    place: Place,
    /// What the client calls itself.
    client: Option<String>,
    /// Counts up with each use of any.
    used: u64,
}

impl Gathered {
    fn table(&self) -> MutexGuard<'_, Table> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn begin(&self, place: Place, client: Option<String>, random: &dyn Random) -> String {
        let id = unguessable(random);
        let mut table = self.table();
        if table.begun.len() >= MOST {
            let oldest = table.begun.iter().min_by_key(|(_, begun)| begun.used).map(|(id, _)| id.clone());
            oldest.map(|oldest| table.begun.remove(&oldest));
        }
        table.uses += 1;
        let used = table.uses;
        table.begun.insert(id.clone(), Begun { place, client, used });
        id
    }

    /// What the client of that session calls itself.
    fn client(&self, id: &str) -> Option<String> {
        self.table().begun.get(id).and_then(|begun| begun.client.clone())
    }

    /// On whose behalf the key began that session.
    pub(crate) fn knows(&self, id: &str, key: Uuid) -> Option<Place> {
        let mut table = self.table();
        table.uses += 1;
        let now = table.uses;
        let own = table.begun.get_mut(id).filter(|begun| begun.place.key == key)?;
        own.used = now;
        Some(own.place.clone())
    }

    pub(crate) fn end(&self, id: &str, key: Uuid) -> bool {
        let mut table = self.table();
        let own = table.begun.get(id).is_some_and(|begun| begun.place.key == key);
        own && table.begun.remove(id).is_some()
    }

    /// Nothing was opened there, by this attempt.
    fn forget(&self, place: &Place, cell: &Arc<OnceCell<Leg>>) {
        let mut table = self.table();
        if table.legs.get(place).is_some_and(|now| Arc::ptr_eq(now, cell) && !now.initialized()) {
            table.legs.remove(place);
        }
    }

    /// The place of a conversation; one that has ended is begun anew.
    fn leg(&self, place: &Place) -> Arc<OnceCell<Leg>> {
        let mut table = self.table();
        table.legs.retain(|_, leg| leg.get().is_none_or(|leg| !leg.session.is_gone()));
        Arc::clone(table.legs.entry(place.clone()).or_default())
    }
}

impl Door {
    /// A message for all servers.
    pub(crate) async fn said_to_all(&self, entered: Entered, message: Message, modern: bool) -> Response {
        match &message.kind {
            Kind::Request { id, method } => {
                let (id, method) = (id.clone(), method.clone());
                match method.as_str() {
                    "initialize" if !modern => self.begun(&entered, &id, &message),
                    "server/discover" if modern => result(&id, discovered(), modern),
                    "ping" if !modern => result(&id, Object::new(), modern),
                    "tools/list" => {
                        let tools = self.all_tools(&entered, &message).await;
                        let mut listed: Object = [("tools", tools)].into_iter().collect();
                        if modern {
                            listed.insert("ttlMs", 0);
                            listed.insert("cacheScope", "private");
                        }
                        result(&id, listed, modern)
                    }
                    "tools/call" => self.call_one(entered, &id, message, modern).await,
                    _ => {
                        let why =
                            format!("{method:?} is not offered where several servers share a path: use /mcp/NAME");
                        let status = if modern { StatusCode::NOT_FOUND } else { StatusCode::OK };
                        refuse(status, Some(&id), jsonrpc::METHOD_NOT_FOUND, &why)
                    }
                }
            }
            Kind::Notification { .. } => {
                // A modern client cancels by the end of its request; its ids are its own affair.
                if !modern {
                    self.cancelled(&entered, &message).await;
                }
                reply::empty(StatusCode::ACCEPTED)
            }
            Kind::Response { .. } => reply::empty(StatusCode::ACCEPTED),
        }
    }

    fn begun(&self, entered: &Entered, id: &Id, message: &Message) -> Response {
        let wanted = message.params().and_then(|params| params.get("protocolVersion")).and_then(Value::as_str);
        let client = client_name(message.params().and_then(|params| params.get("clientInfo")));
        let place = match entered.place_at("") {
            Ok(place) => place,
            Err(error) => return failed(error),
        };
        let session = self.gathered.begin(place, client, &*self.random);
        let mut told = discovered_by();
        told.insert("protocolVersion", wanted.filter(|wanted| is_legacy(wanted)).unwrap_or(LEGACY));
        let mut response = result(id, told, false);
        if let Ok(session) = session.parse() {
            response.headers_mut().insert(SESSION, session);
        }
        response
    }

    /// Every server's tools, under names of their own. A server that does not answer is left out.
    async fn all_tools(&self, entered: &Entered, message: &Message) -> Vec<Value> {
        let listed = self.servers.values().map(|server| async move {
            let cell = match self.leg(entered, message, server).await {
                Ok(cell) => cell,
                Err(why) => {
                    tracing::warn!(server = server.name, ?why, "an MCP server's tools are left out");
                    return Vec::new();
                }
            };
            let Some(leg) = cell.get() else { return Vec::new() };
            leg.tools().await.into_iter().filter_map(|tool| renamed(tool, &server.name)).collect::<Vec<_>>()
        });
        join_all(listed).await.into_iter().flatten().collect()
    }

    async fn call_one(&self, entered: Entered, id: &Id, mut message: Message, modern: bool) -> Response {
        let name = message.params().and_then(|params| params.get("name")).and_then(Value::as_str).unwrap_or_default();
        let found =
            name.split_once(BETWEEN).and_then(|(server, tool)| Some((self.servers.get(server)?, tool.to_owned())));
        let Some((server, tool)) = found else {
            let why = format!("there is no tool {name:?}: tools are named server{BETWEEN}tool, as tools/list has them");
            return refuse(StatusCode::OK, Some(id), jsonrpc::INVALID_PARAMS, &why);
        };
        let cell = match self.leg(&entered, &message, server).await {
            Ok(cell) => cell,
            Err(NoLeg::Gate(error)) => return failed(error),
            Err(NoLeg::Server(why)) => {
                tracing::warn!(server = server.name, why, "an MCP server is not there for a call");
                let why = format!("the MCP server {} is not there, so the call was not sent to it: {why}", server.name);
                return refuse(StatusCode::OK, Some(id), jsonrpc::INTERNAL_ERROR, &why);
            }
        };
        let Some(leg) = cell.get() else { return reply::empty(StatusCode::BAD_GATEWAY) };
        if let Some(Value::Object(params)) = message.body.get_mut("params") {
            params.insert("name", tool);
        }
        request(&mut message, leg.modern);
        let session = Arc::clone(&leg.session);
        self.sessions.used(&session);
        let within = entered.session().filter(|_| !modern);
        let Some(waiter) = session.desk.begin(&mut message, within) else { return crowded(&message) };
        let exchange = Exchange::new(Arc::clone(&session), waiter, Terms { modern, translated: true });
        session.conversation.client_says(message).await;
        exchange.reply(takes_events(&entered.parts.headers)).await
    }

    /// A session's client cancels: whichever server has the request.
    async fn cancelled(&self, entered: &Entered, message: &Message) {
        if !matches!(&message.kind, Kind::Notification { method } if method == "notifications/cancelled") {
            return;
        }
        for server in self.servers.values() {
            let Ok(place) = self.place(entered, message, server) else { return };
            let known = self.gathered.table().legs.get(&place).cloned();
            if let Some(leg) = known.as_ref().and_then(|cell| cell.get()) {
                tell(&leg.session, message.clone(), entered.session()).await;
            }
        }
    }

    /// Whose conversation with a server it is: the servers know the gateway, but what they are asked is on record as the client's.
    fn place(&self, entered: &Entered, message: &Message, server: &Server) -> Result<Place, GateError> {
        let mut place = entered.place(server)?;
        let within = entered.session().filter(|_| version_of(message).is_none());
        place.agent = place.agent.or_else(|| match within {
            Some(id) => self.gathered.client(id),
            None => client_name(message.params().and_then(|params| params.get("_meta")?.get(CLIENT_INFO))),
        });
        Ok(place)
    }

    /// The conversation with a server that this caller's requests share.
    async fn leg(&self, entered: &Entered, message: &Message, server: &Server) -> Result<Arc<OnceCell<Leg>>, NoLeg> {
        let place = self.place(entered, message, server)?;
        let cell = self.gathered.leg(&place);
        let open = || Leg::open(&self.sessions, server, place.clone(), &entered.caller);
        if let Err(error) = cell.get_or_try_init(open).await {
            self.gathered.forget(&place, &cell);
            return Err(error);
        }
        Ok(cell)
    }
}

fn renamed(tool: Value, server: &str) -> Option<Value> {
    let Value::Object(mut tool) = tool else { return None };
    let name = format!("{server}{BETWEEN}{}", tool.get("name")?.as_str()?);
    tool.insert("name", name);
    Some(Value::Object(tool))
}

fn discovered_by() -> Object {
    let tools: Object = [("tools", Object::new())].into_iter().collect();
    let mut told = Object::new();
    told.insert("capabilities", tools);
    told.insert("serverInfo", own_name());
    told.insert("instructions", "Tools of several servers, each named server__tool.");
    told
}

fn discovered() -> Object {
    let mut told = discovered_by();
    told.insert("supportedVersions", vec![Value::from(MODERN)]);
    told.insert("ttlMs", 0);
    told.insert("cacheScope", "private");
    told
}

fn result(id: &Id, mut result: Object, modern: bool) -> Response {
    if modern {
        result.insert("resultType", "complete");
    }
    reply::json(StatusCode::OK, jsonrpc::result(id, Value::Object(result)))
}
