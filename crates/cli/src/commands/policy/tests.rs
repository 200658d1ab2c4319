//! A recorded decision is made again from its records alone.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;

use countersign_client::wire::{RecordView, State, Story, SummaryView};
use countersign_evidence::digest::Digest;
use countersign_evidence::json::{self, Limits, Object, Value};
use countersign_evidence::key::Key;
use countersign_evidence::record::{
    ActionDecided, ActionProposed, Actor, ActorKind, Agent, Authenticated, Body, Category, Correlation, Decision,
    Envelope, Isolation, KeyKind, Link, PolicyRef, Risk, Source, ToolRef,
};
use countersign_evidence::seal::Sealer;
use countersign_evidence::time::Timestamp;
use countersign_policy::{PolicySet, PolicyText};
use uuid::Uuid;

use crate::exit::Exit;
use crate::testing::{Gate, Ran};

const ID: Uuid = Uuid::from_u128(0x019b_7c00_0000_7000_8000_0000_0000_0001);

fn value(text: &str) -> Value {
    json::parse(text.as_bytes(), Limits::default()).unwrap()
}

fn record(step: u32, body: Body, fields: &[(&str, Value)]) -> RecordView {
    let key = Key::from_bytes([7; 32]);
    let sealer = Sealer::new(&key);
    let (mut sealed, mut disclosures) = (BTreeMap::new(), Vec::new());
    for (name, value) in fields {
        let one = sealer.seal(&format!("{step}/{name}"), name, value);
        sealed.insert((*name).to_owned(), one.digest);
        disclosures.extend(one.disclosures);
    }
    let time = Timestamp::from_micros(1_767_323_000_000_000);
    let envelope = Envelope {
        id: Uuid::from_u128(ID.as_u128() + 1 + u128::from(step)),
        time,
        workspace: "w".to_owned(),
        environment: "production".to_owned(),
        link: Some(Link { action: ID, step, prev: (step > 0).then_some(Digest([1; 32])) }),
        actor: Actor { kind: ActorKind::Agent, id: "support-bot".to_owned() },
        body,
        sealed,
        vault: None,
    };
    let kind = envelope.body.kind().to_owned();
    let envelope = envelope.to_canonical().unwrap();
    let leaf = Digest::leaf(envelope.as_bytes());
    RecordView { position: u64::from(step), time, kind, envelope, disclosures, closed: Object::new().into(), leaf }
}

fn proposed(payload: &str) -> RecordView {
    let body = ActionProposed {
        agent: Agent { id: "support-bot".to_owned(), version: None },
        model: None,
        tool: ToolRef { name: "refund".to_owned(), server: "payments".to_owned(), definition: None },
        category: Category::Payment,
        resource_type: None,
        request_id: "r".to_owned(),
        correlation: Correlation::default(),
        source: Source { via: "api".to_owned(), version: None },
        authenticated: Authenticated { key: ID, kind: KeyKind::Agent },
        isolation: Isolation::SameUser,
    };
    record(
        0,
        Body::ActionProposed(body),
        &[("payload", value(payload)), ("user", value(r#"{"id":"u-7","groups":[]}"#))],
    )
}

fn decided(decision: Decision, version: &str) -> RecordView {
    let facts = r#"{"history":{"actions_last_hour":0,"denials_of_payload_last_day":0,"first_use_of_tool":false,
        "reviews_pending":0,"tool_changed":false,"sums":{}},"time":"2026-01-05T10:00:00.000000Z","zone":"UTC"}"#;
    let mut facts = value(facts);
    let sums: Object = set().catalogue().sums.keys().map(|name| (name.clone(), "0")).collect();
    facts.as_object_mut().unwrap().get_mut("history").unwrap().as_object_mut().unwrap().insert("sums", sums);
    let body = ActionDecided {
        decision,
        policy_set: PolicyRef { version: version.to_owned(), digest: Digest([2; 32]) },
        reasons: Vec::new(),
        reasons_total: None,
        risk: Risk::default(),
        review: None,
        errors: Vec::new(),
        payload_version: 0,
    };
    record(1, Body::ActionDecided(body), &[("facts", facts)])
}

const RULES: &str = r#"
@id("refunds") permit (principal, action == Action::"payment", resource);

@id("refunds-large") @review("finance") @message("Over 500 needs finance.")
forbid (principal, action == Action::"payment", resource) when { context.payload.amount > 500 };

@id("busy") forbid (principal, action, resource) when { context.history.actions_last_hour > 100 };

@id("no-deletes") forbid (principal, action == Action::"delete", resource);
"#;

fn files() -> BTreeMap<String, String> {
    let entities = r#"{"review_groups": {"finance": "Approves refunds"}}"#;
    [("rules.cedar", RULES), ("entities.json", entities)].map(|(a, b)| (a.to_owned(), b.to_owned())).into()
}

fn set() -> PolicySet {
    PolicySet::from_text(PolicyText(files())).unwrap()
}

async fn explain(records: Vec<RecordView>, line: &[&str]) -> Ran {
    let summary = SummaryView {
        action: ID,
        time: Timestamp::default(),
        position: 0,
        agent: String::new(),
        tool: String::new(),
        category: String::new(),
        decision: String::new(),
        state: State::Denied,
        risk: 0,
        environment: String::new(),
        rules: Vec::new(),
        user: None,
        resource: None,
    };
    let story = Story { action: ID, state: State::Denied, badge: String::new(), summary, answers: Vec::new(), records };
    let policy = format!(
        r#"{{"version":"v1","digest":"{}","active":false,"activated_at":"2026-01-01T03:04:05.000000Z","position":3,
        "tests_passed":9,"files":{}}}"#,
        Digest([2; 32]),
        json::to_string(&files()).unwrap()
    );
    let gate = Gate::default()
        .on(&format!("GET /v1/resolve/{ID}"), format!(r#"{{"kind":"action","actions":["{ID}"]}}"#))
        .on(&format!("GET /v1/actions/{ID}/story"), json::to_string(&story).unwrap())
        .on("GET /v1/policies/v1", policy);
    let id = ID.to_string();
    let line: Vec<&str> = ["policy", "explain", &id].into_iter().chain(line.iter().copied()).collect();
    gate.run(&line, None).await
}

#[tokio::test]
async fn a_recorded_decision_is_explained_rule_by_rule() {
    let ran = explain(vec![proposed(r#"{"amount":900,"currency":"EUR"}"#), decided(Decision::Review, "v1")], &[]).await;
    assert_eq!(ran.result.unwrap(), Exit::Done);
    insta::assert_snapshot!(ran.printed);
}

#[tokio::test]
async fn machines_get_the_explanation_as_the_policy_engine_gives_it() {
    let records = vec![proposed(r#"{"amount":"much","currency":"EUR"}"#), decided(Decision::Deny, "v1")];
    let ran = explain(records, &["--json"]).await;
    let explained = value(&ran.printed);
    assert_eq!(explained.get("decision").unwrap().get("outcome").unwrap().as_str(), Some("deny"));
    assert_eq!(explained.get("rules").unwrap().as_array().unwrap().len(), set().rules().len());
}

#[tokio::test]
async fn what_is_withheld_is_not_guessed() {
    let mut withheld = proposed(r#"{"amount":900,"currency":"EUR"}"#);
    withheld.disclosures.remove(0);
    let ran = explain(vec![withheld, decided(Decision::Review, "v1")], &[]).await;
    assert_eq!((ran.result.unwrap(), ran.printed.as_str()), (Exit::NotChecked, ""));
    let ran = explain(vec![proposed("{}")], &[]).await;
    assert_eq!(ran.result.unwrap(), Exit::NotChecked);
}

#[tokio::test]
async fn another_policy_can_be_asked() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("all.cedar"), "@id(\"all\") permit (principal, action, resource);").unwrap();
    let records = vec![proposed(r#"{"amount":900,"currency":"EUR"}"#), decided(Decision::Review, "v1")];
    let ran = explain(records, &["--policy", folder.path().to_str().unwrap()]).await;
    assert!(ran.printed.contains("decides allow") && ran.printed.contains("decided review"), "{}", ran.printed);
}
