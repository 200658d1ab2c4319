//! JSON-RPC lines of a client, through the real gateway, between a server that answers everything and a gate that says
//! nothing of use.

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use countersign_client::{Client, Transport};
use countersign_evidence::json::{Limits, Value, parse};
use countersign_evidence::key::Random;
use countersign_evidence::time::{Clock, Timestamp};
use countersign_mcp::{Pipes, Settings, serve};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, DuplexStream, duplex, split};
use tokio::runtime::{Builder, Runtime};

/// Longest line that the gateway takes here.
const MOST_LINE: usize = 4096;
/// More than anything said in one run, so that no writer waits for a reader.
const PIPE: usize = 4 << 20;
/// Most bytes and lines of one run.
const MOST_BYTES: usize = 64 << 10;
const MOST_LINES: usize = 64;

struct Fixed;

impl Clock for Fixed {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(1_700_000_000_000_000)
    }

    fn monotonic_us(&self) -> i64 {
        0
    }
}

#[derive(Default)]
struct Counter(AtomicU64);

impl Random for Counter {
    fn fill(&self, out: &mut [u8]) {
        let bytes = self.0.fetch_add(1, Ordering::Relaxed).to_be_bytes();
        out.iter_mut().rev().zip(bytes.iter().rev()).for_each(|(out, byte)| *out = *byte);
    }
}

/// No call reaches the server without a gate's word. What else reaches it is a line of the client, in canonical form. Whoever
/// asks gets one answer, whoever garbles gets one error, nobody else gets anything.
pub fn mcp(data: &[u8]) {
    let said: Vec<&[u8]> = data.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty()).collect();
    if data.len() > MOST_BYTES || said.len() > MOST_LINES {
        return;
    }
    let (client, server) = RUNTIME.with_borrow(|runtime| runtime.block_on(converse(data)));
    let read: Vec<Option<Value>> = said.iter().map(|line| read_line(line)).collect();
    check_server(&read, &server);
    let asked = read.iter().filter(|line| line.as_ref().is_none_or(is_request)).count();
    let cancels = read.iter().flatten().any(|line| method(line) == Some("notifications/cancelled"));
    assert!(client.len() == asked || (cancels && client.len() < asked), "{asked} wait, {} hear", client.len());
    for line in &client {
        let answer = read_line(line.as_bytes()).expect("the client hears messages");
        assert!(is_response(&answer), "the client hears an answer: {line}");
        let error = answer.get("error").is_some();
        assert!(error || read.iter().flatten().any(|asked| asked.get("id") == answer.get("id")), "unasked: {line}");
    }
}

fn check_server(said: &[Option<Value>], heard: &[String]) {
    for line in heard {
        let message = read_line(line.as_bytes()).expect("the server hears messages");
        assert_eq!(&message.to_canonical(), line, "in canonical form");
        assert_ne!(method(&message), Some("tools/call"), "a call reached the server without the gate's word");
        let own = message.get("id").and_then(Value::as_str).is_some_and(|id| id.starts_with("countersign-"));
        let passed = said.iter().flatten().any(|said| *said == message);
        assert!(passed || (own && method(&message) == Some("tools/list")), "nobody said {line}");
    }
    for said in said.iter().flatten().filter(|said| said.get("id").is_none() && method(said).is_some()) {
        let held_back = matches!(method(said), Some("tools/call" | "notifications/cancelled"));
        assert!(held_back || heard.contains(&said.to_canonical()), "a notification was lost");
    }
}

/// A second reading of what a message is (JSON-RPC 2.0 §4 and §5, MCP "Messages").
fn read_line(line: &[u8]) -> Option<Value> {
    let value = parse(line, Limits { bytes: MOST_LINE, depth: 64 }).ok()?;
    let answers = ["result", "error"].into_iter().filter(|name| value.get(name).is_some()).count();
    let has_id = match value.get("id") {
        None => true,
        Some(Value::Null) => value.get("error").is_some(),
        Some(Value::Number(number)) => {
            let decimal = number.decimal();
            decimal.digits.is_empty() || decimal.digits.len() as i64 <= decimal.point
        }
        Some(id) => id.as_str().is_some(),
    };
    let has_kind = match value.get("method") {
        Some(method) => method.as_str().is_some() && answers == 0,
        None => answers == 1,
    };
    let good = text(&value, "jsonrpc") == Some("2.0") && has_id && has_kind && !is_lookalike(&value);
    good.then_some(value)
}

/// Names and methods that a reader without regard to case takes for others.
fn is_lookalike(value: &Value) -> bool {
    const KNOWN: [&str; 6] = ["error", "id", "jsonrpc", "method", "params", "result"];
    let lower = |text: &str| text.to_uppercase().to_lowercase();
    let members = value.as_object().into_iter().flat_map(|object| object.iter().map(|(name, _)| name));
    let method = text(value, "method").unwrap_or_default();
    let odd = method != "tools/call" && lower(method.trim()) == "tools/call";
    odd || members.into_iter().any(|name| !KNOWN.contains(&name) && KNOWN.contains(&lower(name).as_str()))
}

fn text<'a>(value: &'a Value, name: &str) -> Option<&'a str> {
    value.get(name).and_then(Value::as_str)
}

fn method(value: &Value) -> Option<&str> {
    text(value, "method")
}

fn is_request(value: &Value) -> bool {
    method(value).is_some() && value.get("id").is_some()
}

fn is_response(value: &Value) -> bool {
    method(value).is_none()
}

thread_local! {
    static RUNTIME: RefCell<Runtime> =
        RefCell::new(Builder::new_current_thread().enable_all().build().expect("a runtime can be had"));
}

/// What the client and what the server hear when the client says `data` and hangs up.
async fn converse(data: &[u8]) -> (Vec<String>, Vec<String>) {
    // An empty 200. No answer at all would be asked for again, after a pause.
    let gate = Transport::InProcess(Arc::new(|_| Box::pin(async { Ok(Default::default()) })));
    let mut settings = Settings::new("files", Client::new(gate, None), Arc::new(Counter::default()), Arc::new(Fixed));
    settings.most_line = MOST_LINE;
    let (mut client, gateway_client) = duplex(PIPE);
    let (server, gateway_server) = duplex(PIPE);
    let (from_client, to_client) = split(gateway_client);
    let (from_server, to_server) = split(gateway_server);
    client.write_all(data).await.expect("the gateway listens");
    client.shutdown().await.expect("the gateway listens");
    let pipes = Pipes { from_client, to_client, from_server, to_server };
    let gateway = tokio::spawn(serve(settings, pipes, std::future::pending()));
    let heard_by_server = answer_all(server).await;
    gateway.await.expect("the gateway does not panic").expect("the gateway ends well");
    let mut heard = String::new();
    client.read_to_string(&mut heard).await.expect("the client hears text");
    (heard.lines().map(str::to_owned).collect(), heard_by_server)
}

/// A server that answers every request, until it hears the end.
async fn answer_all(server: DuplexStream) -> Vec<String> {
    let (reader, mut writer) = split(server);
    let mut lines = BufReader::new(reader).lines();
    let mut heard = Vec::new();
    while let Some(line) = lines.next_line().await.expect("the gateway writes text") {
        if let Some(id) = read_line(line.as_bytes()).filter(is_request).as_ref().and_then(|value| value.get("id")) {
            let answer = format!("{{\"id\":{},\"jsonrpc\":\"2.0\",\"result\":{{\"tools\":[]}}}}\n", id.to_canonical());
            writer.write_all(answer.as_bytes()).await.expect("the gateway listens");
        }
        heard.push(line);
    }
    heard
}
