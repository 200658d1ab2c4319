//! Whatever comes from outside stands on a page as text, and what is meant to deceive the eye is made visible.
#![allow(clippy::unwrap_used)]

use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use countersign_console::{Surroundings, site};
use countersign_evidence::json::{Object, Value};
use countersign_evidence::time::Timestamp;
use countersign_evidence::trace::{SpanId, TraceId};
use countersign_gate::testing::{Setup, TestGate, agent, gateway, pay};
use countersign_gate::{Caller, Settings};
use countersign_http::{App, Peer};
use countersign_index::runtime::{Report, ReportKind, ReportStatus};
use countersign_wire::{AnswerRequest, AskRequest, DefineToolsRequest, PersonRequest, ProposeRequest};
use http_body_util::BodyExt;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use tower::ServiceExt;

/// Markup, quotes, a character that turns the order of reading, one without width, a control character.
const HOSTILE: &str = "\"'><script>alert(1)</script><img src=x onerror=alert(2)>&lt;\u{202e}evil\u{200b}\u{7}";

fn hostile_payload() -> Value {
    let mut payload = Object::new();
    payload.insert("amount", 200_i64);
    payload.insert(HOSTILE, HOSTILE);
    payload.insert("nested", vec![Value::from(HOSTILE)]);
    Value::Object(payload)
}

fn hostile_request() -> ProposeRequest {
    let mut request = pay("hostile", "bot", 200);
    request.payload = hostile_payload();
    request.intent = Some(HOSTILE.to_owned());
    request.user = Some(countersign_wire::UserRef { id: HOSTILE.to_owned(), groups: Vec::new() });
    request.resource = Some(countersign_wire::Resource { kind: "order".to_owned(), id: HOSTILE.to_owned() });
    request
}

/// What an agent's side may say of itself.
fn hostile_report(action: uuid::Uuid) -> Report {
    Report {
        kind: ReportKind::Span,
        trace: Some(TraceId::of_action(action)),
        span: SpanId::from_bytes([7; 8]),
        parent: None,
        name: format!("reported {HOSTILE}"),
        started: Timestamp::from_micros(0),
        duration_us: None,
        status: ReportStatus::Error,
        about_agents: true,
        call: None,
        session: None,
        conversation: None,
        prompt: None,
        facts: ["gen_ai.request.model", "service.name", HOSTILE]
            .map(|name| (name.to_owned(), HOSTILE.to_owned()))
            .into(),
    }
}

async fn shown(site: &axum::Router, path: &str) -> (StatusCode, String) {
    let request = Request::builder().uri(path).header(header::ACCEPT, "text/html");
    let mut request = request.body(Body::empty()).unwrap();
    request.extensions_mut().insert(Peer::Owner);
    let answer = site.clone().oneshot(request).await.unwrap();
    let status = answer.status();
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8_lossy(&body).into_owned())
}

#[tokio::test]
async fn nothing_from_outside_is_ever_live() {
    let test =
        TestGate::open(Setup { settings: Settings { solo: true, ..Settings::default() }, ..Setup::default() }).await;
    let app = App::new(test.gate.clone(), test.store.clone(), test.clock.clone(), Settings::default().most_payload);
    let owner = Caller::owner();
    let site = site(&app, Surroundings { notified: vec![HOSTILE.to_owned()], ..Surroundings::default() });
    let person = PersonRequest {
        person: None,
        name: HOSTILE.to_owned(),
        user: None,
        groups: vec!["finance".to_owned()],
        roles: None,
        until: None,
    };
    test.gate.put_person(&owner, person).await.unwrap();
    let mut tool = Object::new();
    tool.insert("name", "pay");
    tool.insert("description", HOSTILE);
    let tool = Value::Object(tool);
    let definition = countersign_evidence::digest::Digest::of(tool.to_canonical().as_bytes());
    let defined = DefineToolsRequest { server: "shop".to_owned(), tools: vec![tool] };
    test.gate.define_tools(&gateway(1), defined).await.unwrap();
    let mut request = hostile_request();
    request.tool.definition = Some(definition);
    let action = test.gate.propose(&agent(1), request).await.unwrap().action;
    test.gate.ask(&owner, action, AskRequest { question: HOSTILE.to_owned() }).await.unwrap();
    let answer = AnswerRequest { question: None, answer: HOSTILE.to_owned() };
    test.gate.answer_question(&agent(1), action, answer).await.unwrap();
    test.gate.report(&agent(1), vec![hostile_report(action)]).await.unwrap();
    let q = utf8_percent_encode(HOSTILE, NON_ALPHANUMERIC);
    let mut said = 0;
    for path in [
        format!("/reviews/{action}"),
        format!("/actions/{action}"),
        "/reviews".to_owned(),
        "/actions?cols=user,resource,tool".to_owned(),
        format!("/actions?q=%22{q}%22"),
        format!("/actions?q={q}"),
        format!("/actions?q=-agent:{q}"),
        format!("/actions?cols={q}"),
        format!("/oversight?since={q}"),
        format!("/session?session={q}"),
        format!("/resolve?id={q}"),
        format!("/policies/{q}"),
        format!("/reviews/{q}"),
        format!("/{q}"),
        "/people".to_owned(),
        "/settings".to_owned(),
        "/standing".to_owned(),
        "/policies".to_owned(),
        "/oversight".to_owned(),
        "/log".to_owned(),
    ] {
        let (status, page) = shown(&site, &path).await;
        assert!(status.as_u16() < 500, "{path}: {status}");
        // A form's own field holds what is to be sent, as it is; a browser shows it as text.
        let page: String =
            page.split(" value=\"").map(|part| part.split_once('"').map_or(part, |(_, rest)| rest)).collect();
        for live in ["<script>alert", "<img", "onerror=alert(2)>", "\u{202e}", "\u{200b}", "\u{7}"] {
            assert!(!page.contains(live), "{path}: {live:?} is on the page:\n{page}");
        }
        let reported = path == format!("/actions/{action}");
        assert!(!reported || page.contains("reported &quot;"), "what was reported is on the action's page: {page}");
        said += usize::from(page.contains("&lt;script&gt;alert"));
    }
    assert!(said >= 5, "what was said is shown on few pages only: {said}");
}
