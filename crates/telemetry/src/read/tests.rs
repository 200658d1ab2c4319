#![allow(clippy::unwrap_used)]
//! Both encodings against messages that prost writes and JSON as SDKs write it.

use countersign_evidence::json::{Object, Value};
use countersign_evidence::time::Timestamp;
use countersign_index::runtime::{ReportKind, ReportStatus};
use countersign_wire::State;
use proptest::prelude::*;

use super::*;

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const SPAN: &str = "b7ad6b7169203331";

fn traces_json(span: &str) -> String {
    format!(
        r#"{{"resourceSpans":[{{"resource":{{"attributes":[
            {{"key":"service.name","value":{{"stringValue":"planner"}}}},
            {{"key":"host.name","value":{{"stringValue":"laptop"}}}}]}},
          "scopeSpans":[{{"scope":{{"name":"x"}},"spans":[{span}]}}]}}],"later":1}}"#
    )
}

fn json(span: &str, kept: Kept) -> Result<Batch, ReadError> {
    read(Signal::Traces, Encoding::Json, traces_json(span).as_bytes(), kept)
}

/// Protobuf by hand: a field with its length before it.
fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
    let mut out = vec![number << 3 | 2];
    let mut length = bytes.len();
    while length > 0x7f {
        out.push(0x80 | (length & 0x7f) as u8);
        length >>= 7;
    }
    out.push(length as u8);
    out.extend(bytes);
    out
}

fn pair(name: &str, value: &[u8]) -> Vec<u8> {
    [field(1, name.as_bytes()), field(2, value)].concat()
}

fn protobuf(span: &[u8]) -> Vec<u8> {
    let resource = field(1, &field(1, &pair("service.name", &field(1, b"planner"))));
    // The resource stands last, which protobuf allows.
    field(1, &[field(2, &field(2, span)), resource].concat())
}

fn ids() -> Vec<u8> {
    let hex = |text: &str| -> Vec<u8> {
        (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
    };
    [field(1, &hex(TRACE)), field(2, &hex(SPAN))].concat()
}

#[test]
fn both_encodings_say_the_same() {
    let span = format!(
        r#"{{"traceId":"{}","spanId":"{SPAN}","parentSpanId":"00f067aa0ba902b7","name":"chat gpt?token=s3cret","kind":3,
            "startTimeUnixNano":"1790000000000001000","endTimeUnixNano":1790000000002001999,"flags":257,
            "status":{{"code":2,"message":"card 4111 declined"}},"events":[{{"name":"e"}}],"attributes":[
            {{"key":"gen_ai.request.model","value":{{"stringValue":"gpt-5"}}}},
            {{"key":"gen_ai.usage.input_tokens","value":{{"intValue":"12"}}}},
            {{"key":"gen_ai.response.finish_reasons","value":{{"arrayValue":{{"values":[{{"stringValue":"stop"}},{{"intValue":3}}]}}}}}},
            {{"key":"gen_ai.tool.call.id","value":{{"stringValue":"call_7"}}}},
            {{"key":"gen_ai.conversation.id","value":{{"stringValue":"conv 7"}}}},
            {{"key":"session.id","value":{{"stringValue":"run-7"}}}},
            {{"key":"gen_ai.input.messages","value":{{"stringValue":"my secret"}}}},
            {{"key":"user.email","value":{{"stringValue":"alice@example.com"}}}}]}}"#,
        TRACE.to_ascii_uppercase()
    );
    let from_json = json(&span, Kept::default()).unwrap();
    let fixed = |number: u8, value: u64| [vec![number << 3 | 1], value.to_le_bytes().to_vec()].concat();
    let list = field(5, &[field(1, &field(1, b"stop")), field(1, &[0x18, 3])].concat());
    let span = [
        ids(),
        field(4, &[0x00, 0xf0, 0x67, 0xaa, 0x0b, 0xa9, 0x02, 0xb7]),
        field(5, b"chat gpt"),
        vec![0x30, 3],
        fixed(7, 1_790_000_000_000_001_000),
        fixed(8, 1_790_000_000_002_001_999),
        field(9, &pair("gen_ai.request.model", &field(1, b"gpt-5"))),
        field(9, &pair("gen_ai.usage.input_tokens", &[0x18, 12])),
        field(9, &pair("gen_ai.response.finish_reasons", &list)),
        field(9, &pair("gen_ai.tool.call.id", &field(1, b"call_7"))),
        field(9, &pair("gen_ai.conversation.id", &field(1, b"conv 7"))),
        field(9, &pair("session.id", &field(1, b"run-7"))),
        field(9, &pair("gen_ai.input.messages", &field(1, b"my secret"))),
        field(9, &pair("user.email", &field(1, b"alice@example.com"))),
        // status, and flags (fixed32, number 16).
        [vec![0x7a], field(15, &[field(2, b"card 4111 declined"), vec![0x18, 2]].concat())[1..].to_vec()].concat(),
        vec![0x85, 0x01, 1, 1, 0, 0],
    ]
    .concat();
    let from_protobuf = read(Signal::Traces, Encoding::Protobuf, &protobuf(&span), Kept::default()).unwrap();
    assert_eq!(from_protobuf, from_json);
    let [report] = from_json.reports.as_slice() else { panic!("{from_json:?}") };
    assert_eq!(report.trace.unwrap().to_string(), TRACE);
    assert_eq!((report.started, report.duration_us), (Timestamp::from_micros(1_790_000_000_000_001), Some(2_000)));
    assert_eq!((report.status, report.about_agents, report.kind), (ReportStatus::Error, true, ReportKind::Span));
    assert_eq!(
        (report.call.as_deref(), report.session.as_deref(), &report.conversation),
        (Some("call_7"), Some("run-7"), &None)
    );
    let facts: Vec<_> = report.facts.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    let expected = [
        ("gen_ai.request.model", "gpt-5"),
        ("gen_ai.response.finish_reasons", "stop, 3"),
        ("gen_ai.usage.input_tokens", "12"),
        ("service.name", "planner"),
    ];
    assert_eq!(facts, expected, "no prompt, no person, no host, no message of an error");
}

#[test]
fn content_is_kept_where_that_is_configured_and_cut() {
    let span = format!(
        r#"{{"traceId":"{TRACE}","spanId":"{SPAN}","name":"{}","attributes":[
            {{"key":"gen_ai.tool.call.arguments","value":{{"kvlistValue":{{"values":[
                {{"key":"to","value":{{"stringValue":"bob"}}}},{{"key":"n","value":{{"doubleValue":1.5}}}}]}}}}}},
            {{"key":"prompt","value":{{"stringValue":"{}"}}}},{{"key":"user.email","value":{{"stringValue":"x"}}}}]}}"#,
        "é".repeat(200),
        "é".repeat(4_000)
    );
    let batch = json(&span, Kept { content: true }).unwrap();
    let facts = &batch.reports[0].facts;
    assert_eq!(facts["gen_ai.tool.call.arguments"], "to: bob, n: 1.5");
    assert_eq!((facts["prompt"].len(), batch.reports[0].name.len()), (4_096, 256));
    assert!(!facts.contains_key("user.email"));
}

#[test]
fn what_lacks_its_ids_is_left_out_and_the_rest_is_taken() {
    let zero = "0".repeat(32);
    let spans = format!(
        r#"{{"traceId":"{zero}","spanId":"{SPAN}"}},{{"traceId":"{TRACE}"}},{{}},{{"traceId":"abc","spanId":"{SPAN}"}},
           {{"traceId":"{TRACE}","spanId":"{SPAN}"}}"#
    );
    let batch = json(&spans, Kept::default()).unwrap();
    assert_eq!((batch.reports.len(), batch.left_out), (1, 4));
    let empty = [0x12, 0].repeat(10_000);
    let batch = read(Signal::Traces, Encoding::Protobuf, &field(1, &field(2, &empty)), Kept::default()).unwrap();
    assert_eq!((batch.reports.len(), batch.left_out), (0, 10_000));
    let many = field(2, &ids()).repeat(MOST_REPORTS + 5);
    let batch = read(Signal::Traces, Encoding::Protobuf, &field(1, &field(2, &many)), Kept::default()).unwrap();
    assert_eq!((batch.reports.len(), batch.left_out), (MOST_REPORTS, 5));
}

#[test]
fn what_does_not_read_is_refused() {
    for bad in
        ["{", "[]", r#"{"resourceSpans":{}}"#, r#"{"resourceSpans":[7]}"#, r#"{"resourceSpans":[],"resourceSpans":[]}"#]
    {
        assert!(read(Signal::Traces, Encoding::Json, bad.as_bytes(), Kept::default()).is_err(), "{bad}");
    }
    for bad in [
        r#"{"traceId":7}"#,
        r#"{"startTimeUnixNano":"soon"}"#,
        r#"{"status":{"code":"ERROR"}}"#,
        r#"{"attributes":[{"key":7}]}"#,
    ] {
        assert!(json(bad, Kept::default()).is_err(), "{bad}");
    }
    let mut deep = field(1, b"x");
    for _ in 0..20 {
        deep = field(5, &field(1, &deep));
    }
    let deep = protobuf(&[ids(), field(9, &pair("model", &deep))].concat());
    for bad in [
        &[0x0a, 5, 1][..],
        &[0x0a],
        &[0x0b, 1],
        &[0x02, 0],
        &[0x80; 11],
        &[0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1],
        &protobuf(&field(5, &[0xff])),
        &protobuf(&[0x08, 1]),
        &deep,
    ] {
        assert!(read(Signal::Traces, Encoding::Protobuf, bad, Kept::default()).is_err(), "{bad:?}");
    }
    assert_eq!(read(Signal::Traces, Encoding::Protobuf, b"", Kept::default()).unwrap(), Batch::default());
}

#[test]
fn events_have_a_name_and_an_id_that_ties_them() {
    let logs = |record: &str| {
        let text = format!(r#"{{"resourceLogs":[{{"scopeLogs":[{{"logRecords":[{record}]}}]}}]}}"#);
        read(Signal::Logs, Encoding::Json, text.as_bytes(), Kept::default()).unwrap()
    };
    let batch = logs(
        r#"{"timeUnixNano":"0","observedTimeUnixNano":"5000","body":{"stringValue":"claude_code.tool_result"},"attributes":[
            {"key":"session.id","value":{"stringValue":"run-7"}},{"key":"prompt.id","value":{"stringValue":"p-7"}},
            {"key":"tool_use_id","value":{"stringValue":"toolu_7"}},{"key":"success","value":{"stringValue":"false"}},
            {"key":"duration_ms","value":{"intValue":"42"}}]}"#,
    );
    let [event] = batch.reports.as_slice() else { panic!("{batch:?}") };
    assert_eq!(
        (event.name.as_str(), event.kind, event.status),
        ("claude_code.tool_result", ReportKind::Event, ReportStatus::Error)
    );
    assert_eq!((event.started, event.duration_us), (Timestamp::from_micros(5), Some(42_000)));
    assert_eq!((event.prompt.as_deref(), event.call.as_deref()), (Some("p-7"), Some("toolu_7")));
    let said = r#"{"body":{"stringValue":"Dear Alice, your card"},"attributes":[{"key":"session.id","value":{"stringValue":"s"}}]}"#;
    assert_eq!(logs(said).reports[0].name, "event", "a body is what somebody wrote");
    assert_eq!(logs(r#"{"body":{"stringValue":"started"}}"#).left_out, 1, "nothing ties it to anything");
}

#[test]
fn what_is_written_is_read_back() {
    let ended = countersign_gate::Ended {
        action: uuid::Uuid::from_u128(7),
        agent: "billing".to_owned(),
        tool: countersign_evidence::record::ToolRef { name: "refund".into(), server: "shop".into(), definition: None },
        via: "mcp".to_owned(),
        category: "payment".to_owned(),
        environment: "production".to_owned(),
        correlation: countersign_evidence::record::Correlation {
            trace_id: Some(TRACE.to_owned()),
            span_id: Some(SPAN.to_owned()),
            call_id: Some("call_7".to_owned()),
            session_id: Some("run-7".to_owned()),
            ..Default::default()
        },
        decision: Some(countersign_evidence::record::Decision::Review),
        policy: Some("v1".to_owned()),
        risk: 70,
        payload: countersign_evidence::digest::Digest::of(b"sealed"),
        proposed: Timestamp::from_micros(1_790_000_000_000_000),
        ended: Timestamp::from_micros(1_790_000_000_500_000),
        waited_us: Some(400_000),
        state: State::Failed,
        error: Some("tool_error".to_owned()),
    };
    let bytes = crate::spans_of(std::slice::from_ref(&ended), "gate");
    let batch = read(Signal::Traces, Encoding::Protobuf, &bytes, Kept::default()).unwrap();
    let [report] = batch.reports.as_slice() else { panic!("{batch:?}") };
    assert_eq!(
        (report.name.as_str(), report.duration_us, report.status),
        ("execute_tool refund", Some(500_000), ReportStatus::Error)
    );
    assert_eq!(report.parent.unwrap().to_string(), SPAN);
    assert_eq!((report.call.as_deref(), report.conversation.as_deref()), (Some("call_7"), Some("run-7")));
    assert_eq!(
        (report.facts["mcp.method.name"].as_str(), report.facts["error.type"].as_str()),
        ("tools/call", "tool_error")
    );
    assert!(
        !report.facts.keys().any(|name| name.starts_with("countersign.")),
        "what this gate says comes from its log"
    );
}

#[test]
fn answers_say_what_was_left_out() {
    assert_eq!(Encoding::Protobuf.taken(Signal::Traces, 0, "x"), b"");
    assert_eq!(Encoding::Json.taken(Signal::Traces, 0, "x"), b"{}");
    let told = crate::rejected(&Encoding::Protobuf.taken(Signal::Traces, 3, "no ids"));
    assert_eq!(told, Some((3, "no ids".to_owned())));
    let mut partial = Object::new();
    partial.insert("rejectedLogRecords", "3");
    partial.insert("errorMessage", "no ids");
    let mut whole = Object::new();
    whole.insert("partialSuccess", partial);
    let told = Encoding::Json.taken(Signal::Logs, 3, "no ids");
    assert_eq!(String::from_utf8(told).unwrap(), Value::from(whole).to_canonical());
}

proptest! {
    #[test]
    fn foreign_bytes_are_refused_or_read_but_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        for signal in [Signal::Traces, Signal::Logs] {
            let _ = read(signal, Encoding::Protobuf, &bytes, Kept { content: true });
            let _ = read(signal, Encoding::Protobuf, &protobuf(&bytes), Kept { content: true });
            let _ = read(signal, Encoding::Json, &bytes, Kept { content: true });
        }
    }
}
