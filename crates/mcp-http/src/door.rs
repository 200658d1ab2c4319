//! `/mcp/NAME`: who may come in, and which conversation a request is part of.

use std::collections::BTreeMap;
use std::sync::Arc;

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

use crate::era::{initializes, is_legacy, negotiated, version_of};
use crate::exchange::{Exchange, Standing};
use crate::mirrored::{HEADER_MISMATCH, PROTOCOL_VERSION, check};
use crate::origin;
use crate::reply::{self, SESSION};
use crate::servers::{Server, Servers};
use crate::sessions::{Place, Session, Sessions};

#[derive(Clone)]
struct Door {
    app: App,
    servers: Arc<BTreeMap<String, Arc<Server>>>,
    sessions: Sessions,
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
    let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy().build()?;
    let servers = servers.0.into_iter().map(|(name, server)| (name, Arc::new(server))).collect();
    let sessions = Sessions::new(app.clone(), random, http);
    tokio::spawn(sessions.clone().look_after());
    let door = Door { app: app.clone(), servers: Arc::new(servers), sessions, most_body };
    Ok(Router::new()
        .route("/mcp/{server}", post(said).get(listens).delete(leaves))
        .route("/.well-known/oauth-protected-resource/mcp/{server}", get(resource))
        .with_state(door))
}

/// Who comes in, for which server.
struct Entered {
    server: Arc<Server>,
    caller: Caller,
    parts: Parts,
}

impl Door {
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
        let server = self.servers.get(name).ok_or_else(|| failed(GateError::NotFound("such MCP server")))?;
        Ok(Entered { server: Arc::clone(server), caller, parts })
    }

    /// RFC 9728 §5.1.
    fn challenge(&self, server: &str) -> String {
        let base = self.app.gate().public_url();
        format!("Bearer resource_metadata=\"{base}/.well-known/oauth-protected-resource/mcp/{server}\"")
    }

    async fn said(&self, name: &str, request: Request) -> Result<Response, Response> {
        let (parts, body) = request.into_parts();
        let entered = self.enter(name, parts).await?;
        must_be_json(&entered.parts.headers).map_err(IntoResponse::into_response)?;
        let text = read_body(body, self.most_body).await.map_err(IntoResponse::into_response)?;
        let message = read(&text, self.most_body).map_err(|bad| reply::json(StatusCode::BAD_REQUEST, bad.answer()))?;
        let modern = version_of(&message).is_some() || entered.says_modern();
        match (&message.kind, modern) {
            (Kind::Request { .. }, true) => self.modern(entered, message).await,
            (Kind::Request { .. }, false) if initializes(&message) => self.begin(entered, message).await,
            (Kind::Request { .. }, false) => {
                let session = self.session(&entered).map_err(|refusal| *refusal)?;
                exchange(session, message, &entered.parts.headers, false).await
            }
            (Kind::Notification { .. } | Kind::Response { .. }, false) => {
                let session = self.session(&entered).map_err(|refusal| *refusal)?;
                tell(&session, message).await;
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
    async fn modern(&self, entered: Entered, message: Message) -> Result<Response, Response> {
        if version_of(&message).is_none() {
            let why = "the header says a version whose requests say it themselves: params._meta lacks \
                       io.modelcontextprotocol/protocolVersion";
            return Err(refuse(StatusCode::BAD_REQUEST, id_of(&message), jsonrpc::INVALID_PARAMS, why));
        }
        let place = entered.place().map_err(failed)?;
        let session = self.sessions.shared(&entered.server, &place, &entered.caller).map_err(failed)?;
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
    async fn begin(&self, entered: Entered, mut message: Message) -> Result<Response, Response> {
        let place = entered.place().map_err(failed)?;
        let session = self.sessions.open(&entered.server, place, &entered.caller).map_err(failed)?;
        let Some(mut waiter) = session.desk.begin(&mut message) else { return Err(crowded(&message)) };
        session.conversation.client_says(message).await;
        let Ok(answer) = (&mut waiter.answer).await else {
            self.sessions.end(session);
            return Err(reply::empty(StatusCode::BAD_GATEWAY));
        };
        let settled = answer.get("result").and_then(negotiated).is_some();
        let mut response = reply::json(StatusCode::OK, answer);
        match settled {
            true => {
                let id = self.sessions.keep(&session);
                HeaderValue::from_str(&id).ok().map(|id| response.headers_mut().insert(SESSION, id));
            }
            false => self.sessions.end(session),
        }
        Ok(response)
    }

    /// The session that a request names: of this key, with this server.
    fn session(&self, entered: &Entered) -> Result<Arc<Session>, Box<Response>> {
        let headers = &entered.parts.headers;
        let Some(id) = text(headers, &SESSION) else {
            let detail = "name the session: the Mcp-Session-Id that `initialize` was answered with";
            return Err(Box::new(refuse(StatusCode::BAD_REQUEST, None, jsonrpc::INVALID_REQUEST, detail)));
        };
        if text(headers, &PROTOCOL_VERSION).is_some_and(|version| !is_legacy(version)) {
            let detail = "sessions are of versions up to 2025-11-25: this one was not settled on";
            return Err(Box::new(refuse(StatusCode::BAD_REQUEST, None, jsonrpc::INVALID_REQUEST, detail)));
        }
        let found = self.sessions.find(id, &entered.server.name, entered.caller.key);
        found.ok_or_else(|| {
            let detail = "there is no such session (any more): begin another with `initialize`";
            Box::new(refuse(StatusCode::NOT_FOUND, None, jsonrpc::INVALID_REQUEST, detail))
        })
    }
}

impl Entered {
    /// Whether the header says a version that has no sessions. Only for messages whose body says none.
    fn says_modern(&self) -> bool {
        let said = text(&self.parts.headers, &PROTOCOL_VERSION);
        said.is_some_and(|version| !is_legacy(version)) && !self.parts.headers.contains_key(&SESSION)
    }

    /// Whose conversation this is.
    fn place(&self) -> Result<Place, GateError> {
        let said = |name: &'static str| {
            let header = HeaderName::from_static(name);
            match self.parts.headers.get_all(&header).iter().count() {
                0 => Ok(None),
                1 => match text(&self.parts.headers, &header).filter(|text| is_identifier(text)) {
                    Some(text) => Ok(Some(text.to_owned())),
                    None => Err(GateError::Invalid(format!("the header {name} is an id without spaces"))),
                },
                _ => Err(GateError::Invalid(format!("the header {name} is there more than once"))),
            }
        };
        let agent = said("x-countersign-agent")?.or_else(|| match self.caller.agents.as_slice() {
            // A key for one agent is that agent's.
            [only] => Some(only.clone()),
            _ => self.server.agent.clone(),
        });
        Ok(Place {
            server: self.server.name.clone(),
            key: self.caller.key,
            agent,
            user: said("x-countersign-user")?,
            environment: said("x-countersign-environment")?,
        })
    }
}

async fn exchange(
    session: Arc<Session>,
    mut message: Message,
    headers: &HeaderMap,
    modern: bool,
) -> Result<Response, Response> {
    let Some(waiter) = session.desk.begin(&mut message) else { return Err(crowded(&message)) };
    let exchange = Exchange::new(Arc::clone(&session), waiter, modern);
    session.conversation.client_says(message).await;
    let accept = text(headers, &ACCEPT).unwrap_or("*/*").to_ascii_lowercase();
    Ok(exchange.reply(accept.contains("text/event-stream") || accept.contains("*/*")).await)
}

/// A message that wants no answer. A cancellation names the request as its client knows it.
async fn tell(session: &Session, mut message: Message) {
    if matches!(&message.kind, Kind::Notification { method } if method == "notifications/cancelled") {
        let asked = message.params().and_then(|params| params.get("requestId")).and_then(Id::new);
        let Some(id) = asked.and_then(|asked| session.desk.known_as(&asked)) else { return };
        if let Some(Value::Object(params)) = message.body.get_mut("params") {
            params.insert("requestId", id.to_value());
        }
    }
    session.conversation.client_says(message).await;
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

fn failed(error: GateError) -> Response {
    Failure::from(error).into_response()
}

fn refuse(status: StatusCode, id: Option<&Id>, code: i64, why: &str) -> Response {
    reply::json(status, jsonrpc::error(id, code, why, None))
}

fn crowded(message: &Message) -> Response {
    let why = "too many requests have no answer yet: wait for some of them";
    refuse(StatusCode::TOO_MANY_REQUESTS, id_of(message), jsonrpc::INTERNAL_ERROR, why)
}

async fn said(State(door): State<Door>, Path(server): Path<String>, request: Request) -> Response {
    door.said(&server, request).await.unwrap_or_else(|refusal| refusal)
}

/// A stream for what belongs to no request.
async fn listens(State(door): State<Door>, Path(server): Path<String>, request: Request) -> Response {
    let (parts, _) = request.into_parts();
    let entered = match door.enter(&server, parts).await {
        Ok(entered) => entered,
        Err(refusal) => return refusal,
    };
    if !entered.parts.headers.contains_key(&SESSION) {
        return reply::empty(StatusCode::METHOD_NOT_ALLOWED);
    }
    match door.session(&entered) {
        Ok(session) => reply::events(Standing(session.desk.stand())),
        Err(refusal) => *refusal,
    }
}

/// The end of a session.
async fn leaves(State(door): State<Door>, Path(server): Path<String>, request: Request) -> Response {
    let (parts, _) = request.into_parts();
    let entered = match door.enter(&server, parts).await {
        Ok(entered) => entered,
        Err(refusal) => return refusal,
    };
    let Some(id) = text(&entered.parts.headers, &SESSION) else {
        return reply::empty(StatusCode::METHOD_NOT_ALLOWED);
    };
    match door.sessions.delete(id, &entered.server.name, entered.caller.key) {
        true => reply::empty(StatusCode::OK),
        false => reply::empty(StatusCode::NOT_FOUND),
    }
}

/// RFC 9728 §3: what a client needs to know to get in. Keys are handed out by the operator; there is no authorization server.
async fn resource(State(door): State<Door>, Path(server): Path<String>) -> Response {
    if !door.servers.contains_key(&server) {
        return failed(GateError::NotFound("such MCP server"));
    }
    let base = door.app.gate().public_url();
    let mut metadata = Object::new();
    metadata.insert("resource", format!("{base}/mcp/{server}"));
    metadata.insert("bearer_methods_supported", vec![Value::from("header")]);
    metadata.insert("resource_name", format!("{server}, through Countersign"));
    reply::json(StatusCode::OK, metadata)
}
