//! `/proxy/<upstream>/…`: from a request to its answer.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use countersign_evidence::id::is_identifier;
use countersign_evidence::json::{Limits, Object, Value};
use countersign_evidence::record::{Agent, Category, Correlation, Source, ToolRef};
use countersign_gate::{Caller, GateError};
use countersign_http::{App, Asker, Failure, GatewayProblem};
use countersign_wire::{ProposeRequest, Resource, StartNow, UserRef};
use http_body_util::{BodyExt, Limited};
use sha2::{Digest as _, Sha256};
use tokio::sync::oneshot;

use crate::decide::decide;
use crate::payload::{Outgoing, PayloadError, of_request, only, to_request};
use crate::place::Place;
use crate::route::category_of;
use crate::seats::{Seat, Seats};
use crate::send::{Send, not_sent, request};
use crate::trace::Incoming;
use crate::upstreams::{Upstream, Upstreams};

/// Longest time that a request may take to bring its body.
const SLOWEST_BODY: Duration = Duration::from_secs(60);
/// Seconds beyond an upstream's time-out until an outcome counts as unknown.
const GRACE_S: u64 = 30;
/// What surrounds a request and is passed on as it is: the answer that is wanted, the key of a repeat.
const AROUND: [&str; 3] = ["accept", "accept-language", "idempotency-key"];
const METHODS: [Method; 7] =
    [Method::GET, Method::HEAD, Method::OPTIONS, Method::POST, Method::PUT, Method::PATCH, Method::DELETE];

#[derive(Clone)]
struct Proxy {
    app: App,
    upstreams: Arc<std::collections::BTreeMap<String, Arc<Upstream>>>,
    client: reqwest::Client,
    seats: Seats,
    most_body: usize,
}

/// The gateway as a service, to be merged with the API's router. `most_body` limits a request's body in bytes.
///
/// # Errors
/// The system's certificates cannot be read.
pub fn router(app: &App, upstreams: Upstreams, most_body: usize) -> Result<Router, reqwest::Error> {
    // What an upstream redirects to is decided anew; no proxy of the environment gets to see credentials.
    let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy().build()?;
    let upstreams = upstreams.0.into_iter().map(|(name, upstream)| (name, Arc::new(upstream))).collect();
    let proxy = Proxy { app: app.clone(), upstreams: Arc::new(upstreams), client, seats: Seats::default(), most_body };
    Ok(Router::new()
        .route("/proxy/{upstream}/{*path}", any(call))
        .route("/proxy/{upstream}/", any(call))
        .with_state(proxy))
}

async fn call(State(proxy): State<Proxy>, request: Request) -> Response {
    let answered = proxy.call(request).await;
    answered.unwrap_or_else(Failure::into_response)
}

fn refused(error: PayloadError) -> Failure {
    match error {
        PayloadError::Json(error) => error.into(),
        error => GateError::Invalid(error.to_string()).into(),
    }
}

impl Proxy {
    async fn call(&self, request: Request) -> Result<Response, Failure> {
        let (mut parts, body) = request.into_parts();
        let Asker(caller) = Asker::from_request_parts(&mut parts, &self.app).await?;
        caller.must_act()?;
        let caller = caller.at_gateway();
        let (upstream, place) = self.place(&parts)?;
        if !METHODS.contains(&parts.method) {
            return Err(GateError::Invalid(format!("the gateway passes no {} on", parts.method)).into());
        }
        let body = self.body(body).await?;
        let seat = self.seats.take(caller.key)?;
        let limits = Limits { bytes: self.most_body, ..Limits::default() };
        let payload = of_request(&upstream, &parts.method, &place, &parts.headers, &body, limits).map_err(refused)?;
        let trace = Incoming::of(&parts.headers);
        let mut proposal = proposal(&caller, &upstream, &place, &parts, &trace, payload.clone())?;
        let read = parts.method.is_safe() && proposal.request.category == Some(Category::Read);
        if upstream.reads_pass && read {
            let environment = proposal.request.environment.as_deref().unwrap_or(self.app.gate().environment());
            if !caller.covers(environment, &proposal.request.agent.id) {
                let detail = "this key does not cover that agent or environment";
                return Err(GateError::Forbidden(detail.to_owned()).into());
            }
            return self.pass(&upstream, &payload, &parts.headers, &trace).await;
        }
        let correlation = &mut proposal.request.correlation;
        (correlation.trace_id, correlation.span_id) = trace.ids(self.app.gate().random());
        let start = StartNow {
            attempt: self.app.gate().fresh_id().to_string(),
            executor: Some("http-gateway".to_owned()),
            deadline_s: u32::try_from(upstream.timeout.as_secs() + GRACE_S).ok(),
        };
        let request = ProposeRequest {
            request_id: proposal.request_id.clone().unwrap_or_else(|| start.attempt.clone()),
            start_if_allowed: Some(start.clone()),
            ..proposal.request
        };
        let around = around(&parts.headers);
        let call = Call { proxy: self.clone(), caller, upstream, proposed: payload, around, trace, seat };
        let (answer, answered) = oneshot::channel();
        // A task of its own: what has begun goes on to its end when the client has gone.
        tokio::spawn(call.run(request, start, answer));
        let lost = || Failure::gateway(GatewayProblem::OutcomeUnknown, "the call was cut off", None);
        answered.await.map_err(|_| lost())?
    }

    /// All of a request's body, in time.
    async fn body(&self, body: axum::body::Body) -> Result<Bytes, Failure> {
        let too_large = |_| GateError::PayloadTooLarge { bytes: self.most_body + 1, limit: self.most_body };
        let late = |_| GateError::Invalid(format!("the body did not come within {} s", SLOWEST_BODY.as_secs()));
        let read = tokio::time::timeout(SLOWEST_BODY, Limited::new(body, self.most_body).collect()).await;
        Ok(read.map_err(late)?.map_err(too_large)?.to_bytes())
    }

    fn place(&self, parts: &Parts) -> Result<(Arc<Upstream>, Place), Failure> {
        let path = parts.uri.path().strip_prefix("/proxy/").unwrap_or_default();
        let (name, rest) = path.split_once('/').unwrap_or((path, ""));
        let upstream = self.upstreams.get(name).ok_or(GateError::NotFound("such upstream"))?;
        let place = Place::read(&format!("/{rest}"), parts.uri.query());
        Ok((Arc::clone(upstream), place.map_err(|error| GateError::Invalid(error.to_string()))?))
    }

    /// A safe request of an upstream whose reads are not decided.
    async fn pass(
        &self,
        upstream: &Upstream,
        payload: &Value,
        headers: &HeaderMap,
        trace: &Incoming,
    ) -> Result<Response, Failure> {
        let outgoing: Outgoing = to_request(payload, payload).map_err(|why| GateError::Invalid(why.to_owned()))?;
        let mut around = around(headers);
        around.extend(trace.unchanged());
        let sent = self.client.execute(request(&self.client, upstream, &outgoing, &around)).await;
        let response = sent.map_err(|error| {
            let detail = format!("upstream {} gives no answer (time-out: {})", upstream.name, error.is_timeout());
            Failure::gateway(GatewayProblem::UpstreamUnreachable, detail, None)
        })?;
        Ok(crate::send::passed(upstream, response))
    }
}

/// One call, from its proposal on.
struct Call {
    proxy: Proxy,
    caller: Caller,
    upstream: Arc<Upstream>,
    proposed: Value,
    around: HeaderMap,
    trace: Incoming,
    /// Held until what was begun has ended.
    seat: Seat,
}

impl Call {
    async fn run(
        self,
        request: ProposeRequest,
        start: StartNow,
        mut answer: oneshot::Sender<Result<Response, Failure>>,
    ) {
        let (gate, hold) = (self.proxy.app.gate().clone(), self.upstream.hold);
        let go = match decide(&gate, &self.caller, request, start, hold, &mut answer).await {
            Ok(go) => go,
            Err(failure) => {
                let _ = answer.send(Err(failure));
                return;
            }
        };
        let outgoing = match to_request(&go.payload, &self.proposed) {
            Ok(outgoing) => outgoing,
            Err(why) => {
                not_sent(&gate, &self.caller, go.action, &go.attempt, why).await;
                let _ = answer.send(Err(Failure::gateway(GatewayProblem::NotSendable, why, Some(go.action))));
                return;
            }
        };
        // Where it cannot be looked up the call goes on in a trace of its own.
        let recorded = gate.correlation(&self.caller, go.action).await.unwrap_or_default();
        let mut around = self.around;
        around.extend(self.trace.through(go.action, &recorded));
        let clock = self.proxy.app.shared_clock();
        let (client, caller, upstream) = (self.proxy.client, self.caller, self.upstream);
        Send { gate, clock, client, caller, upstream, go, outgoing, around }.run(answer).await;
        drop(self.seat);
    }
}

fn around(headers: &HeaderMap) -> HeaderMap {
    let mut passed = HeaderMap::new();
    for name in AROUND {
        if let Some(value) = headers.get(name) {
            passed.insert(axum::http::HeaderName::from_static(name), value.clone());
        }
    }
    passed
}

struct Proposal {
    request: ProposeRequest,
    /// Where the request brings an idempotency key.
    request_id: Option<String>,
}

fn proposal(
    caller: &Caller,
    upstream: &Upstream,
    place: &Place,
    parts: &Parts,
    trace: &Incoming,
    payload: Value,
) -> Result<Proposal, Failure> {
    let method = parts.method.as_str();
    let text = |name: &'static str| {
        let found = only(&parts.headers, &axum::http::HeaderName::from_static(name));
        found.map(|text| text.map(str::to_owned)).map_err(refused)
    };
    let named = upstream.routes.iter().find_map(|route| Some((route, route.fits(method, &place.segments)?)));
    let (tool, category) = match &named {
        Some((route, _)) => (route.tool.clone(), route.category),
        None => (format!("unmapped:{}", method.to_ascii_lowercase()), category_of(method)),
    };
    let resource = named.as_ref().and_then(|(route, variables)| {
        let (kind, place) = route.resource.as_ref()?;
        let id = match place.strip_prefix('{').and_then(|name| name.strip_suffix('}')) {
            Some(name) => variables.get(name).cloned(),
            None => countersign_wire::pointer::find(&payload, place).map(|found| match found.as_str() {
                Some(text) => text.to_owned(),
                None => found.to_canonical(),
            }),
        };
        Some(Resource { kind: kind.clone(), id: id? })
    });
    let agent = match text("x-countersign-agent")? {
        Some(agent) => agent,
        // A key for one agent is that agent's.
        None => match caller.agents.as_slice() {
            [only] => only.clone(),
            _ => upstream.agent.clone(),
        },
    };
    let idempotency = text("idempotency-key")?;
    let request_id = idempotency.as_ref().map(|key| {
        let said = format!("{}\n{method}\n{}\n{key}", upstream.name, place.path);
        format!("idempotency:{}", URL_SAFE_NO_PAD.encode(Sha256::digest(said.as_bytes())))
    });
    let mut context = Object::new();
    if let Some(key) = idempotency {
        context.insert("idempotency_key", key);
    }
    if let Some(parent) = trace.parent {
        context.insert("traceparent", parent.to_string());
    }
    if let Some(state) = &trace.state {
        context.insert("tracestate", state.as_str());
    }
    let id = |found: Option<String>| found.filter(|id| is_identifier(id));
    let request = ProposeRequest {
        request_id: String::new(),
        agent: Agent { id: agent, version: None },
        model: None,
        user: text("x-countersign-user")?.map(|id| UserRef { id, groups: Vec::new() }),
        environment: text("x-countersign-environment")?,
        tool: ToolRef { name: tool, server: upstream.name.clone(), definition: None },
        category: Some(category),
        resource,
        payload,
        intent: text("x-countersign-intent")?,
        context: (!context.is_empty()).then_some(Value::Object(context)),
        correlation: Correlation {
            session_id: id(text("x-countersign-session")?),
            call_id: id(text("x-countersign-call")?),
            ..Correlation::default()
        },
        source: Some(Source { via: "http".to_owned(), version: Some(env!("CARGO_PKG_VERSION").to_owned()) }),
        start_if_allowed: None,
        redeem: true,
        wait_s: 0,
    };
    Ok(Proposal { request, request_id })
}
