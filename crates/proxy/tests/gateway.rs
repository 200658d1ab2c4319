//! The gateway in front of a real server on loopback: what reaches it, what does not, and what is on record.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Method, Request, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use countersign_evidence::json::{self, Limits, Value};
use countersign_evidence::record::{KeyKind, Verdict};
use countersign_evidence::trace::SpanId;
use countersign_gate::testing::{Setup, TestGate, policy, reviewer};
use countersign_gate::{Caller, Settings};
use countersign_http::{App, Peer};
use countersign_proxy::{Upstreams, router};
use countersign_wire::{DecideRequest, KeyRequest};
use http_body_util::BodyExt;
use tokio::sync::Mutex;
use tower::ServiceExt;
use uuid::Uuid;

const RULES: &str = r#"
@id("reads") permit (principal, action == Action::"read", resource);
@id("refunds") permit (principal, action == Action::"payment", resource == Tool::"shop/refund");
@id("large") @review("finance") @message("Over 500 somebody looks.")
forbid (principal, action == Action::"payment", resource == Tool::"shop/refund") when { context.payload.body.amount > 500 };
@id("notes") permit (principal, action == Action::"write", resource == Tool::"shop/note");
"#;
const ENTITIES: &str = r#"{"review_groups":{"finance":"who may spend"}}"#;
const ROUTES: &str = r#"
headers = ["shop-version"]
credential_file = "token"
timeout_s = 1
[[upstream.shop.route]]
method = "POST"
path = "/refunds/{charge}"
tool = "refund"
category = "payment"
resource_type = "charge"
resource = "{charge}"
[[upstream.shop.route]]
method = "POST"
path = "/notes/*"
tool = "note"
category = "write"
"#;

/// A request as the upstream got it.
#[derive(Debug, Clone)]
struct Got {
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
}

type Seen = Arc<Mutex<Vec<Got>>>;

async fn upstream(State(seen): State<Seen>, request: axum::extract::Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let path = parts.uri.path().to_owned();
    seen.lock().await.push(Got { method: parts.method, uri: parts.uri, headers: parts.headers, body });
    match path.rsplit('/').next().unwrap() {
        "slow" => {
            tokio::time::sleep(Duration::from_secs(3)).await;
            "late".into_response()
        }
        "broken" => {
            let chunks = futures::stream::iter([Ok(Bytes::from_static(b"half")), Err(std::io::Error::other("gone"))]);
            (StatusCode::OK, [("content-length", "100")], Body::from_stream(chunks)).into_response()
        }
        "long" => Body::from(vec![b'x'; 3 << 20]).into_response(),
        "away" => (StatusCode::FOUND, [("location", "https://elsewhere.example/x")]).into_response(),
        "beside" => (StatusCode::FOUND, [("location", "8?b=2")]).into_response(),
        "below" => (StatusCode::FOUND, [("location", "/v2/notes/there?a=1")]).into_response(),
        "refused" => (StatusCode::UNPROCESSABLE_ENTITY, "no such charge").into_response(),
        _ => {
            let headers =
                [("request-id", "req_42"), ("set-cookie", "session=theirs"), ("content-type", "application/json")];
            (StatusCode::CREATED, headers, r#"{"id":"re_1"}"#).into_response()
        }
    }
}

struct House {
    gate: TestGate,
    router: axum::Router,
    seen: Seen,
    key: String,
}

impl House {
    async fn new(more: &str) -> Self {
        let seen = Seen::default();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let app = axum::Router::new().fallback(upstream).with_state(Arc::clone(&seen));
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        let base = format!("http://127.0.0.1:{port}/v2");
        Self::before(&base, seen, more).await
    }

    /// Holds calls so many seconds while people decide.
    async fn holding(seconds: u32) -> Self {
        Self::new(&format!("hold_s = {seconds}\n")).await
    }

    async fn before(base: &str, seen: Seen, more: &str) -> Self {
        let policy = policy(&[("rules.cedar", RULES), ("entities.json", ENTITIES)]);
        let gate = TestGate::open(Setup { policy, ..Setup::default() }).await;
        let most = Settings::default().most_payload;
        let app = App::new(gate.gate.clone(), gate.store.clone(), gate.clock.clone(), most);
        let text = format!("[upstream.shop]\nbase = \"{base}\"\n{more}{ROUTES}");
        let upstreams = Upstreams::parse(&text, |_| Ok("the-real-token".to_owned())).unwrap();
        let request = KeyRequest {
            kind: KeyKind::Agent,
            label: "agent".to_owned(),
            environments: Vec::new(),
            agents: Vec::new(),
            person: None,
        };
        let key = gate.gate.create_key(&Caller::owner(), request).await.unwrap().secret;
        House { router: router(&app, upstreams, most).unwrap(), gate, seen, key }
    }

    async fn ask(&self, method: &str, path: &str, body: &str, headers: &[(&str, &str)]) -> Told {
        let mut request = Request::builder().method(method).uri(path);
        if !headers.iter().any(|(name, _)| *name == "authorization") {
            request = request.header("authorization", format!("Bearer {}", self.key));
        }
        if !body.is_empty() && !headers.iter().any(|(name, _)| *name == "content-type") {
            request = request.header("content-type", "application/json");
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut request = request.body(Body::from(body.to_owned())).unwrap();
        request.extensions_mut().insert(Peer::Remote);
        let answer = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = answer.into_parts();
        let body = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
        Told {
            status: parts.status.as_u16(),
            headers: parts.headers,
            text: String::from_utf8_lossy(&body).into_owned(),
        }
    }

    async fn refund(&self, amount: u32, headers: &[(&str, &str)]) -> Told {
        self.ask("POST", "/proxy/shop/refunds/ch_1", &format!(r#"{{"amount": {amount}}}"#), headers).await
    }

    /// The first action that waits for people.
    async fn waits(&self) -> Uuid {
        let one = reviewer(1, &["finance"], None);
        loop {
            if let Some(review) = self.gate.gate.reviews(&one).unwrap().first() {
                return review.action;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    async fn sent(&self) -> Vec<Got> {
        self.seen.lock().await.clone()
    }

    /// The story of an action, as text.
    async fn story(&self, action: &str) -> (String, String) {
        let story = self.gate.gate.story(&Caller::owner(), action.parse().unwrap()).await.unwrap();
        (story.badge.clone(), json::to_string(&story.answers).unwrap())
    }

    async fn decide(&self, action: Uuid, payload: Option<Value>) {
        let one = reviewer(1, &["finance"], None);
        let shown = self.gate.gate.reviews(&one).unwrap()[0].payload_digest;
        let decision = DecideRequest { payload, ..DecideRequest::new(Verdict::Approve, shown) };
        self.gate.gate.decide(&one, action, decision).await.unwrap();
        // Policy asks again about an edit.
        let _ = self.gate.approve(&reviewer(2, &["finance"], None), action).await;
    }
}

struct Told {
    status: u16,
    headers: HeaderMap,
    text: String,
}

impl Told {
    fn action(&self) -> String {
        match self.headers.get("x-countersign-action") {
            Some(action) => action.to_str().unwrap().to_owned(),
            None => self.member("action"),
        }
    }

    fn member(&self, name: &str) -> String {
        let value = json::parse(self.text.as_bytes(), Limits::default()).unwrap();
        value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
    }

    fn problem(&self) -> String {
        self.member("type").trim_start_matches("/problems/").to_owned()
    }
}

#[tokio::test]
async fn an_allowed_call_is_sent_as_judged_with_credentials_that_the_agent_never_sees() {
    let house = House::new("").await;
    let told =
        house.refund(5, &[("shop-version", "7"), ("cookie", "a=b"), ("x-else", "1"), ("idempotency-key", "k1")]).await;
    assert_eq!((told.status, told.text.as_str()), (201, r#"{"id":"re_1"}"#));
    assert!(told.headers.get(header::SET_COOKIE).is_none() && told.headers["request-id"] == "req_42");
    let sent = house.sent().await;
    let [got] = sent.as_slice() else { panic!("{sent:?}") };
    assert_eq!((got.method.as_str(), got.uri.to_string().as_str()), ("POST", "/v2/refunds/ch_1"));
    assert_eq!(got.body, r#"{"amount":5}"#, "the gateway's own serialization of what was judged");
    assert_eq!(got.headers["authorization"], "Bearer the-real-token");
    assert!(got.headers["shop-version"] == "7" && got.headers["idempotency-key"] == "k1");
    for name in ["cookie", "x-else"] {
        assert!(got.headers.get(name).is_none(), "{name}");
    }
    let (badge, story) = house.story(&told.action()).await;
    assert_eq!(badge, "EXACT");
    assert!(
        story.contains("\"enforcement\":\"wire\"") && story.contains("re_1") && story.contains("req_42"),
        "{story}"
    );
    assert!(!story.contains("the-real-token"), "no credential is on record");
    let found = house.gate.gate.resolve(&Caller::owner(), "req_42").await.unwrap();
    assert_eq!(found.actions[0].to_string(), told.action(), "the other side's id leads to it");
}

#[tokio::test]
async fn what_is_denied_or_not_decided_is_not_sent() {
    let house = House::holding(0).await;
    let denied = house.ask("DELETE", "/proxy/shop/customers/1", "", &[]).await;
    assert_eq!((denied.status, denied.problem().as_str()), (403, "denied"));
    let waits = house.refund(700, &[]).await;
    assert_eq!((waits.status, waits.problem().as_str()), (503, "approval_pending"));
    assert!(waits.member("detail").contains("Over 500 somebody looks."), "{}", waits.text);
    assert_eq!(house.sent().await.len(), 0);
    // The same request again takes the approved one over, once.
    house.decide(waits.action().parse().unwrap(), None).await;
    let done = house.refund(700, &[]).await;
    assert_eq!((done.status, done.action()), (201, waits.action()));
    assert_eq!(house.refund(700, &[]).await.status, 503, "another one waits anew");
    assert_eq!(house.sent().await.len(), 1);
}

#[tokio::test]
async fn an_idempotency_key_is_one_action() {
    let house = House::holding(0).await;
    let first = house.refund(900, &[("idempotency-key", "held")]).await;
    assert_eq!(first.problem(), "approval_pending");
    house.decide(first.action().parse().unwrap(), None).await;
    let again = house.refund(900, &[("idempotency-key", "held")]).await;
    assert_eq!((again.status, again.action()), (201, first.action()), "the same key is the same action");
    let third = house.refund(900, &[("idempotency-key", "held")]).await;
    assert_eq!((third.status, third.problem().as_str()), (409, "executed_before"));
    let other = house.refund(901, &[("idempotency-key", "held")]).await;
    assert_eq!((other.status, other.problem().as_str()), (409, "request_replayed"), "the same key for something else");
    assert_eq!(house.sent().await.len(), 1);
}

#[tokio::test]
async fn a_call_is_held_while_people_decide() {
    let house = Arc::new(House::holding(20).await);
    let asking = Arc::clone(&house);
    let call = tokio::spawn(async move { asking.refund(900, &[]).await });
    let waits = house.waits().await;
    assert_eq!(house.sent().await.len(), 0);
    house.decide(waits, None).await;
    let told = call.await.unwrap();
    assert_eq!((told.status, told.action()), (201, waits.to_string()));
}

#[tokio::test]
async fn an_edit_is_what_is_sent_and_it_goes_nowhere_else() {
    let house = House::holding(0).await;
    let waits = house.refund(700, &[]).await;
    let edited = r#"{"upstream":"shop","method":"POST","path":"/refunds/ch_1","body":{"amount":70}}"#;
    house
        .decide(waits.action().parse().unwrap(), Some(json::parse(edited.as_bytes(), Limits::default()).unwrap()))
        .await;
    let done = house.refund(700, &[]).await;
    assert_eq!((done.status, house.sent().await[0].body.clone()), (201, Bytes::from_static(br#"{"amount":70}"#)));
    assert_eq!(house.story(&done.action()).await.0, "EDITED");
    let waits = house.refund(800, &[]).await;
    let elsewhere = edited.replace("ch_1", "ch_2");
    house
        .decide(waits.action().parse().unwrap(), Some(json::parse(elsewhere.as_bytes(), Limits::default()).unwrap()))
        .await;
    let refused = house.refund(800, &[]).await;
    assert_eq!((refused.status, refused.problem().as_str()), (422, "not_sendable"));
    assert_eq!(house.sent().await.len(), 1);
}

#[tokio::test]
async fn what_nobody_knows_is_unknown_and_what_did_not_leave_failed() {
    let house = House::new("").await;
    let note = |name: &'static str| house.ask("POST", name, r#"{"text":"x"}"#, &[]);
    let slow = note("/proxy/shop/notes/slow").await;
    assert_eq!((slow.status, slow.problem().as_str()), (504, "outcome_unknown"));
    assert_eq!(house.story(&slow.action()).await.0, "UNKNOWN");
    let broken = note("/proxy/shop/notes/broken").await;
    assert_eq!((broken.status, broken.problem().as_str()), (504, "outcome_unknown"));
    assert_eq!(house.story(&broken.action()).await.0, "UNKNOWN");
    let refused = note("/proxy/shop/notes/refused").await;
    assert_eq!((refused.status, refused.text.as_str()), (422, "no such charge"));
    assert!(house.story(&refused.action()).await.1.contains("no such charge"));
    let nobody = House::before("http://127.0.0.1:1", Seen::default(), "").await;
    let gone = nobody.ask("POST", "/proxy/shop/notes/x", r#"{"text":"x"}"#, &[]).await;
    assert_eq!((gone.status, gone.problem().as_str()), (502, "upstream_unreachable"));
    assert!(nobody.story(&gone.action()).await.1.contains("not_sent"));
    assert!(!gone.text.contains("127.0.0.1:1/"), "the upstream's place is the gateway's: {}", gone.text);
}

#[tokio::test]
async fn a_long_answer_comes_whole_and_a_redirect_leads_nowhere_else() {
    let house = House::new("").await;
    let long = house.ask("POST", "/proxy/shop/notes/long", "{}", &[]).await;
    assert_eq!((long.status, long.text.len()), (200, 3 << 20));
    for _ in 0..50 {
        if house.story(&long.action()).await.0 == "EXACT" && house.story(&long.action()).await.1.contains("sha256") {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(house.story(&long.action()).await.1.contains(&format!("\"bytes\":{}", 3 << 20)));
    let away = house.ask("POST", "/proxy/shop/notes/away", "{}", &[]).await;
    assert_eq!((away.status, away.headers.get("location")), (302, None));
    let below = house.ask("POST", "/proxy/shop/notes/below", "{}", &[]).await;
    assert_eq!(below.headers["location"], "/proxy/shop/notes/there?a=1");
    let beside = house.ask("POST", "/proxy/shop/notes/beside", "{}", &[]).await;
    assert_eq!(beside.headers["location"], "/proxy/shop/notes/8?b=2", "beside what was asked for");
}

#[tokio::test]
async fn what_cannot_be_judged_is_refused_before_anything_is_recorded() {
    let house = House::new("").await;
    let before = house.gate.gate.durable();
    let post = |path: &'static str, body: &'static str, headers: &'static [(&'static str, &'static str)]| {
        house.ask("POST", path, body, headers)
    };
    for (told, problem) in [
        (post("/proxy/shop/refunds/1", r#"{"amount":1,"amount":2}"#, &[]).await, "duplicate_key"),
        (post("/proxy/shop/refunds/1", "{", &[]).await, "bad_json"),
        (post("/proxy/shop/refunds/../customers", "{}", &[]).await, "invalid"),
        (post("/proxy/shop/refunds/%2e%2e/customers", "{}", &[]).await, "invalid"),
        (post("/proxy/shop/refunds%2f1", "{}", &[]).await, "invalid"),
        (post("/proxy/shop/refunds/1", "x", &[("content-encoding", "gzip")]).await, "invalid"),
        (post("/proxy/shop/refunds/1", "{}", &[("shop-version", "1"), ("shop-version", "2")]).await, "invalid"),
        (post("/proxy/nowhere/x", "{}", &[]).await, "not_found"),
        (post("/proxy/shop/refunds/1", "{}", &[("authorization", "Bearer wrong")]).await, "unauthenticated"),
        (house.ask("TRACE", "/proxy/shop/x", "", &[]).await, "invalid"),
    ] {
        assert_eq!(told.problem(), problem, "{}", told.text);
    }
    let large = format!("{{\"a\":\"{}\"}}", "x".repeat(2 << 20));
    assert_eq!(house.ask("POST", "/proxy/shop/notes/x", &large, &[]).await.problem(), "payload_too_large");
    assert_eq!((house.sent().await.len(), house.gate.gate.durable()), (0, before));
}

#[tokio::test]
async fn reads_are_recorded_or_pass_as_the_upstream_says() {
    let recorded = House::new("").await;
    let told = recorded.ask("GET", "/proxy/shop/customers?limit=3&after=a%20b", "", &[]).await;
    assert_eq!(told.status, 201);
    assert_eq!(recorded.sent().await[0].uri.to_string(), "/v2/customers?after=a+b&limit=3");
    assert_eq!(recorded.story(&told.action()).await.0, "EXACT");
    let passing = House::new("reads = \"pass\"\n").await;
    let before = passing.gate.gate.durable();
    assert_eq!(passing.ask("GET", "/proxy/shop/customers", "", &[]).await.status, 201);
    assert_eq!(passing.gate.gate.durable(), before);
    assert_eq!(passing.sent().await[0].headers["authorization"], "Bearer the-real-token");
    assert_eq!(
        passing.ask("DELETE", "/proxy/shop/customers/1", "", &[]).await.status,
        403,
        "what changes is decided all the same"
    );
}

#[tokio::test]
async fn forms_bytes_and_what_surrounds_a_call_are_kept() {
    let house = House::new("").await;
    let form = [
        ("content-type", "application/x-www-form-urlencoded"),
        ("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
        ("x-countersign-agent", "billing"),
        ("x-countersign-session", "run-7"),
        ("x-countersign-intent", "file it"),
    ];
    let told = house.ask("POST", "/proxy/shop/notes/form", "a=1&b=x+y", &form).await;
    assert_eq!(told.status, 201);
    let got = house.sent().await[0].clone();
    assert_eq!(got.body, "a=1&b=x+y");
    let story = house.story(&told.action()).await.1;
    for kept in ["4bf92f3577b34da6a3ce929d0e0e4736", "billing", "run-7", "file it"] {
        assert!(story.contains(kept), "{kept} is not in {story}");
    }
    let bytes = house.ask("POST", "/proxy/shop/notes/file", "a,b\r\n", &[("content-type", "text/csv")]).await;
    assert_eq!((bytes.status, house.sent().await[1].body.clone()), (201, Bytes::from_static(b"a,b\r\n")));
}

#[tokio::test]
async fn the_trace_goes_on_through_the_actions_own_span() {
    let house = House::new("").await;
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    let parent = format!("00-{trace}-00f067aa0ba902b7-01");
    let headers = [("traceparent", parent.as_str()), ("tracestate", "rojo=1"), ("baggage", "user=ada")];
    let told = house.refund(5, &headers).await;
    let span = SpanId::of_action(told.action().parse().unwrap());
    let got = house.sent().await[0].headers.clone();
    assert_eq!(got["traceparent"], format!("00-{trace}-{span}-01"));
    assert!(got["tracestate"] == "rojo=1" && !got.contains_key("baggage"), "{got:?}");
    let recorded = house.gate.gate.correlation(&Caller::owner(), told.action().parse().unwrap()).await.unwrap();
    assert_eq!((recorded.trace_id.as_deref(), recorded.span_id.as_deref()), (Some(trace), Some("00f067aa0ba902b7")));

    // Where none came, or none that is valid, one begins here and is on record.
    for given in [None, Some("00-00000000000000000000000000000000-00f067aa0ba902b7-01")] {
        let headers: Vec<_> = given.into_iter().map(|parent| ("traceparent", parent)).collect();
        let told = house.refund(6, &headers).await;
        let action = told.action().parse().unwrap();
        let recorded = house.gate.gate.correlation(&Caller::owner(), action).await.unwrap();
        let begun = recorded.trace_id.unwrap();
        let sent = house.sent().await.last().unwrap().headers["traceparent"].clone();
        assert_eq!(
            (sent, recorded.span_id),
            (format!("00-{begun}-{}-01", SpanId::of_action(action)).parse().unwrap(), None)
        );
    }
}

#[tokio::test]
async fn an_action_that_waited_keeps_its_trace() {
    let house = House::holding(0).await;
    let first = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00";
    let waits = house.refund(700, &[("traceparent", first)]).await;
    house.decide(waits.action().parse().unwrap(), None).await;
    let again = "00-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-00";
    let done = house.refund(700, &[("traceparent", again), ("tracestate", "rojo=1")]).await;
    assert_eq!((done.status, done.action()), (201, waits.action()));
    let got = house.sent().await[0].headers.clone();
    assert!(got["traceparent"].to_str().unwrap().starts_with("00-4bf92f3577b34da6a3ce929d0e0e4736-"), "{got:?}");
    assert!(!got.contains_key("tracestate"));
}

#[tokio::test]
async fn a_key_that_is_revoked_meanwhile_sends_nothing() {
    let house = Arc::new(House::holding(20).await);
    let asking = Arc::clone(&house);
    let call = tokio::spawn(async move { asking.refund(900, &[]).await });
    let waits = house.waits().await;
    let key = house.gate.gate.keys(&Caller::owner()).unwrap()[0].key;
    house.gate.gate.revoke_key(&Caller::owner(), key).await.unwrap();
    house.decide(waits, None).await;
    assert_eq!(call.await.unwrap().problem(), "unauthenticated");
    assert_eq!(house.sent().await.len(), 0);
}

#[tokio::test]
async fn who_has_gone_while_it_was_held_gets_nothing_sent() {
    let house = Arc::new(House::holding(20).await);
    let asking = Arc::clone(&house);
    let call = tokio::spawn(async move { asking.refund(900, &[]).await });
    let waits = house.waits().await;
    call.abort();
    let _ = call.await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    house.decide(waits, None).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(house.sent().await.len(), 0, "nobody listens: whoever asks again gets it");
    let again = house.refund(900, &[]).await;
    assert_eq!((again.status, again.action()), (201, waits.to_string()));
}

#[tokio::test]
async fn a_limited_key_passes_no_reads_of_others() {
    let house = House::new("reads = \"pass\"\n").await;
    let request = KeyRequest {
        kind: KeyKind::Agent,
        label: "other".to_owned(),
        environments: vec!["staging".to_owned()],
        agents: Vec::new(),
        person: None,
    };
    let key = house.gate.gate.create_key(&Caller::owner(), request).await.unwrap().secret;
    let told = house.ask("GET", "/proxy/shop/customers", "", &[("authorization", &format!("Bearer {key}"))]).await;
    assert_eq!((told.status, told.problem().as_str()), (403, "forbidden"));
    assert_eq!(house.sent().await.len(), 0);
}
