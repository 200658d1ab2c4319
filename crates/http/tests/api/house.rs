//! A gate to knock at, with keys of every kind.

use axum::body::Body;
use axum::http::{HeaderMap, Method, Request};
use bytes::Bytes;
use countersign_evidence::json::{self, Limits, Object, Value};
use countersign_evidence::record::{CredentialKind, Strength};
use countersign_evidence::time::Clock;
use countersign_gate::testing::{Setup, TestGate, policy};
use countersign_gate::{NewSession, Settings};
use countersign_http::{App, Peer, router};
use http_body_util::BodyExt;
use tower::ServiceExt;
use uuid::Uuid;

/// Rules with one example of each decision.
const RULES: &str = r#"
@id("reads") permit (principal, action == Action::"read", resource);
@id("refunds") permit (principal, action == Action::"payment", resource == Tool::"payments/refund");
@id("refunds-large") @standing("2h") @review("owners") @expires("4h") @message("Refunds over 500 need an owner.")
forbid (principal, action == Action::"payment", resource == Tool::"payments/refund") when { context.payload.amount > 500 };
"#;

const ENTITIES: &str = r#"{
  "review_groups": { "owners": "Answer for this installation" },
  "tools": { "payments/refund": { "category": "payment" }, "docs/read": { "category": "read" } }
}"#;

/// Everything that a test needs.
pub(crate) struct House {
    gate: TestGate,
    pub(crate) app: App,
    pub(crate) router: axum::Router,
    pub(crate) agent: String,
    pub(crate) gateway: String,
    pub(crate) operator: String,
    pub(crate) auditor: String,
    /// Of a person in `owners`.
    pub(crate) reviewer: String,
    /// Of a person in no group.
    pub(crate) stranger: String,
}

/// A request in the making.
#[derive(Clone)]
pub(crate) struct Ask {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) peer: Option<Peer>,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

/// Its answer.
pub(crate) struct Told {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Ask {
    pub(crate) fn new(method: Method, path: &str) -> Self {
        Ask { method, path: path.to_owned(), peer: Some(Peer::SameUser), headers: Vec::new(), body: Vec::new() }
    }

    pub(crate) fn get(path: &str) -> Self {
        Ask::new(Method::GET, path)
    }

    pub(crate) fn post(path: &str) -> Self {
        Ask::new(Method::POST, path)
    }

    pub(crate) fn peer(mut self, peer: Peer) -> Self {
        self.peer = Some(peer);
        self
    }

    pub(crate) fn key(self, key: &str) -> Self {
        self.header("authorization", &format!("Bearer {key}"))
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// A body that says it is JSON.
    pub(crate) fn json(self, body: impl AsRef<[u8]>) -> Self {
        self.header("content-type", "application/json").raw(body)
    }

    pub(crate) fn raw(mut self, body: impl AsRef<[u8]>) -> Self {
        self.body = body.as_ref().to_vec();
        self
    }
}

impl Told {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn json(&self) -> Value {
        json::parse(&self.body, Limits::default()).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    /// A member of the answer, as text.
    pub(crate) fn member(&self, name: &str) -> String {
        let value = self.json();
        let member = value.get(name).unwrap_or_else(|| panic!("no {name} in {}", self.text()));
        member.as_str().map_or_else(|| member.to_canonical(), str::to_owned)
    }

    /// The name of the problem; empty where it is none.
    pub(crate) fn problem(&self) -> String {
        if self.header("content-type") != "application/problem+json" {
            return String::new();
        }
        self.member("type").strip_prefix("/problems/").unwrap().to_owned()
    }

    /// The answer, which must be one.
    pub(crate) fn good(self) -> Self {
        assert!((200..300).contains(&self.status), "{}: {}", self.status, self.text());
        self
    }
}

impl House {
    /// A gate of its own, with rules in force and keys made through the API itself.
    pub(crate) async fn new() -> Self {
        House::with(RULES, ENTITIES).await
    }

    /// The same under other rules.
    pub(crate) async fn with(rules: &str, entities: &str) -> Self {
        let policy = policy(&[("rules.cedar", rules), ("entities.json", entities)]);
        let setup = Setup { policy, ..Setup::default() };
        let gate = TestGate::open(setup).await;
        let most_payload = Settings::default().most_payload;
        let app = App::new(gate.gate.clone(), gate.store.clone(), gate.clock.clone(), most_payload);
        furnish(gate, app).await
    }

    /// Time passes.
    pub(crate) fn later(&self, seconds: i64) {
        self.gate.clock.advance(seconds);
    }

    /// Seed of the key that signs tokens.
    pub(crate) fn token_seed(&self) -> [u8; 32] {
        *self.gate.gate.access_token_seed().unwrap().as_bytes()
    }

    /// What time has ended is ended.
    pub(crate) async fn sweep(&self) {
        self.gate.gate.sweep().await.unwrap();
    }

    /// Another policy comes into force.
    pub(crate) async fn activate(&self, rules: &str, entities: &str) {
        let files = Object::from_iter([("rules.cedar", rules), ("entities.json", entities)]);
        let body = Value::Object(Object::from_iter([("files", files)])).to_canonical();
        self.ask(Ask::post("/v1/policies").key(&self.operator).json(body)).await.good();
    }

    /// An approval with changes of the payload's text.
    pub(crate) async fn edited(&self, action: &str, from: &str, to: &str) -> Ask {
        let shown = self.ask(Ask::get(&format!("/v1/reviews/{action}")).key(&self.reviewer)).await.good().json();
        let payload = shown.get("payload").unwrap().to_canonical();
        assert!(payload.contains(from), "{payload}");
        let mut decision = self.decision(action, "approve").await;
        let mut body = json::parse(&decision.body, Limits::default()).unwrap().as_object().unwrap().clone();
        let edited = json::parse(payload.replacen(from, to, 1).as_bytes(), Limits::default()).unwrap();
        body.insert("payload", edited);
        decision.body = Value::Object(body).to_canonical().into_bytes();
        decision
    }

    /// Publishes what is durable.
    pub(crate) async fn publish(&self) {
        self.gate.publish().await;
    }

    pub(crate) async fn ask(&self, ask: Ask) -> Told {
        call(&self.router, ask).await
    }

    /// Proposes a refund; above 500 it waits for an owner.
    pub(crate) fn refund(&self, request_id: &str, amount: u32) -> Ask {
        Ask::post("/v1/actions").json(format!(
            r#"{{"request_id":"{request_id}","agent":{{"id":"support-bot"}},"user":{{"id":"ada@example.com"}},
            "tool":{{"server":"payments","name":"refund"}},"payload":{{"amount":{amount}}}}}"#
        ))
    }

    /// Id of a refund that was just proposed.
    pub(crate) async fn refunded(&self, request_id: &str, amount: u32) -> String {
        self.ask(self.refund(request_id, amount).key(&self.agent)).await.good().member("action")
    }

    /// A decision on what the action's reviewer was shown.
    pub(crate) async fn decision(&self, action: &str, verdict: &str) -> Ask {
        let shown = self.ask(Ask::get(&format!("/v1/reviews/{action}")).key(&self.reviewer)).await.good().json();
        let digest = shown.get("review").unwrap().get("payload_digest").unwrap().as_str().unwrap().to_owned();
        let body = format!(r#"{{"verdict":"{verdict}","reason":"seen","payload_digest":"{digest}"}}"#);
        Ask::post(&format!("/v1/reviews/{action}/decide")).json(body).key(&self.reviewer)
    }

    /// A standing approval for the like of a refund that its reviewer was shown.
    pub(crate) async fn standing(&self, request_id: &str) -> Ask {
        let action = self.refunded(request_id, 501).await;
        self.standing_of(&action).await
    }

    /// A standing approval for the like of this action.
    pub(crate) async fn standing_of(&self, action: &str) -> Ask {
        let shown = self.ask(Ask::get(&format!("/v1/reviews/{action}")).key(&self.reviewer)).await.good().json();
        let digest = shown.get("review").unwrap().get("payload_digest").unwrap().as_str().unwrap().to_owned();
        let until = self.gate.clock.now().plus_seconds(3_600);
        let body = format!(
            r#"{{"action":"{action}","payload_digest":"{digest}","uses":3,"until":"{until}","reason":"daily"}}"#
        );
        Ask::post("/v1/standing").json(body).key(&self.reviewer)
    }

    /// The reviewer in `owners`, signed in.
    pub(crate) async fn signed_in(&self) -> NewSession {
        let person = self.people().await[0];
        self.gate.gate.sign_in(person, CredentialKind::Password, Strength::SingleFactor).await.unwrap()
    }

    /// Everybody's id: the reviewer first, then the stranger.
    pub(crate) async fn people(&self) -> Vec<Uuid> {
        let people = self.ask(Ask::get("/v1/people").key(&self.operator)).await.good().json();
        let mut people = people.as_array().unwrap().to_vec();
        people.sort_by_key(|person| person.get("groups").unwrap().as_array().unwrap().is_empty());
        let id = |person: &Value| person.get("person").unwrap().as_str().unwrap().parse().unwrap();
        people.iter().map(id).collect()
    }

    /// Lets the second person decide for the first.
    pub(crate) async fn delegation(&self) -> Ask {
        let people = self.people().await;
        let until = self.gate.clock.now().plus_seconds(3_600);
        let body = format!(r#"{{"from":"{}","to":"{}","until":"{until}"}}"#, people[0], people[1]);
        Ask::post("/v1/delegations").json(body).key(&self.operator)
    }

    /// An answer that has no end.
    pub(crate) async fn stream(&self, path: &str, last: Option<u64>) -> Body {
        let mut request = Request::builder().uri(path).header("authorization", format!("Bearer {}", self.operator));
        if let Some(last) = last {
            request = request.header("last-event-id", last.to_string());
        }
        let answer = self.router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        assert_eq!(answer.headers()["content-type"], "text/event-stream");
        answer.into_body()
    }

    /// Durable records.
    pub(crate) async fn durable(&self) -> u64 {
        self.ask(Ask::get("/v1/log").key(&self.operator)).await.good().member("sequenced").parse().unwrap()
    }
}

pub(crate) async fn call(router: &axum::Router, ask: Ask) -> Told {
    let mut request = Request::builder().method(ask.method).uri(&ask.path);
    for (name, value) in &ask.headers {
        request = request.header(name, value);
    }
    let mut request = request.body(Body::from(ask.body)).unwrap();
    if let Some(peer) = ask.peer {
        request.extensions_mut().insert(peer);
    }
    let answer = router.clone().oneshot(request).await.unwrap();
    let (parts, body) = answer.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    Told { status: parts.status.as_u16(), headers: parts.headers, body }
}

async fn furnish(gate: TestGate, app: App) -> House {
    let router = router(&app);
    let owner = |path: &str| Ask::post(path).peer(Peer::Owner);
    let mut people = Vec::new();
    for groups in [r#"["owners"]"#, "[]"] {
        let body = format!(r#"{{"name":"Grace","groups":{groups}}}"#);
        people.push(call(&router, owner("/v1/people").json(body)).await.good().member("person"));
    }
    let person = |place: usize| format!(r#","person":"{}""#, people[place]);
    let wanted = [
        ("agent", String::new()),
        ("gateway", String::new()),
        ("operator", String::new()),
        ("auditor", String::new()),
        ("reviewer", person(0)),
        ("reviewer", person(1)),
    ];
    let mut keys = Vec::new();
    for (kind, person) in wanted {
        let body = format!(r#"{{"kind":"{kind}","label":"{kind}"{person}}}"#);
        keys.push(call(&router, owner("/v1/keys").json(body)).await.good().member("secret"));
    }
    let [agent, gateway, operator, auditor, reviewer, stranger] = keys.try_into().unwrap();
    House { gate, app, router, agent, gateway, operator, auditor, reviewer, stranger }
}
