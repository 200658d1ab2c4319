//! A gate with the gateway, and a client that says what a test wants it to say.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, Request};
use countersign_evidence::json::{Limits, Value, parse};
use countersign_evidence::key::Random;
use countersign_evidence::record::KeyKind;
use countersign_gate::testing::{Setup, TestGate, policy, reviewer};
use countersign_gate::{Caller, Settings};
use countersign_http::{App, Peer};
use countersign_index::Query;
use countersign_mcp_http::{Servers, router};
use countersign_wire::{KeyRequest, State};
use futures::StreamExt;
use tower::ServiceExt;
use uuid::Uuid;

use crate::upstream::{Upstream, serve};

const RULES: &str = r#"
@id("all") permit (principal, action, resource);
@id("looked") @review("owners") @message("Somebody looks.")
forbid (principal, action, resource) when { context.payload has arguments.look && context.payload.arguments.look == true };
@id("never") @message("Not that.")
forbid (principal, action, resource) when { context.payload has arguments.bad && context.payload.arguments.bad == true };
"#;
const ENTITIES: &str = r#"{"review_groups":{"owners":"who may say yes"}}"#;

/// Bytes that nobody else has.
#[derive(Default)]
struct Chance(std::sync::atomic::AtomicU64);

impl Random for Chance {
    fn fill(&self, out: &mut [u8]) {
        for byte in out {
            let next = self.0.fetch_add(0x9e37_79b9_7f4a_7c15, std::sync::atomic::Ordering::Relaxed);
            *byte = u8::try_from((next ^ (next >> 29)) >> 16 & 0xff).unwrap_or_default();
        }
    }
}

pub(crate) struct House {
    pub(crate) gate: TestGate,
    router: axum::Router,
    pub(crate) upstream: Upstream,
    pub(crate) key: String,
}

/// What came back.
pub(crate) struct Told {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Told {
    /// The messages, from JSON or from events.
    pub(crate) fn messages(&self) -> Vec<Value> {
        let json = |text: &str| parse(text.as_bytes(), Limits::default()).unwrap();
        match self.headers.get("content-type").map(|kind| kind.as_bytes()) {
            Some(b"text/event-stream") => {
                self.text.lines().filter_map(|line| line.strip_prefix("data: ")).map(json).collect()
            }
            _ => vec![json(&self.text)],
        }
    }

    /// The last message, as text.
    pub(crate) fn answer(&self) -> String {
        self.messages().last().unwrap().to_canonical()
    }

    /// The action that the answer names.
    pub(crate) fn action(&self) -> Uuid {
        let last = self.messages().pop().unwrap();
        let meta = last.get("result").and_then(|result| result.get("_meta")?.get("dev.countersign/decision"));
        let data = last.get("error").and_then(|error| error.get("data"));
        meta.or(data).unwrap().get("action").unwrap().as_str().unwrap().parse().unwrap()
    }
}

impl House {
    pub(crate) async fn new(more: &str) -> Self {
        let (upstream, url) = serve().await;
        Self::before(upstream, &url, more).await
    }

    /// In front of whatever is there.
    pub(crate) async fn at(url: &str, more: &str) -> Self {
        Self::before(Upstream::default(), url, more).await
    }

    /// In front of a program.
    pub(crate) async fn program(script: &str) -> Self {
        let command = Value::from(vec![Value::from("sh"), Value::from("-c"), Value::from(script)]).to_canonical();
        Self::configured(Upstream::default(), &format!("[server.u]\ncommand = {command}\n")).await
    }

    async fn before(upstream: Upstream, url: &str, more: &str) -> Self {
        let text = format!("[server.u]\nurl = \"{url}\"\ncredential_file = \"token\"\n{more}");
        Self::configured(upstream, &text).await
    }

    async fn configured(upstream: Upstream, text: &str) -> Self {
        let setup =
            Setup { policy: policy(&[("rules.cedar", RULES), ("entities.json", ENTITIES)]), ..Setup::default() };
        let gate = TestGate::open(setup).await;
        let most = Settings::default().most_payload;
        let app = App::new(gate.gate.clone(), gate.store.clone(), gate.clock.clone(), most);
        let servers = Servers::parse(text, |_| Ok("the-real-token".to_owned())).unwrap();
        let router = router(&app, servers, Arc::new(Chance::default()), most).unwrap();
        let key = key(&gate).await;
        House { gate, router, upstream, key }
    }

    pub(crate) async fn another_key(&self) -> String {
        key(&self.gate).await
    }

    pub(crate) async fn send(&self, method: &str, body: &str, headers: &[(&str, &str)]) -> Told {
        let response = self.begin(method, body, headers).await;
        let (parts, body) = response.into_parts();
        let mut text = Vec::new();
        let mut body = body.into_data_stream();
        while let Ok(Some(Ok(chunk))) = tokio::time::timeout(Duration::from_secs(20), body.next()).await {
            text.extend_from_slice(&chunk);
        }
        let text = String::from_utf8(text).unwrap();
        Told { status: parts.status.as_u16(), headers: parts.headers, text }
    }

    /// A response whose body was not read yet.
    pub(crate) async fn begin(&self, method: &str, body: &str, headers: &[(&str, &str)]) -> axum::response::Response {
        let (method, path) = method.split_once(' ').unwrap_or((method, "/mcp/u"));
        let mut request = Request::builder().method(method).uri(path);
        let said = |name: &str| headers.iter().any(|(given, _)| *given == name);
        if !said("authorization") {
            request = request.header("authorization", format!("Bearer {}", self.key));
        }
        if !said("content-type") {
            request = request.header("content-type", "application/json");
        }
        if !said("accept") {
            request = request.header("accept", "application/json, text/event-stream");
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut request = request.body(Body::from(body.to_owned())).unwrap();
        request.extensions_mut().insert(Peer::Remote);
        self.router.clone().oneshot(request).await.unwrap()
    }

    /// The id of a new session.
    pub(crate) async fn session(&self) -> String {
        let told = self.send("POST", INITIALIZE, &[]).await;
        assert_eq!(told.status, 200, "{}", told.text);
        let id = told.headers["mcp-session-id"].to_str().unwrap().to_owned();
        let initialized = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;
        assert_eq!(self.send("POST", initialized, &[("mcp-session-id", &id)]).await.status, 202);
        id
    }

    /// A call in a session.
    pub(crate) async fn call(&self, session: &str, tool: &str, arguments: &str) -> Told {
        self.send("POST", &call(tool, arguments), &[("mcp-session-id", session)]).await
    }

    /// A call that says everything itself.
    pub(crate) async fn modern(&self, tool: &str, arguments: &str, headers: &[(&str, &str)]) -> Told {
        let standard = [("mcp-protocol-version", "2026-07-28"), ("mcp-method", "tools/call"), ("mcp-name", tool)];
        let missing = standard.iter().filter(|(name, _)| !headers.iter().any(|(given, _)| given == name));
        let all: Vec<(&str, &str)> =
            missing.copied().chain(headers.iter().copied()).filter(|(_, value)| !value.is_empty()).collect();
        self.send("POST", &modern_call(tool, arguments), &all).await
    }

    /// The calls that reached the server.
    pub(crate) async fn reached(&self) -> Vec<crate::upstream::Got> {
        let seen = self.upstream.seen.lock().await;
        seen.iter().filter(|got| got.rpc() == "tools/call").cloned().collect()
    }

    /// Waits for the first action that people must decide.
    pub(crate) async fn waits(&self) -> Uuid {
        let one = reviewer(1, &["owners"], None);
        for _ in 0..2_000 {
            if let Some(review) = self.gate.gate.reviews(&one).unwrap().first() {
                return review.action;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("nothing waits for people");
    }

    pub(crate) async fn approve(&self, action: Uuid) {
        self.gate.approve(&reviewer(1, &["owners"], None), action).await.unwrap();
    }

    /// Where an action stands, in words.
    pub(crate) async fn badge(&self, action: Uuid) -> String {
        self.gate.gate.story(&Caller::owner(), action).await.unwrap().badge
    }

    /// What the newest action is, in words.
    pub(crate) async fn story(&self) -> String {
        let listed = self.gate.gate.list(&Caller::owner(), Query::default()).await.unwrap().actions;
        let story = self.gate.gate.story(&Caller::owner(), listed[0].action).await.unwrap();
        countersign_evidence::json::to_string(&story).unwrap()
    }

    /// What each action was to do, the newest first.
    pub(crate) async fn intended(&self) -> Vec<String> {
        let listed = self.gate.gate.list(&Caller::owner(), Query::default()).await.unwrap().actions;
        let mut told = Vec::new();
        for one in listed {
            let story = self.gate.gate.story(&Caller::owner(), one.action).await.unwrap();
            told.push(story.answers[0].facts.to_canonical());
        }
        told
    }

    /// Where the only action stands.
    pub(crate) async fn stands(&self) -> State {
        let mut listed = self.gate.gate.list(&Caller::owner(), Query::default()).await.unwrap().actions;
        assert_eq!(listed.len(), 1, "{listed:?}");
        listed.remove(0).state
    }
}

async fn key(gate: &TestGate) -> String {
    let request = KeyRequest {
        kind: KeyKind::Agent,
        label: "agent".to_owned(),
        environments: Vec::new(),
        agents: Vec::new(),
        person: None,
    };
    gate.gate.create_key(&Caller::owner(), request).await.unwrap().secret
}

pub(crate) const INITIALIZE: &str = r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25",
    "capabilities":{},"clientInfo":{"name":"t","version":"1"}}}"#;

pub(crate) fn call(tool: &str, arguments: &str) -> String {
    format!(
        r#"{{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{{"name":"{tool}","arguments":{arguments},
        "_meta":{{"progressToken":"p1"}}}}}}"#
    )
}

pub(crate) fn modern_call(tool: &str, arguments: &str) -> String {
    format!(
        r#"{{"jsonrpc":"2.0","id":"a","method":"tools/call","params":{{"name":"{tool}","arguments":{arguments},
        "_meta":{{"io.modelcontextprotocol/protocolVersion":"2026-07-28",
        "io.modelcontextprotocol/clientInfo":{{"name":"t","version":"1"}},
        "io.modelcontextprotocol/clientCapabilities":{{}}}}}}}}"#
    )
}
