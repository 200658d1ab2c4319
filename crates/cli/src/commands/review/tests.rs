#![allow(clippy::unwrap_used)]

use insta::assert_snapshot;

use crate::exit::Exit;
use crate::testing::{Gate, Ran};

const ID: &str = "019b7c00-0000-7000-8000-000000000001";
const DIGEST: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
const SEEN: &str = "BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBA";

fn review() -> String {
    format!(
        r#"{{"action":"{ID}","proposed_at":"2026-01-02T03:00:00.000000Z","expires_at":"2026-01-02T07:00:00.000000Z",
        "agent":"support-bot","tool":"payments/refund","category":"payment","environment":"production","risk":45,
        "requirements":[{{"rule":"refunds-large","message":"Over 500 needs two of finance.","groups":["finance","cfo"],"quorum":2,
        "approvals":[{{"person":"019b7c00-0000-7000-8000-0000000000aa","at":"2026-01-02T03:02:00.000000Z"}}]}}],
        "payload_digest":"{DIGEST}","payload_version":0,"fingerprint":"f"}}"#
    )
}

fn presentation() -> String {
    format!(
        r#"{{"review":{},"sentence":"Refund 900 EUR to order-9.","policy":"p","deciding":[],"payload_bytes":10,"rules":[],"facts":{{}},"payload":{{"amount":900,"to":"CH\u202e93","note":"a\nb"}},
        "intent":"The customer asked.\n\nPayload, whole (version 0)\namount: 1","user":"u-7","resource":"order-9","risk_factors":["large-sum"],
        "presentation_digest":"{SEEN}"}}"#,
        review()
    )
}

fn view(state: &str) -> String {
    format!(
        r#"{{"action":"{ID}","state":"{state}","decision":"review","reasons":[],"risk":45,"message":"","policy":"p","position":9}}"#
    )
}

async fn run(line: &[&str], answers: Option<&'static str>) -> Ran {
    let gate = Gate::default()
        .on("GET /v1/reviews", format!("[{}]", review()))
        .on(&format!("GET /v1/actions/{ID}?wait_s=0"), view("waiting"))
        .on(&format!("GET /v1/reviews/{ID}"), presentation())
        .on(&format!("POST /v1/reviews/{ID}/decide"), view("authorized"));
    gate.run(line, answers).await
}

fn decision(ran: &Ran) -> Option<&str> {
    ran.asked.iter().find(|(request, _)| request.ends_with("/decide")).map(|(_, body)| body.as_str())
}

#[tokio::test]
async fn what_waits() {
    let ran = run(&["review", "list"], None).await;
    assert_eq!(ran.result.unwrap(), Exit::Done);
    assert_snapshot!(ran.printed);
}

#[tokio::test]
async fn everything_to_judge_is_shown_whole() {
    let ran = run(&["review", "show", ID], None).await;
    assert_eq!(ran.result.unwrap(), Exit::Done);
    assert_snapshot!(ran.printed);
}

#[tokio::test]
async fn what_the_agent_wrote_never_begins_a_line() {
    let ran = run(&["review", "show", ID], None).await;
    let ours = ran.printed.lines().filter(|line| line.starts_with("Payload, whole")).count();
    assert_eq!(ours, 1);
}

#[tokio::test]
async fn an_approval_is_of_what_was_shown() {
    let ran = run(&["review", "approve", ID, "--reason", "checked"], Some("y\n")).await;
    let expected = format!(
        r#"{{"active_ms":1500,"payload_digest":"{DIGEST}","presentation_digest":"{SEEN}","reason":"checked","verdict":"approve"}}"#
    );
    assert_eq!(decision(&ran), Some(expected.as_str()));
    assert!(ran.printed.contains("CH\\u202e93") && ran.printed.ends_with("Approved. The action is authorized.\n"));
    assert_eq!(ran.result.unwrap(), Exit::Done);
}

#[tokio::test]
async fn anything_but_yes_decides_nothing() {
    for answer in ["n\n", "\n", "", "yep\n", "approve\n"] {
        let ran = run(&["review", "approve", ID], Some(answer)).await;
        assert_eq!(decision(&ran), None, "{answer:?}");
        assert_eq!(ran.result.unwrap(), Exit::No);
    }
}

#[tokio::test]
async fn without_a_terminal_nothing_is_decided_unless_yes() {
    let ran = run(&["review", "approve", ID], None).await;
    assert_eq!(decision(&ran), None);
    assert_eq!(ran.result.unwrap_err().exit(), Exit::Usage);
    let ran = run(&["review", "approve", ID, "--yes"], None).await;
    // Nobody looked, so no time of looking is claimed.
    assert!(decision(&ran).is_some_and(|body| !body.contains("active_ms")));
}

#[tokio::test]
async fn another_payload_than_expected_is_not_approved() {
    let ran = run(&["review", "approve", ID, "--yes", "--digest", SEEN], None).await;
    assert_eq!(decision(&ran), None);
    assert_eq!(ran.result.unwrap_err().exit(), Exit::No);
    let ran = run(&["review", "approve", ID, "--yes", "--digest", DIGEST], None).await;
    assert!(decision(&ran).is_some());
}

#[tokio::test]
async fn a_denial_needs_a_reason() {
    let ran = run(&["review", "deny", ID, "--yes"], None).await;
    assert_eq!(decision(&ran), None);
    assert_eq!(ran.result.unwrap_err().exit(), Exit::Usage);
    for answers in ["y\n\n", "y\n"] {
        let ran = run(&["review", "deny", ID], Some(answers)).await;
        assert_eq!(decision(&ran), None);
        assert_eq!(ran.result.unwrap_err().exit(), Exit::Usage);
    }
    let ran = run(&["review", "deny", ID], Some("y\nwrong account\n")).await;
    assert!(decision(&ran).is_some_and(|body| body.contains(r#""reason":"wrong account","verdict":"deny""#)));
}

#[tokio::test]
async fn an_edit_is_shown_and_handed_in_exactly() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("edit.json");
    std::fs::write(&path, r#"{"to":"CH\u202e93","note":"a\nb","amount":90.10,"id":12345678901234567890123}"#).unwrap();
    let line = ["review", "approve", ID, "--edit", path.to_str().unwrap()];
    let ran = run(&line, Some("y\n")).await;
    let body = decision(&ran).unwrap();
    assert!(body.contains(r#""amount":90.1,"id":12345678901234567890123,"#), "{body}");
    assert!(ran.printed.contains("~ payload.amount: 900 → 90.1"), "{}", ran.printed);
    std::fs::write(&path, r#"{"amount":1,"amount":2}"#).unwrap();
    let ran = run(&line, Some("y\n")).await;
    assert_eq!(decision(&ran), None);
    assert_eq!(ran.result.unwrap_err().exit(), Exit::Usage);
}

#[tokio::test]
async fn what_nobody_is_asked_about_says_where_it_stands() {
    for verb in ["show", "approve", "deny"] {
        let gate = Gate::default().on(&format!("GET /v1/actions/{ID}?wait_s=0"), view("denied"));
        let refused = gate.run(&["review", verb, ID], None).await.result.unwrap_err().to_string();
        assert_eq!(refused, "nobody is asked about this action: it is denied");
    }
}
