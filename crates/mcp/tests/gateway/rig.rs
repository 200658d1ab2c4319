//! The gateway under test, with both of its ends in hand.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use countersign_evidence::json::{Limits, Value, parse};
use countersign_evidence::key::Random;
use countersign_evidence::time::{Clock, Timestamp};
use countersign_mcp::{Error, HoldPolicy, Pipes, Settings, serve};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, DuplexStream, ReadHalf, WriteHalf, duplex, split};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::fake_gate::FakeGate;

/// Counts up: ids differ, and nothing else matters here.
#[derive(Default)]
pub(crate) struct Counter(AtomicU64);

impl Random for Counter {
    fn fill(&self, out: &mut [u8]) {
        let bytes = self.0.fetch_add(1, Ordering::SeqCst).to_be_bytes();
        for (at, byte) in out.iter_mut().rev().zip(bytes.iter().rev()) {
            *at = *byte;
        }
    }
}

/// Real time, as tokio tells it: it stands still where a test pauses it.
pub(crate) struct TokioClock(tokio::time::Instant);

impl Clock for TokioClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(1_700_000_000_000_000 + self.monotonic_us())
    }

    fn monotonic_us(&self) -> i64 {
        i64::try_from(self.0.elapsed().as_micros()).unwrap()
    }
}

/// One end of the gateway: what a client or a server has in its hands.
pub(crate) struct End {
    reader: BufReader<ReadHalf<DuplexStream>>,
    writer: Option<WriteHalf<DuplexStream>>,
}

impl End {
    pub(crate) async fn send(&mut self, line: &str) {
        self.send_bytes(line.as_bytes()).await;
    }

    pub(crate) async fn send_bytes(&mut self, line: &[u8]) {
        let writer = self.writer.as_mut().unwrap();
        writer.write_all(line).await.unwrap();
        writer.write_all(b"\n").await.unwrap();
        writer.flush().await.unwrap();
    }

    /// The next line, as text; `None` at the end.
    pub(crate) async fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        let read =
            timeout(Duration::from_secs(60), self.reader.read_line(&mut line)).await.expect("no line came").unwrap();
        (read > 0).then(|| line.trim_end_matches('\n').to_owned())
    }

    /// The next message.
    pub(crate) async fn next(&mut self) -> Value {
        json(&self.line().await.expect("the stream ended"))
    }

    /// Nothing comes for a while.
    pub(crate) async fn silence(&mut self) {
        let mut line = String::new();
        let read = timeout(Duration::from_millis(150), self.reader.read_line(&mut line)).await;
        assert!(read.is_err(), "unexpected: {line}");
    }

    /// Closes what it says; it still hears.
    pub(crate) async fn hang_up(&mut self) {
        self.writer.take().unwrap().shutdown().await.unwrap();
    }
}

pub(crate) struct Rig {
    pub(crate) gate: Arc<FakeGate>,
    pub(crate) client: End,
    pub(crate) server: End,
    pub(crate) hurry: Option<oneshot::Sender<()>>,
    pub(crate) ended: JoinHandle<Result<(), Error>>,
}

/// The tools that the scripted server has.
pub(crate) const TOOLS: &str = r#"[{"annotations":{"readOnlyHint":true},"name":"allow"},{"annotations":{"destructiveHint":false},"name":"wait"},{"name":"deny"}]"#;

impl Rig {
    /// A gateway whose client has listed the tools already.
    pub(crate) async fn new() -> Self {
        Rig::with(|_| {}).await
    }

    pub(crate) async fn with(change: impl FnOnce(&mut Settings)) -> Self {
        let mut rig = Rig::bare(change);
        rig.client.send(r#"{"id":"list","jsonrpc":"2.0","method":"tools/list"}"#).await;
        assert_eq!(rig.server.line().await.unwrap(), r#"{"id":"list","jsonrpc":"2.0","method":"tools/list"}"#);
        rig.server.send(&format!(r#"{{"id":"list","jsonrpc":"2.0","result":{{"tools":{TOOLS}}}}}"#)).await;
        rig.client.line().await.unwrap();
        rig
    }

    /// A gateway that has seen nothing yet.
    pub(crate) fn bare(change: impl FnOnce(&mut Settings)) -> Self {
        let gate = FakeGate::new();
        let clock = Arc::new(TokioClock(tokio::time::Instant::now()));
        let mut settings = Settings::new("files", gate.client(), Arc::new(Counter::default()), clock);
        settings.hold = HoldPolicy::Fixed(Duration::from_secs(30));
        settings.grace = Duration::from_millis(200);
        change(&mut settings);
        let (client, gateway_client) = duplex(4 << 20);
        let (server, gateway_server) = duplex(4 << 20);
        let (from_client, to_client) = split(gateway_client);
        let (from_server, to_server) = split(gateway_server);
        let (hurry, hurried) = oneshot::channel::<()>();
        let hurried = async move {
            if hurried.await.is_err() {
                std::future::pending::<()>().await;
            }
        };
        let ended = tokio::spawn(serve(settings, Pipes { from_client, to_client, from_server, to_server }, hurried));
        Rig { gate, client: end(client), server: end(server), hurry: Some(hurry), ended }
    }

    /// Sends a call of `tool` with these arguments.
    pub(crate) async fn call(&mut self, id: i64, tool: &str, arguments: &str) {
        self.client.send(&call(id, tool, arguments)).await;
    }

    /// Both streams end, and the gateway with them.
    pub(crate) async fn close(mut self) {
        if self.client.writer.is_some() {
            self.client.hang_up().await;
        }
        while self.server.line().await.is_some() {}
        if self.server.writer.is_some() {
            self.server.hang_up().await;
        }
        timeout(Duration::from_secs(30), self.ended).await.expect("the gateway did not end").unwrap().unwrap();
    }
}

fn end(stream: DuplexStream) -> End {
    let (reader, writer) = split(stream);
    End { reader: BufReader::new(reader), writer: Some(writer) }
}

pub(crate) fn call(id: i64, tool: &str, arguments: &str) -> String {
    format!(
        r#"{{"id":{id},"jsonrpc":"2.0","method":"tools/call","params":{{"arguments":{arguments},"name":"{tool}"}}}}"#
    )
}

pub(crate) fn result(id: i64, text: &str) -> String {
    format!(r#"{{"id":{id},"jsonrpc":"2.0","result":{{"content":[{{"text":"{text}","type":"text"}}]}}}}"#)
}

pub(crate) fn json(text: &str) -> Value {
    parse(text.as_bytes(), Limits { bytes: 64 << 20, depth: 200 }).unwrap()
}

/// `a.b.0.c` of a value, as canonical text.
pub(crate) fn at(value: &Value, path: &str) -> String {
    let step = |value: &Value, name: &str| match name.parse::<usize>() {
        Ok(index) if value.as_array().is_some() => value.as_array().unwrap().get(index).cloned(),
        _ => value.get(name).cloned(),
    };
    let found = path.split('.').try_fold(value.clone(), |value, name| step(&value, name));
    found.map_or_else(|| "nothing".to_owned(), |found| found.to_canonical())
}
