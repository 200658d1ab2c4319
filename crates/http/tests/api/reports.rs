//! OTLP in: who may report what, what is refused and how, and who sees it.

use countersign_evidence::json::{self, Limits, Value};

use crate::house::{Ask, House, Told};

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";

fn span(name: &str, number: u64) -> String {
    format!(
        r#"{{"traceId":"{TRACE}","spanId":"{number:016x}","name":"{name}","startTimeUnixNano":"1767323045000000000",
        "endTimeUnixNano":"1767323045250000000","attributes":[
        {{"key":"gen_ai.request.model","value":{{"stringValue":"gpt-5"}}}},
        {{"key":"gen_ai.usage.input_tokens","value":{{"intValue":"12"}}}},
        {{"key":"gen_ai.input.messages","value":{{"stringValue":"refund Ada"}}}}]}}"#
    )
}

fn request(spans: &[String]) -> String {
    format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{}]}}]}}]}}"#, spans.join(","))
}

fn report(spans: &[String]) -> Ask {
    Ask::post("/otlp/v1/traces").json(request(spans))
}

fn gzip(plain: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    out.write_all(plain).unwrap();
    out.finish().unwrap()
}

/// A refund within the trace.
async fn traced(house: &House, key: &str) -> String {
    let body = format!(
        r#"{{"request_id":"traced","agent":{{"id":"support-bot"}},"correlation":{{"trace_id":"{TRACE}","span_id":"00000000000000aa"}},
        "tool":{{"server":"payments","name":"refund"}},"payload":{{"amount":1}}}}"#
    );
    house.ask(Ask::post("/v1/actions").json(body).key(key)).await.good().member("action")
}

async fn context(house: &House, action: &str, key: &str) -> Vec<Value> {
    let told = house.ask(Ask::get(&format!("/v1/actions/{action}/context")).key(key)).await.good().json();
    told.get("spans").unwrap().as_array().unwrap().to_vec()
}

fn names(spans: &[Value]) -> Vec<&str> {
    spans.iter().map(|span| span.get("name").unwrap().as_str().unwrap()).collect()
}

/// `rejectedSpans` of an answer in JSON.
fn rejected(told: &Told) -> String {
    let told = told.json();
    let partial = told.get("partialSuccess").and_then(|partial| partial.get("rejectedSpans"));
    partial.and_then(Value::as_str).unwrap_or("0").to_owned()
}

#[tokio::test]
async fn what_is_reported_stands_beside_the_action_and_changes_nothing_on_record() {
    let house = House::new().await;
    let action = traced(&house, &house.agent).await;
    let before = house.durable().await;
    let spans = [span("agent", 0xaa), span("chat gpt-5", 2), span("chat gpt-5", 2)];
    let told = house.ask(report(&spans).key(&house.agent)).await.good();
    assert_eq!((told.text().as_str(), told.header("content-type")), ("{}", "application/json"));
    house.ask(report(&spans).key(&house.agent)).await.good();
    assert_eq!(house.durable().await, before);
    let spans = context(&house, &action, &house.operator).await;
    assert_eq!(names(&spans), ["agent", "chat gpt-5"], "duplicates count once");
    let member = |at: usize, name: &str| spans[at].get(name).map(Value::to_canonical).unwrap_or_default();
    assert_eq!((member(0, "link"), member(1, "link")), ("\"caller\"".to_owned(), "\"trace\"".to_owned()));
    assert_eq!((member(1, "model"), member(1, "input_tokens")), ("\"gpt-5\"".to_owned(), "12".to_owned()));
    assert_eq!((member(1, "duration_us"), member(1, "by_proposer")), ("250000".to_owned(), "true".to_owned()));
    assert!(!spans[1].to_canonical().contains("refund Ada"), "no content unless that is configured");
}

#[tokio::test]
async fn only_keys_that_may_propose_report_and_foreign_ones_are_not_heard() {
    let house = House::new().await;
    let action = traced(&house, &house.agent).await;
    for key in [&house.operator, &house.auditor, &house.reviewer] {
        let told = house.ask(report(&[span("x", 1)]).key(key)).await;
        assert_eq!(told.status, 403, "{}", told.text());
    }
    let told = house.ask(report(&[span("x", 1)])).await;
    assert_eq!((told.status, told.header("www-authenticate")), (401, "Bearer"));
    assert_eq!(told.json().get("code").unwrap().to_canonical(), "16");
    let told = house.ask(report(&[span("x", 1)]).key("not-a-key")).await;
    assert_eq!(told.status, 401);

    let made = |limits: &str| {
        let body = format!(r#"{{"kind":"agent","label":"other",{limits}}}"#);
        Ask::post("/v1/keys").json(body).key(&house.operator)
    };
    let elsewhere = house.ask(made(r#""environments":["staging"],"agents":[]"#)).await.good().member("secret");
    let another = house.ask(made(r#""environments":[],"agents":["sales-bot"]"#)).await.good().member("secret");
    let covering = house.ask(made(r#""environments":[],"agents":["support-bot"]"#)).await.good().member("secret");
    for (key, name) in
        [(&elsewhere, "elsewhere"), (&another, "another"), (&covering, "covering"), (&house.agent, "own")]
    {
        house.ask(report(&[span(name, 7)]).key(key)).await.good();
    }
    assert_eq!(names(&context(&house, &action, &house.operator).await), ["own", "covering"]);
    // A key that only acts sees its own action, and its own word alone.
    assert_eq!(names(&context(&house, &action, &house.agent).await), ["own"]);
    for key in [&elsewhere, &another, &covering] {
        let told = house.ask(Ask::get(&format!("/v1/actions/{action}/context")).key(key)).await;
        assert_eq!((told.status, told.problem().as_str()), (404, "not_found"));
    }
}

#[tokio::test]
async fn bad_bodies_are_refused_in_the_exporters_own_terms() {
    let house = House::new().await;
    let post =
        |kind: &str, body: &[u8]| Ask::post("/otlp/v1/traces").header("content-type", kind).raw(body).key(&house.agent);
    let protobuf = "application/x-protobuf";
    for (ask, status) in [
        (post("application/json", b"{"), 400),
        (post("application/json", br#"{"resourceSpans":7}"#), 400),
        (post(protobuf, b"\x0a\xff"), 400),
        (post(protobuf, b"not protobuf"), 400),
        (post(protobuf, b"no gzip").header("content-encoding", "gzip"), 400),
        (post("text/plain", b"{}"), 415),
        (post(protobuf, b"").header("content-encoding", "zstd"), 415),
        (post(protobuf, &vec![0; (4 << 20) + 1]), 413),
        // 9 MiB in a few kibibytes.
        (post(protobuf, &gzip(&vec![0; 9 << 20])).header("content-encoding", "gzip"), 413),
    ] {
        let told = house.ask(ask).await;
        assert_eq!(told.status, status, "{}", told.text());
        let json = told.header("content-type") == "application/json";
        assert_eq!(json, told.body.starts_with(b"{"), "an answer is as its request was written");
    }
    let told = house.ask(Ask::post("/otlp/v1/logs").json("{").key(&house.agent)).await;
    assert_eq!(told.status, 400);
    assert_eq!(house.ask(post(protobuf, b"")).await.status, 200, "an empty request is one");
}

#[tokio::test]
async fn part_of_a_request_may_be_left_out() {
    let house = House::new().await;
    let action = traced(&house, &house.agent).await;
    let whole = request(&[span("good", 1), r#"{"name":"without ids"}"#.to_owned()]);
    let ask = Ask::post("/otlp/v1/traces").json(gzip(whole.as_bytes())).header("content-encoding", "gzip");
    let told = house.ask(ask.key(&house.agent)).await.good();
    assert_eq!(rejected(&told), "1");
    let text = told.json().get("partialSuccess").unwrap().get("errorMessage").unwrap().to_canonical();
    assert!(text.contains("ids"), "{text}");
    assert_eq!(names(&context(&house, &action, &house.operator).await), ["good"]);
    let many: Vec<String> =
        (1..=4_100).map(|number| format!(r#"{{"traceId":"{TRACE}","spanId":"{number:016x}"}}"#)).collect();
    assert_eq!(rejected(&house.ask(report(&many).key(&house.agent)).await.good()), "4");
}

#[tokio::test]
async fn events_join_by_call_and_prompt() {
    let house = House::new().await;
    let body = r#"{"request_id":"called","agent":{"id":"support-bot"},"correlation":{"call_id":"toolu_7"},
        "tool":{"server":"payments","name":"refund"},"payload":{"amount":1}}"#;
    let action = house.ask(Ask::post("/v1/actions").json(body).key(&house.agent)).await.good().member("action");
    let proposed = house.ask(Ask::get(&format!("/v1/actions/{action}/story")).key(&house.operator)).await.good().json();
    let time = proposed.get("summary").unwrap().get("time").unwrap().as_str().unwrap().to_owned();
    let time: countersign_evidence::time::Timestamp = time.parse().unwrap();
    let record = |name: &str, id: &str, value: &str| {
        format!(
            r#"{{"timeUnixNano":"{}","body":{{"stringValue":"{name}"}},"attributes":[
            {{"key":"{id}","value":{{"stringValue":"{value}"}}}},{{"key":"prompt.id","value":{{"stringValue":"p-1"}}}}]}}"#,
            time.as_micros() * 1_000
        )
    };
    let records =
        [record("claude_code.tool_result", "tool_use_id", "toolu_7"), record("claude_code.api_request", "model", "m")];
    let body = format!(r#"{{"resourceLogs":[{{"scopeLogs":[{{"logRecords":[{}]}}]}}]}}"#, records.join(","));
    let told = house.ask(Ask::post("/otlp/v1/logs").json(body).key(&house.agent)).await.good();
    assert!(json::parse(&told.body, Limits::default()).unwrap().as_object().unwrap().is_empty());
    let found = context(&house, &action, &house.operator).await;
    let mut links: Vec<_> = found.iter().map(|one| one.get("link").unwrap().as_str().unwrap()).collect();
    links.sort_unstable();
    assert_eq!(links, ["call", "prompt"]);
}
