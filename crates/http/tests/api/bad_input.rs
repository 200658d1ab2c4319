//! Every kind of bad input has its own stable answer, and nothing is executed.

use std::collections::BTreeSet;
use std::fmt::Write;

use countersign_evidence::time::Timestamp;
use uuid::Uuid;

use crate::house::{Ask, House, Told};

/// Ids and times differ from run to run.
pub(crate) fn redacted(text: &str) -> String {
    let inside = |letter: char| letter.is_ascii_alphanumeric() || "-:._".contains(letter);
    let mut out = String::new();
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest.find(|letter| inside(letter) != rest.starts_with(inside)).unwrap_or(rest.len());
        let (word, tail) = rest.split_at(end);
        let shown = match word {
            word if Uuid::try_parse(word).is_ok() => "<id>",
            word if word.parse::<Timestamp>().is_ok() => "<time>",
            word => word,
        };
        out.push_str(shown);
        rest = tail;
    }
    out
}

/// Asks, checks what holds for every problem, and writes a paragraph of the snapshot.
struct Table<'a> {
    house: &'a House,
    text: String,
    names: BTreeSet<String>,
}

impl Table<'_> {
    async fn row(&mut self, title: &str, ask: Ask) {
        let before = self.house.durable().await;
        let (method, path) = (ask.method.clone(), ask.path.clone());
        let told = self.house.ask(ask).await;
        self.check(title, &told).await;
        let records = self.house.durable().await - before;
        let name = told.problem();
        let action = told.json().get("action").map_or("", |_| ", names the action");
        let title = if title.is_empty() { String::new() } else { format!("{title}\n") };
        writeln!(self.text, "{title}  {method} {}", redacted(&path)).unwrap();
        writeln!(self.text, "  {} {name}, {records} records{action}", told.status).unwrap();
        writeln!(self.text, "  {}\n", redacted(&told.member("detail"))).unwrap();
        self.names.insert(name);
    }

    async fn check(&self, title: &str, told: &Told) {
        assert_eq!(told.header("content-type"), "application/problem+json", "{title}: {}", told.text());
        assert_eq!(told.member("status"), told.status.to_string(), "{title}");
        assert!(!told.member("title").is_empty(), "{title}");
        assert!(!told.text().contains("cs_agent_"), "{title}: a key is in the answer");
        let page = self.house.ask(Ask::get(&told.member("type"))).await;
        assert!(page.status == 200 && page.text().starts_with(&told.problem()), "{title}: its type leads nowhere");
    }
}

fn table(house: &House) -> Table<'_> {
    Table { house, text: String::new(), names: BTreeSet::new() }
}

#[tokio::test]
async fn bytes_that_are_not_strict_json() {
    let house = House::new().await;
    let mut table = table(&house);
    let propose = |body: &[u8]| Ask::post("/v1/actions").key(&house.agent).json(body);
    let deep = |levels: usize| format!(r#"{{"payload":{}{}}}"#, "[".repeat(levels), "]".repeat(levels));
    let rows: [(&str, Vec<u8>); 14] = [
        ("nothing", b"".to_vec()),
        ("no JSON", b"amount=1".to_vec()),
        ("two values", b"{} {}".to_vec()),
        ("trailing comma", br#"{"request_id":"x",}"#.to_vec()),
        ("half an object", br#"{"request_id":"x""#.to_vec()),
        ("byte order mark", b"\xef\xbb\xbf{}".to_vec()),
        ("duplicate key", br#"{"request_id":"a","request_id":"b"}"#.to_vec()),
        ("duplicate key, spelt differently, deep inside", br#"{"payload":[{"a":1,"\u0061":2}]}"#.to_vec()),
        ("lone surrogate", br#"{"request_id":"\ud800"}"#.to_vec()),
        ("not UTF-8", b"{\"request_id\":\"\xff\xfe\"}".to_vec()),
        ("number that is none", br#"{"payload":01}"#.to_vec()),
        ("number beyond all bounds", br#"{"payload":1e999999999}"#.to_vec()),
        ("nested too deep", deep(70).into_bytes()),
        ("a hundred thousand brackets", deep(100_000).into_bytes()),
    ];
    for (title, body) in rows {
        table.row(title, propose(&body)).await;
    }
    let large = format!(r#"{{"request_id":"{}"}}"#, "x".repeat(2 << 20));
    table.row("oversized", propose(large.as_bytes())).await;
    let plain = house.refund("media", 1).key(&house.agent);
    let without = |name: &str| Ask {
        headers: plain.headers.iter().filter(|(known, _)| known != name).cloned().collect(),
        ..plain.clone()
    };
    table.row("no media type", without("content-type")).await;
    table.row("a form's media type", without("content-type").header("content-type", "text/plain")).await;
    table
        .row("another charset", without("content-type").header("content-type", "application/json; charset=latin1"))
        .await;
    table.row("compressed", plain.clone().header("content-encoding", "gzip")).await;
    insta::assert_snapshot!(table.text);
}

#[tokio::test]
async fn json_of_another_form() {
    let house = House::new().await;
    let mut table = table(&house);
    let body = |change: &dyn Fn(&str) -> String| {
        let plain = String::from_utf8(house.refund("form", 1).body).unwrap();
        Ask::post("/v1/actions").key(&house.agent).json(change(&plain))
    };
    let swap = |from: &'static str, to: &'static str| body(&|plain| plain.replacen(from, to, 1));
    table.row("an array", body(&|_| "[]".to_owned())).await;
    table.row("no members", body(&|_| "{}".to_owned())).await;
    table.row("request_id is a number", swap(r#""form""#, "7")).await;
    table.row("request_id is no identifier", swap(r#""form""#, r#""two words""#)).await;
    table
        .row("request_id is too long", body(&|plain| plain.replace(r#""form""#, &format!("{:?}", "x".repeat(129)))))
        .await;
    table.row("agent is text", swap(r#"{"id":"support-bot"}"#, r#""support-bot""#)).await;
    table.row("agent without id", swap(r#"{"id":"support-bot"}"#, "{}")).await;
    table.row("agent's id is null", swap(r#""support-bot""#, "null")).await;
    table.row("unknown member", swap(r#""request_id""#, r#""urgent":true,"request_id""#)).await;
    table.row("unknown member inside", swap(r#""name":"refund""#, r#""name":"refund","v":1"#)).await;
    table.row("unknown category", swap(r#""payload":"#, r#""category":"buy","payload":"#)).await;
    table.row("negative wait", swap(r#""payload":"#, r#""wait_s":-1,"payload":"#)).await;
    table.row("no payload", body(&|plain| plain.replace(r#","payload":{"amount":1}"#, ""))).await;
    table
        .row(
            "payload over the limit",
            body(&|plain| plain.replace(r#""amount":1"#, &format!(r#""amount":1,"note":{:?}"#, "x".repeat(1 << 20)))),
        )
        .await;
    let keys = |body: &str| Ask::post("/v1/keys").key(&house.operator).json(body);
    table.row("unknown kind of key", keys(r#"{"kind":"root","label":"x"}"#)).await;
    table.row("reviewer's key for nobody", keys(r#"{"kind":"reviewer","label":"x"}"#)).await;
    table
        .row(
            "reviewer's key for a stranger",
            keys(r#"{"kind":"reviewer","label":"x","person":"018f0000-0000-7000-8000-000000000001"}"#),
        )
        .await;
    let people = Ask::post("/v1/people").key(&house.operator).json(r#"{"name":"x","groups":["nobody"]}"#);
    table.row("unknown group", people).await;
    insta::assert_snapshot!(table.text);
}

#[tokio::test]
async fn urls_that_lead_nowhere() {
    let house = House::new().await;
    let mut table = table(&house);
    let get = |path: &str| Ask::get(path).key(&house.operator);
    for path in [
        "/",
        "/v1",
        "/v1/actions/",
        "/v2/actions",
        "/v1/actions/7",
        "/v1/actions/018f00000000700080000000000000001",
        "/v1/actions/%ff",
        "/v1/actions/018f0000-0000-7000-8000-000000000001",
        "/v1/actions/018f0000-0000-7000-8000-000000000001/story",
        "/v1/actions/018f0000-0000-7000-8000-000000000001/records",
        "/v1/actions/018f0000-0000-7000-8000-000000000001?wait_s=soon",
        "/v1/actions?colour=red",
        "/v1/actions?agent=a&agent=b",
        "/v1/actions?state=lost",
        "/v1/actions?limit=-1",
        "/v1/actions?limit=0",
        "/v1/actions?limit=501",
        "/v1/actions?since=yesterday",
        "/v1/keys?all=true",
        "/v1/reviews/018f0000-0000-7000-8000-000000000001",
        "/v1/policies/none",
        "/v1/records/first/proof",
        "/v1/records/+1/proof",
        "/v1/records/99999999999999999999/proof",
        "/v1/records/999999/proof",
        "/v1/resolve/nothing",
        "/v1/resolve/two%20words",
        "/problems/none",
    ] {
        let by = if path == "/v1/keys?all=true" { Ask::get(path).key(&house.operator) } else { get(path) };
        table.row("", by).await;
    }
    let wrong = |method: axum::http::Method, path: &str| Ask::new(method, path).key(&house.operator);
    table.row("DELETE", wrong(axum::http::Method::DELETE, "/v1/keys")).await;
    table.row("PUT", wrong(axum::http::Method::PUT, "/healthz")).await;
    table.row("POST", wrong(axum::http::Method::POST, "/log/checkpoint")).await;
    let told = house.ask(wrong(axum::http::Method::DELETE, "/v1/keys")).await;
    let allow: BTreeSet<&str> = told.header("allow").split(',').map(str::trim).collect();
    assert_eq!(allow, BTreeSet::from(["GET", "HEAD", "POST"]));
    insta::assert_snapshot!(table.text);
}

#[tokio::test]
async fn keys_that_do_not_open_this_door() {
    let house = House::new().await;
    let mut table = table(&house);
    let body = |ask: Ask| ask.json(house.refund("door", 1).body);
    table.row("no key", body(Ask::post("/v1/actions"))).await;
    table
        .row(
            "an unknown key",
            body(Ask::post("/v1/actions").key("cs_agent_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")),
        )
        .await;
    table.row("an auditor proposes", body(Ask::post("/v1/actions").key(&house.auditor))).await;
    table.row("a reviewer proposes", body(Ask::post("/v1/actions").key(&house.reviewer))).await;
    table.row("an agent lists", Ask::get("/v1/actions").key(&house.agent)).await;
    table.row("an agent reads the reviews", Ask::get("/v1/reviews").key(&house.agent)).await;
    table
        .row(
            "an auditor makes keys",
            Ask::post("/v1/keys").key(&house.auditor).json(r#"{"kind":"operator","label":"x"}"#),
        )
        .await;
    table.row("an agent erases", Ask::post("/v1/subjects/erase").key(&house.agent).json(r#"{"user":"x"}"#)).await;
    let person = r#"{"person":"019b7c00-0000-7000-8000-000000000001"}"#;
    table.row("an agent erases a reviewer", Ask::post("/v1/people/erase").key(&house.agent).json(person)).await;
    table
        .row("a gateway activates a policy", Ask::post("/v1/policies").key(&house.gateway).json(r#"{"files":{}}"#))
        .await;
    let action = house.refunded("mine", 1).await;
    table.row("another's action", Ask::get(&format!("/v1/actions/{action}")).key(&house.gateway)).await;
    let start = Ask::post(&format!("/v1/actions/{action}/start")).key(&house.gateway);
    table.row("another starts it", start.json(r#"{"attempt":"a","payload":{"amount":1}}"#)).await;
    let limited =
        Ask::post("/v1/keys").key(&house.operator).json(r#"{"kind":"agent","label":"x","agents":["other-bot"]}"#);
    let limited = house.ask(limited).await.good().member("secret");
    table.row("a key of another agent", house.refund("limited", 1).key(&limited)).await;
    insta::assert_snapshot!(table.text);
}

#[tokio::test]
async fn actions_that_are_elsewhere() {
    let house = House::new().await;
    let mut table = table(&house);
    let step = |action: &str, verb: &str, body: &str| {
        Ask::post(&format!("/v1/actions/{action}/{verb}")).key(&house.agent).json(body)
    };
    let exact = r#"{"attempt":"a","payload":{"amount":1}}"#;
    let action = house.refunded("first", 1).await;
    table.row("request_id with another payload", house.refund("first", 2).key(&house.agent)).await;
    table.row("start without a payload", step(&action, "start", r#"{"attempt":"a"}"#)).await;
    table.row("start with another payload", step(&action, "start", r#"{"attempt":"a","payload":{"amount":2}}"#)).await;
    table.row("finish before start", step(&action, "finish", r#"{"attempt":"a","outcome":"succeeded"}"#)).await;
    table.row("cancel for no good reason", step(&action, "cancel", r#"{"why":"two words"}"#)).await;
    house.ask(step(&action, "start", exact)).await.good();
    table.row("start by another attempt", step(&action, "start", &exact.replace(r#""a""#, r#""b""#))).await;
    table.row("cancel what was started", step(&action, "cancel", "{}")).await;
    table.row("finish by another attempt", step(&action, "finish", r#"{"attempt":"b","outcome":"failed"}"#)).await;
    table.row("an outcome that is none", step(&action, "finish", r#"{"attempt":"a","outcome":"fine"}"#)).await;
    let waiting = house.refunded("waiting", 501).await;
    table.row("start what waits", step(&waiting, "start", r#"{"attempt":"a","payload":{"amount":501}}"#)).await;
    let good = house.decision(&waiting, "deny").await;
    let other = |change: (&str, &str), key: &str| {
        let body = String::from_utf8(good.body.clone()).unwrap().replace(change.0, change.1);
        Ask::post(&good.path).key(key).json(body)
    };
    table.row("decided by a stranger", other(("", ""), &house.stranger)).await;
    table.row("decided by an operator", other(("", ""), &house.operator)).await;
    table.row("denied without a reason", other((r#""reason":"seen","#, ""), &house.reviewer)).await;
    table
        .row("decided on something else", other((r#""payload_digest":""#, r#""payload_digest":"A"#), &house.reviewer))
        .await;
    let zero = format!(r#"{{"verdict":"approve","payload_digest":"{}"}}"#, "A".repeat(43));
    table.row("decided on another payload", Ask::post(&good.path).key(&house.reviewer).json(zero)).await;
    house.ask(good.clone()).await.good();
    table.row("decided twice", good).await;
    table.row("start what was denied", step(&waiting, "start", r#"{"attempt":"a","payload":{"amount":501}}"#)).await;
    let late = house.refunded("late", 1).await;
    house.later(7_200);
    table.row("start after the authorization expired", step(&late, "start", exact)).await;
    let nobody = r#"{"person":"019b7c00-0000-7000-8000-000000000001"}"#;
    table.row("erase no reviewer", Ask::post("/v1/people/erase").key(&house.operator).json(nobody)).await;
    table.row("erase nobody", Ask::post("/v1/subjects/erase").key(&house.operator).json(r#"{"user":"nobody"}"#)).await;
    insta::assert_snapshot!(table.text);
}

#[tokio::test]
async fn policies_that_are_refused() {
    let house = House::new().await;
    let mut table = table(&house);
    let policy = |files: &str| Ask::post("/v1/policies").key(&house.operator).json(format!(r#"{{"files":{files}}}"#));
    table.row("no Cedar", policy(r#"{"rules.cedar":"permit everything"}"#)).await;
    table
        .row(
            "misspelt annotation",
            policy(r#"{"rules.cedar":"@id(\"x\") @reveiw(\"owners\") forbid (principal, action, resource);"}"#),
        )
        .await;
    table.row("a test that fails", policy(
        r#"{"rules.cedar":"@id(\"x\") permit (principal, action == Action::\"read\", resource);","tests/t.yaml":"- name: all is forbidden\n  request: { agent: a, tool: s/t, category: read, payload: {} }\n  expect: { decision: deny }\n"}"#,
    )).await;
    let still = house.ask(house.refund("still", 1).key(&house.agent)).await.good();
    assert_eq!(still.member("state"), "authorized", "the policy in force stays");
    insta::assert_snapshot!(table.text);
}
