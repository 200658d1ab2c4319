//! `/mcp/NAME`: who may come in, and which conversation a request is part of.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{FromRequestParts, Path, Request, State};
use axum::http::header::{ACCEPT, WWW_AUTHENTICATE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use countersign_evidence::id::is_identifier;
use countersign_evidence::json::{Object, Value};
use countersign_evidence::key::Random;
use countersign_gate::{Caller, GateError};
use countersign_http::{App, Asker, Failure, must_be_json, read_body};
use countersign_mcp::jsonrpc::{self, Id, Kind, Message};
use countersign_mcp::read;
use tokio::time::timeout;

use crate::era::{initializes, is_legacy, negotiated, version_of};
use crate::exchange::{Exchange, Standing, Terms};
use crate::gathered::Gathered;
use crate::mirrored::{HEADER_MISMATCH, PROTOCOL_VERSION, check};
use crate::origin;
use crate::reply::{self, SESSION};
use crate::servers::{Server, Servers};
use crate::sessions::{Place, Session, Sessions};

/// Headers that say on whose behalf a request is.
const AGENT: &str = "x-countersign-agent";
const USER: &str = "x-countersign-user";
const ENVIRONMENT: &str = "x-countersign-environment";
/// How long a connection to a server may take to stand.
const CONNECT: Duration = Duration::from_secs(10);

/// What every request can reach.
#[derive(Clone)]
pub(crate) struct Door {
    app: App,
    pub(crate) servers: Arc<BTreeMap<String, Arc<Server>>>,
    pub(crate) sessions: Sessions,
    pub(crate) gathered: Arc<Gathered>,
    pub(crate) random: Arc<dyn Random>,
    most_body: usize,
}

/// The gateway as a service, to be merged with the API's router; conversations that nobody uses end by themselves for as long as the
/// runtime lives. `most_body` limits a message of an agent in bytes.
///
/// # Errors
/// The system's certificates cannot be read.
pub fn router(
    app: &App,
    servers: Servers,
    random: Arc<dyn Random>,
    most_body: usize,
) -> Result<Router, reqwest::Error> {
    // A redirect would take the credential elsewhere; no proxy of the environment gets to see it.
    let http = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .connect_timeout(CONNECT)
        .build()?;
    let servers = servers.0.into_iter().map(|(name, server)| (name, Arc::new(server))).collect();
    let sessions = Sessions::new(app.clone(), Arc::clone(&random), http);
    tokio::spawn(sessions.clone().look_after());
    let (servers, gathered) = (Arc::new(servers), Arc::default());
    let door = Door { app: app.clone(), servers, sessions, gathered, random, most_body };
    Ok(Router::new()
        .route("/mcp", post(said_to_all).delete(leaves_all))
        .route("/mcp/{server}", post(said).get(listens).delete(leaves))
        .route("/.well-known/oauth-protected-resource/mcp", get(resource_of_all))
        .route("/.well-known/oauth-protected-resource/mcp/{server}", get(resource))
        .with_state(door))
}

/// Who comes in.
pub(crate) struct Entered {
    pub(crate) caller: Caller,
    pub(crate) parts: Parts,
    /// On whose behalf its session with all servers began.
    began: Option<Place>,
}

impl Door {
    /// Lets somebody in, to the server of that name or (where it is empty) to all.
    async fn enter(&self, name: &str, mut parts: Parts) -> Result<Entered, Response> {
        if !origin::fits(&parts.headers, self.app.gate().public_url()) {
            let detail = "this host or origin is not one that this gateway answers to; is `public_url` right?";
            return Err(refuse(StatusCode::FORBIDDEN, None, jsonrpc::INVALID_REQUEST, detail));
        }
        let Asker(caller) = Asker::from_request_parts(&mut parts, &self.app).await.map_err(|failure| {
            let mut response = failure.into_response();
            if response.status() == StatusCode::UNAUTHORIZED
                && let Ok(challenge) = HeaderValue::from_str(&self.challenge(name))
            {
                response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
            }
            response
        })?;
        caller.must_act().map_err(failed)?;
        Ok(Entered { caller, parts, began: None })
    }

    fn server(&self, name: &str) -> Result<&Arc<Server>, Box<Response>> {
        self.servers.get(name).ok_or_else(|| Box::new(failed(GateError::NotFound("such MCP server"))))
    }

    /// RFC 9728 §3: what a client needs to know to get in. Keys are handed out by the operator; there is no authorization server.
    fn metadata(&self, server: &str) -> Response {
        let base = self.app.gate().public_url();
        let name = if server.is_empty() { "all servers" } else { server };
        let mut metadata = Object::new();
        metadata.insert("resource", format!("{base}{}", path_of(server)));
        metadata.insert("bearer_methods_supported", vec![Value::from("header")]);
        metadata.insert("resource_name", format!("{name}, through Countersign"));
        reply::json(StatusCode::OK, metadata)
    }

    /// RFC 9728 §5.1.
    fn challenge(&self, server: &str) -> String {
        let (base, path) = (self.app.gate().public_url(), path_of(server));
        format!("Bearer resource_metadata=\"{base}/.well-known/oauth-protected-resource{path}\"")
    }

    /// Somebody's message: who said it, what it is, and whether it is of the modern era.
    async fn message(&self, name: &str, request: Request) -> Result<(Entered, Message, bool), Response> {
        let (parts, body) = request.into_parts();
        let entered = self.enter(name, parts).await?;
        must_be_json(&entered.parts.headers).map_err(IntoResponse::into_response)?;
        let text = read_body(body, self.most_body).await.map_err(IntoResponse::into_response)?;
        let message = read(&text, self.most_body).map_err(|bad| reply::json(StatusCode::BAD_REQUEST, bad.answer()))?;
        let modern = version_of(&message).is_some() || entered.says_modern();
        if modern && version_of(&message).is_none() && id_of(&message).is_some() {
            let why = "the header says a version whose requests say it themselves: params._meta lacks \
                       io.modelcontextprotocol/protocolVersion";
            return Err(refuse(StatusCode::BAD_REQUEST, id_of(&message), jsonrpc::INVALID_PARAMS, why));
        }
        Ok((entered, message, modern))
    }

    async fn said(&self, name: &str, request: Request) -> Result<Response, Response> {
        let (entered, message, modern) = self.message(name, request).await?;
        let server = self.server(name).map_err(|refusal| *refusal)?;
        match (&message.kind, modern) {
            (Kind::Request { .. }, true) => self.modern(server, entered, message).await,
            (Kind::Request { .. }, false) if initializes(&message) => self.begin(server, entered, message).await,
            (Kind::Request { .. }, false) => {
                let session = self.session(server, &entered).map_err(|refusal| *refusal)?;
                exchange(session, message, &entered.parts.headers, false).await
            }
            (Kind::Notification { .. } | Kind::Response { .. }, false) => {
                let session = self.session(server, &entered).map_err(|refusal| *refusal)?;
                tell(&session, message, None).await;
                Ok(reply::empty(StatusCode::ACCEPTED))
            }
            // Nothing of a modern client needs to be said outside of a request; it is no error either.
            (Kind::Notification { .. }, true) => Ok(reply::empty(StatusCode::ACCEPTED)),
            (Kind::Response { .. }, true) => {
                let detail = "a server asks nothing of a client in this version: there is nothing to answer";
                Err(refuse(StatusCode::BAD_REQUEST, None, jsonrpc::INVALID_REQUEST, detail))
            }
        }
    }

    /// A request that says everything itself.
    async fn modern(&self, server: &Server, entered: Entered, message: Message) -> Result<Response, Response> {
        let place = entered.place(server).map_err(failed)?;
        let session = self.sessions.shared(server, &place, &entered.caller).map_err(failed)?;
        let calls = matches!(&message.kind, Kind::Request { method, .. } if method == "tools/call");
        // The headers that are always there first: nothing is asked of the server for a request without them.
        let mirrors = match check(&entered.parts.headers, &message, &[]) {
            Ok(()) if calls => session.conversation.mirrors(&message).await,
            _ => Vec::new(),
        };
        if let Err(why) = check(&entered.parts.headers, &message, &mirrors) {
            return Err(refuse(StatusCode::BAD_REQUEST, id_of(&message), HEADER_MISMATCH, &why));
        }
        exchange(session, message, &entered.parts.headers, true).await
    }

    /// `initialize`: a session, where the server agrees.
    async fn begin(&self, server: &Server, entered: Entered, mut message: Message) -> Result<Response, Response> {
        let place = entered.place(server).map_err(failed)?;
        let opening = self.sessions.open(server, place, &entered.caller).map_err(failed)?;
        let session = Arc::clone(opening.session());
        let Some(mut waiter) = session.desk.begin(&mut message, None) else { return Err(crowded(&message)) };
        session.conversation.client_says(message).await;
        // A client that goes before the answer leaves nothing behind: the session ends with `opening`.
        let Ok(Ok(answer)) = timeout(server.deadline, &mut waiter.answer).await else {
            return Err(reply::empty(StatusCode::BAD_GATEWAY));
        };
        let settled = answer.get("result").and_then(negotiated).is_some();
        let mut response = reply::json(StatusCode::OK, answer);
        if settled {
            let id = self.sessions.begin(opening);
            HeaderValue::from_str(&id).ok().map(|id| response.headers_mut().insert(SESSION, id));
        }
        Ok(response)
    }

    /// The session that a request names: of this key, with this server.
    fn session(&self, server: &Server, entered: &Entered) -> Result<Arc<Session>, Box<Response>> {
        let headers = &entered.parts.headers;
        let id = named_session(headers)?;
        let found = self.sessions.find(id, &server.name, entered.caller.key);
        let found = found.ok_or_else(|| Box::new(no_session()))?;
        entered.must_be_of(&found.place).map_err(|error| Box::new(failed(error)))?;
        Ok(found)
    }

    async fn said_to_everybody(&self, request: Request) -> Result<Response, Response> {
        let (mut entered, message, modern) = self.message("", request).await?;
        if modern {
            if let Err(why) = check(&entered.parts.headers, &message, &[]) {
                return Err(refuse(StatusCode::BAD_REQUEST, id_of(&message), HEADER_MISMATCH, &why));
            }
        } else if !initializes(&message) {
            let id = named_session(&entered.parts.headers).map_err(|refusal| *refusal)?;
            let Some(place) = self.gathered.knows(id, entered.caller.key) else { return Err(no_session()) };
            entered.must_be_of(&place).map_err(failed)?;
            entered.began = Some(place);
        }
        Ok(self.said_to_all(entered, message, modern).await)
    }

    /// A stream for what belongs to no request.
    async fn listens(&self, name: &str, request: Request) -> Result<Response, Response> {
        let entered = self.enter(name, request.into_parts().0).await?;
        if !entered.parts.headers.contains_key(&SESSION) {
            return Err(reply::empty(StatusCode::METHOD_NOT_ALLOWED));
        }
        let server = self.server(name).map_err(|refusal| *refusal)?;
        let session = self.session(server, &entered).map_err(|refusal| *refusal)?;
        Ok(reply::events(Standing(session.desk.stand())))
    }

    /// The end of a session.
    async fn leaves(&self, name: &str, request: Request) -> Result<Response, Response> {
        let entered = self.enter(name, request.into_parts().0).await?;
        let id = entered.session().ok_or_else(|| reply::empty(StatusCode::METHOD_NOT_ALLOWED))?;
        let known = self.sessions.delete(id, name, entered.caller.key);
        Ok(reply::empty(if known { StatusCode::OK } else { StatusCode::NOT_FOUND }))
    }

    async fn leaves_all(&self, request: Request) -> Result<Response, Response> {
        let entered = self.enter("", request.into_parts().0).await?;
        let known = entered.session().is_some_and(|id| self.gathered.end(id, entered.caller.key));
        Ok(reply::empty(if known { StatusCode::OK } else { StatusCode::NOT_FOUND }))
    }
}

/// Where a server is reached; all of them where the name is empty.
fn path_of(server: &str) -> String {
    if server.is_empty() { "/mcp".to_owned() } else { format!("/mcp/{server}") }
}

impl Entered {
    /// Whether the header says a version that has no sessions. Only for messages whose body says none.
    fn says_modern(&self) -> bool {
        let said = text(&self.parts.headers, &PROTOCOL_VERSION);
        said.is_some_and(|version| !is_legacy(version)) && !self.parts.headers.contains_key(&SESSION)
    }

    /// The session that it names.
    pub(crate) fn session(&self) -> Option<&str> {
        text(&self.parts.headers, &SESSION)
    }

    /// What a header says of on whose behalf it is.
    fn said(&self, name: &'static str) -> Result<Option<String>, GateError> {
        let header = HeaderName::from_static(name);
        match self.parts.headers.get_all(&header).iter().count() {
            0 => Ok(None),
            1 => match text(&self.parts.headers, &header).filter(|text| is_identifier(text)) {
                Some(text) => Ok(Some(text.to_owned())),
                None => Err(GateError::Invalid(format!("the header {name} is an id without spaces"))),
            },
            _ => Err(GateError::Invalid(format!("the header {name} is there more than once"))),
        }
    }

    /// Whose conversation this is.
    pub(crate) fn place(&self, server: &Server) -> Result<Place, GateError> {
        let mut place = self.place_at(&server.name)?;
        place.agent = place.agent.or_else(|| server.agent.clone());
        Ok(place)
    }

    /// On whose behalf it is: as its headers say, else as its session began, else as its key is limited.
    pub(crate) fn place_at(&self, server: &str) -> Result<Place, GateError> {
        let began = self.began.clone();
        let (agent, user, environment) =
            began.map_or_else(Default::default, |place| (place.agent, place.user, place.environment));
        let of_key = || match self.caller.agents.as_slice() {
            // A key for one agent is that agent's.
            [only] => Some(only.clone()),
            _ => None,
        };
        Ok(Place {
            server: server.to_owned(),
            key: self.caller.key,
            agent: self.said(AGENT)?.or(agent).or_else(of_key),
            user: self.said(USER)?.or(user),
            environment: self.said(ENVIRONMENT)?.or(environment),
        })
    }

    /// A session is its beginner's: who speaks on another's behalf begins another.
    fn must_be_of(&self, began: &Place) -> Result<(), GateError> {
        for (name, began) in [(AGENT, &began.agent), (USER, &began.user), (ENVIRONMENT, &began.environment)] {
            if self.said(name)?.is_some_and(|said| began.as_ref() != Some(&said)) {
                return Err(GateError::Invalid(format!(
                    "the header {name} names another than this session began with: begin another session"
                )));
            }
        }
        Ok(())
    }
}

async fn exchange(
    session: Arc<Session>,
    mut message: Message,
    headers: &HeaderMap,
    modern: bool,
) -> Result<Response, Response> {
    let Some(waiter) = session.desk.begin(&mut message, None) else { return Err(crowded(&message)) };
    let exchange = Exchange::new(Arc::clone(&session), waiter, Terms { modern, translated: false });
    session.conversation.client_says(message).await;
    Ok(exchange.reply(takes_events(headers)).await)
}

/// Whether a client takes events for an answer.
pub(crate) fn takes_events(headers: &HeaderMap) -> bool {
    let accept = text(headers, &ACCEPT).unwrap_or("*/*").to_ascii_lowercase();
    accept.contains("text/event-stream") || accept.contains("*/*")
}

fn named_session(headers: &HeaderMap) -> Result<&str, Box<Response>> {
    let refused = |detail| Box::new(refuse(StatusCode::BAD_REQUEST, None, jsonrpc::INVALID_REQUEST, detail));
    if text(headers, &PROTOCOL_VERSION).is_some_and(|version| !is_legacy(version)) {
        return Err(refused("sessions are of versions up to 2025-11-25: this one was not settled on"));
    }
    let named = text(headers, &SESSION);
    named.ok_or_else(|| refused("name the session: the Mcp-Session-Id that `initialize` was answered with"))
}

fn no_session() -> Response {
    let detail = "there is no such session (any more): begin another with `initialize`";
    refuse(StatusCode::NOT_FOUND, None, jsonrpc::INVALID_REQUEST, detail)
}

/// A message that wants no answer. A cancellation names the request as its client knows it.
pub(crate) async fn tell(session: &Session, mut message: Message, within: Option<&str>) {
    let mut cancelled = None;
    if matches!(&message.kind, Kind::Notification { method } if method == "notifications/cancelled") {
        let asked = message.params().and_then(|params| params.get("requestId")).and_then(Id::new);
        let Some(id) = asked.and_then(|asked| session.desk.known_as(&asked, within)) else { return };
        if let Some(Value::Object(params)) = message.body.get_mut("params") {
            params.insert("requestId", id.to_value());
        }
        cancelled = Some(id);
    }
    session.conversation.client_says(message).await;
    // A cancelled request gets no answer, but the exchange that waits for it ends.
    if let Some(id) = cancelled {
        session.let_go(&id);
    }
}

fn id_of(message: &Message) -> Option<&Id> {
    match &message.kind {
        Kind::Request { id, .. } => Some(id),
        _ => None,
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

pub(crate) fn failed(error: GateError) -> Response {
    Failure::from(error).into_response()
}

pub(crate) fn refuse(status: StatusCode, id: Option<&Id>, code: i64, why: &str) -> Response {
    reply::json(status, jsonrpc::error(id, code, why, None))
}

pub(crate) fn crowded(message: &Message) -> Response {
    let why = "too many requests have no answer yet: wait for some of them";
    refuse(StatusCode::TOO_MANY_REQUESTS, id_of(message), jsonrpc::INTERNAL_ERROR, why)
}

async fn said(State(door): State<Door>, Path(server): Path<String>, request: Request) -> Response {
    door.said(&server, request).await.unwrap_or_else(|refusal| refusal)
}

async fn listens(State(door): State<Door>, Path(server): Path<String>, request: Request) -> Response {
    door.listens(&server, request).await.unwrap_or_else(|refusal| refusal)
}

async fn leaves(State(door): State<Door>, Path(server): Path<String>, request: Request) -> Response {
    door.leaves(&server, request).await.unwrap_or_else(|refusal| refusal)
}

async fn resource(State(door): State<Door>, Path(server): Path<String>) -> Response {
    match door.server(&server) {
        Ok(_) => door.metadata(&server),
        Err(refusal) => *refusal,
    }
}

async fn said_to_all(State(door): State<Door>, request: Request) -> Response {
    door.said_to_everybody(request).await.unwrap_or_else(|refusal| refusal)
}

async fn leaves_all(State(door): State<Door>, request: Request) -> Response {
    door.leaves_all(request).await.unwrap_or_else(|refusal| refusal)
}

async fn resource_of_all(State(door): State<Door>) -> Response {
    door.metadata("")
}
