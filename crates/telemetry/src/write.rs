//! Actions that ended, as the spans of an export request: the conventions for GenAI and MCP, and ours below `countersign.`.

use countersign_evidence::trace::{SpanId, place_of};
use countersign_gate::Ended;
use countersign_index::decision_name;
use prost::{Message, Oneof};

#[derive(Message)]
struct Request {
    #[prost(message, repeated, tag = "1")]
    resource_spans: Vec<ResourceSpans>,
}

#[derive(Message)]
struct ResourceSpans {
    #[prost(message, optional, tag = "1")]
    resource: Option<Resource>,
    #[prost(message, repeated, tag = "2")]
    scope_spans: Vec<ScopeSpans>,
}

#[derive(Message)]
struct Resource {
    #[prost(message, repeated, tag = "1")]
    attributes: Vec<KeyValue>,
}

#[derive(Message)]
struct ScopeSpans {
    #[prost(message, optional, tag = "1")]
    scope: Option<Scope>,
    #[prost(message, repeated, tag = "2")]
    spans: Vec<Span>,
}

#[derive(Message)]
struct Scope {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, tag = "2")]
    version: String,
}

#[derive(Message)]
struct Span {
    #[prost(bytes = "vec", tag = "1")]
    trace_id: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    span_id: Vec<u8>,
    #[prost(bytes = "vec", tag = "4")]
    parent_span_id: Vec<u8>,
    #[prost(string, tag = "5")]
    name: String,
    #[prost(int32, tag = "6")]
    kind: i32,
    #[prost(fixed64, tag = "7")]
    start_time_unix_nano: u64,
    #[prost(fixed64, tag = "8")]
    end_time_unix_nano: u64,
    #[prost(message, repeated, tag = "9")]
    attributes: Vec<KeyValue>,
    #[prost(message, optional, tag = "15")]
    status: Option<Status>,
}

#[derive(Message)]
struct Status {
    #[prost(int32, tag = "3")]
    code: i32,
}

#[derive(Message)]
struct KeyValue {
    #[prost(string, tag = "1")]
    key: String,
    #[prost(message, optional, tag = "2")]
    value: Option<AnyValue>,
}

#[derive(Message)]
struct AnyValue {
    #[prost(oneof = "Of", tags = "1, 3")]
    of: Option<Of>,
}

#[derive(Oneof)]
enum Of {
    #[prost(string, tag = "1")]
    Text(String),
    #[prost(int64, tag = "3")]
    Number(i64),
}

/// `SPAN_KIND_INTERNAL`, as the conventions want it for `execute_tool`.
const INTERNAL: i32 = 1;
const ERROR: i32 = 2;

/// An export request in protobuf with a span for each action. `service` is the resource's name.
pub fn spans_of(ended: &[Ended], service: &str) -> Vec<u8> {
    let version = env!("CARGO_PKG_VERSION");
    let resource = Resource { attributes: vec![text("service.name", service), text("service.version", version)] };
    let scope = Scope { name: "countersign".to_owned(), version: version.to_owned() };
    let spans = ended.iter().map(span).collect();
    let scope_spans = vec![ScopeSpans { scope: Some(scope), spans }];
    Request { resource_spans: vec![ResourceSpans { resource: Some(resource), scope_spans }] }.encode_to_vec()
}

fn span(ended: &Ended) -> Span {
    let (trace, parent) = place_of(ended.action, &ended.correlation);
    let nanos = |time: countersign_evidence::time::Timestamp| time.as_micros().unsigned_abs().saturating_mul(1_000);
    Span {
        trace_id: trace.as_bytes().to_vec(),
        span_id: SpanId::of_action(ended.action).as_bytes().to_vec(),
        parent_span_id: parent.map_or_else(Vec::new, |parent| parent.as_bytes().to_vec()),
        name: format!("execute_tool {}", ended.tool.name),
        kind: INTERNAL,
        start_time_unix_nano: nanos(ended.proposed),
        end_time_unix_nano: nanos(ended.ended),
        attributes: attributes(ended),
        status: ended.error.is_some().then_some(Status { code: ERROR }),
    }
}

fn attributes(ended: &Ended) -> Vec<KeyValue> {
    let correlation = &ended.correlation;
    let conversation = correlation.conversation_id.as_ref().or(correlation.session_id.as_ref());
    let mut attributes = vec![
        text("gen_ai.operation.name", "execute_tool"),
        text("gen_ai.tool.name", &ended.tool.name),
        text("gen_ai.agent.id", &ended.agent),
        text("countersign.action.id", &ended.action.to_string()),
        text("countersign.tool.server", &ended.tool.server),
        text("countersign.category", &ended.category),
        text("countersign.environment", &ended.environment),
        text("countersign.state", ended.state.as_str()),
        text("countersign.payload.sha256", &ended.payload.to_string()),
        number("countersign.risk", i64::from(ended.risk)),
    ];
    let mut add = |name: &str, value: Option<&str>| attributes.extend(value.map(|value| text(name, value)));
    add("gen_ai.tool.call.id", correlation.call_id.as_deref());
    add("gen_ai.conversation.id", conversation.map(String::as_str));
    add("mcp.method.name", (ended.via == "mcp").then_some("tools/call"));
    add("error.type", ended.error.as_deref());
    add("countersign.decision", ended.decision.map(decision_name));
    add("countersign.policy.version", ended.policy.as_deref());
    attributes.extend(ended.waited_us.map(|waited| number("countersign.wait_ms", waited / 1_000)));
    attributes
}

fn text(name: &str, value: &str) -> KeyValue {
    KeyValue { key: name.to_owned(), value: Some(AnyValue { of: Some(Of::Text(value.to_owned())) }) }
}

fn number(name: &str, value: i64) -> KeyValue {
    KeyValue { key: name.to_owned(), value: Some(AnyValue { of: Some(Of::Number(value)) }) }
}
