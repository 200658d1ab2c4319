#![allow(clippy::unwrap_used)]

use countersign_client::ClientError;
use insta::assert_snapshot;

use crate::error::Failure;
use crate::exit::Exit;
use crate::testing::Gate;

const ID: &str = "019b7c00-0000-7000-8000-000000000001";

fn row(id: &str, state: &str, tool: &str, position: u64) -> String {
    format!(
        r#"{{"action":"{id}","time":"2026-01-02T03:00:00.000000Z","position":{position},"agent":"support-bot","tool":"{tool}",
        "category":"payment","decision":"review","state":"{state}","risk":45,"environment":"production",
        "rules":["refunds-large"],"user":"u-7","resource":"order\u202e-9"}}"#
    )
}

fn page(rows: &[String], next: Option<u64>, behind: u64) -> String {
    let next = next.map(|next| format!(r#","next":{next}"#)).unwrap_or_default();
    format!(r#"{{"actions":[{}],"as_of":90,"behind":{behind}{next}}}"#, rows.join(","))
}

fn story() -> String {
    let record = |position: u64, micros: &str, kind: &str, body: &str, closed: &str| {
        let envelope = format!(r#"{{\"actor\":{{\"id\":\"a\\u001b-1\",\"type\":\"gateway\"}},\"body\":{body}}}"#);
        format!(
            r#"{{"position":{position},"time":"2026-01-02T03:00:{micros}Z","type":"{kind}","envelope":"{envelope}",
            "disclosures":[],"closed":{closed},"leaf":"{}"}}"#,
            "A".repeat(43)
        )
    };
    let records = [
        record(1, "00.000000", "action.proposed", "{}", r#"{"payload":"withheld","user":"erased"}"#),
        record(2, "00.000900", "action.decided", r#"{\"decision\":\"allow\"}"#, "{}"),
        record(7, "05.250000", "execution.finished", r#"{\"outcome\":\"succeeded\",\"status\":\"ok\"}"#, "{}"),
    ];
    let answer = |question: &str, sentence: &str, facts: &str| {
        format!(r#"{{"question":"{question}","sentence":"{sentence}","facts":{facts}}}"#)
    };
    let answers = [
        answer(
            "What did the agent intend?",
            r"To refund 40 EUR\u200b.",
            r#"{"intent":"Line one\nline two","payload":{"amount":40}}"#,
        ),
        answer("Which rule applied?", "refunds-small allows it.", r#"{"rules":["refunds-small"],"errors":[]}"#),
        answer("Who approved?", "Nobody had to.", "{}"),
        answer("Did the payload match?", "Yes, exactly.", r#"{"equal":true}"#),
    ];
    format!(
        r#"{{"action":"{ID}","state":"succeeded","badge":"EXACT","summary":{},"answers":[{}],"records":[{}]}}"#,
        row(ID, "succeeded", "payments/refund", 1),
        answers.join(","),
        records.join(",")
    )
}

fn context() -> String {
    let span = |name: &str, more: &str| {
        format!(
            r#"{{"kind":"span","name":"{name}","link":"trace","started":"2026-01-02T03:00:00.500000Z","status":"ok",
            "attributes":{{}},"reported_by":"{ID}","by_proposer":false,"received":"2026-01-02T03:00:09.000000Z"{more}}}"#
        )
    };
    let of_model =
        r#","duration_us":1234567,"model":"gpt\u200b-5","input_tokens":120,"output_tokens":30,"service":"planner""#;
    format!(
        r#"{{"action":"{ID}","trace_id":"{}","span_id":"{}","spans":[{},{}],"more":true}}"#,
        "a".repeat(32),
        "b".repeat(16),
        span(r"chat \u001b[31mred", of_model),
        span("tools/call", "").replace("\"ok\"", "\"error\"").replace("false", "true"),
    )
}

#[tokio::test]
async fn a_list_for_people() {
    let rows = [
        row(ID, "waiting", "payments/refund", 80),
        row(&ID.replace('1', "2"), "succeeded", "payments/\u{200b}refund", 70),
    ];
    let gate = Gate::default().on("GET /v1/actions?limit=2", page(&rows, Some(70), 3));
    let ran = gate.run(&["action", "list", "--limit", "2"], None).await;
    assert_eq!(ran.result.unwrap(), Exit::Done);
    assert_snapshot!(ran.printed);
}

#[tokio::test]
async fn every_filter_is_handed_on() {
    let path = "GET /v1/actions?agent=a%20b&user=u&tool=s%2Ft&category=payment&decision=deny&state=denied&rule=r\
                &environment=e&session=se&trace=t&text=x%20y&since=2026-01-01T03%3A04%3A05.000000Z\
                &until=2026-01-02T00%3A00%3A00.000000Z&before=9&limit=5";
    let gate = Gate::default().on(path, page(&[], None, 0));
    let line = "action list --user u --tool s/t --category payment --decision deny --state denied --rule r --environment e \
                --session se --trace t --since 24h --until 2026-01-02 --before 9 --limit 5 --agent";
    let line: Vec<&str> = line.split_whitespace().chain(["a b", "--text", "x y"]).collect();
    let ran = gate.run(&line, None).await;
    assert_eq!(ran.result.unwrap(), Exit::Done, "{:?}", ran.asked);
    assert_eq!(ran.printed, "No action matches.\n");
}

#[tokio::test]
async fn a_long_list_is_fetched_page_by_page() {
    let first: Vec<String> = (0..200).map(|at| row(ID, "waiting", "s/t", 1000 - at)).collect();
    let second: Vec<String> = (0..50).map(|at| row(ID, "waiting", "s/t", 800 - at)).collect();
    let gate = Gate::default()
        .on("GET /v1/actions?limit=200", page(&first, Some(801), 0))
        .on("GET /v1/actions?before=801&limit=50", page(&second, Some(751), 0));
    let ran = gate.run(&["action", "list", "--limit", "250", "--json"], None).await;
    assert_eq!(ran.result.unwrap(), Exit::Done, "{:?}", ran.asked);
    assert_eq!(ran.printed.matches("\"position\"").count(), 250);
    assert!(ran.printed.contains("\"next\":751"));
    assert_eq!(ran.printed.lines().count(), 1);
}

#[tokio::test]
async fn a_cursor_that_stands_still_ends_the_list() {
    let gate = Gate::default()
        .on("GET /v1/actions?limit=10", page(&[row(ID, "waiting", "s/t", 5)], Some(5), 0))
        .on("GET /v1/actions?before=5&limit=9", page(&[row(ID, "waiting", "s/t", 5)], Some(5), 0));
    let ran = gate.run(&["action", "list", "--limit", "10"], None).await;
    assert_eq!(ran.asked.len(), 2);
}

fn view() -> String {
    format!(
        r#"{{"action":"{ID}","state":"authorized","decision":"review","reasons":[{{"rule":"refunds-large","effect":"review"}}],
        "risk":45,"message":"Go ahead with the edited payload.","policy":"a1b2c3d4e5f6","position":9,
        "authorization":{{"payload_version":1,"expires_at":"2026-01-02T03:19:05.000000Z","payload":{{"amount":90}}}}}}"#
    )
}

#[tokio::test]
async fn where_an_action_stands() {
    let gate = Gate::default().on(&format!("GET /v1/actions/{ID}?wait_s=0"), view());
    let ran = gate.run(&["action", "show", ID], None).await;
    assert_eq!(ran.result.unwrap(), Exit::Done);
    assert_snapshot!(ran.printed);
}

#[tokio::test]
async fn any_id_leads_to_its_action() {
    let gate = Gate::default()
        .on("GET /v1/resolve/req%2F7", format!(r#"{{"kind":"request","actions":["{ID}"]}}"#))
        .on(&format!("GET /v1/actions/{ID}?wait_s=0"), view());
    let ran = gate.run(&["action", "show", "req/7", "--json"], None).await;
    assert_eq!(ran.result.unwrap(), Exit::Done);
    assert!(ran.printed.starts_with(r#"{"action":"#) && ran.printed.contains(r#""policy":"a1b2c3d4e5f6""#));
}

#[tokio::test]
async fn an_id_of_several_actions_is_no() {
    let other = ID.replace('1', "2");
    let gate =
        Gate::default().on("GET /v1/resolve/s1", format!(r#"{{"kind":"session","actions":["{ID}","{other}"]}}"#));
    let refused = gate.run(&["action", "story", "s1"], None).await.result.unwrap_err();
    assert_eq!(refused.exit(), Exit::No);
    assert!(refused.to_string().contains(&other), "{refused}");
}

#[tokio::test]
async fn an_unknown_id_is_the_gates_own_problem() {
    let refused = Gate::default().run(&["action", "show", ID], None).await.result.unwrap_err();
    assert!(matches!(&refused, Failure::Client(ClientError::Refused(problem)) if problem.status == 404));
    assert_eq!(refused.exit(), Exit::No);
}

#[tokio::test]
async fn a_story_for_people() {
    let gate = Gate::default()
        .on(&format!("GET /v1/actions/{ID}?wait_s=0"), view())
        .on(&format!("GET /v1/actions/{ID}/story"), story())
        .on(&format!("GET /v1/actions/{ID}/context"), context());
    let ran = gate.run(&["action", "story", ID], None).await;
    assert_eq!(ran.result.unwrap(), Exit::Done);
    assert_snapshot!(ran.printed);
}

#[tokio::test]
async fn an_answer_that_is_none_is_told_in_a_line() {
    let gate = Gate::default().on("GET /v1/actions?limit=50", "{\"actions\":7}");
    let refused = gate.run(&["action", "list"], None).await.result.unwrap_err();
    assert_eq!(refused.exit(), Exit::Unreachable);
    assert_eq!(refused.to_string().lines().count(), 1, "{refused}");
}

#[tokio::test]
async fn long_facts_are_folded_but_never_payloads() {
    let long: Vec<String> = (0..40).map(|at| format!(r#"{{"rule":"r{at}"}}"#)).collect();
    let facts = format!(r#"{{"decisions":[{0}],"payload":[{0}]}}"#, long.join(","));
    let story = story().replace(r#"{"equal":true}"#, &facts);
    let gate = || {
        let gate = Gate::default().on(&format!("GET /v1/actions/{ID}?wait_s=0"), view());
        let gate = gate.on(&format!("GET /v1/actions/{ID}/story"), story.clone());
        gate.on(&format!("GET /v1/actions/{ID}/context"), context())
    };
    let folded = gate().run(&["action", "story", ID], None).await.printed;
    assert_eq!(folded.matches("r39").count(), 1);
    assert!(folded.contains("decisions  (42 lines of decisions: --full shows them)"), "{folded}");
    let full = gate().run(&["action", "story", ID, "--full"], None).await.printed;
    assert_eq!(full.matches("r39").count(), 2);
}
