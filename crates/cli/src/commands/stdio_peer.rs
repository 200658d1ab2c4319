//! A small MCP client over the stdio of a child process: the demo's agent, and what the benchmark measures with.

use std::process::Stdio;
use std::time::Duration;

use countersign_evidence::json::{self, Limits, Number, Object, Value};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use crate::error::Failure;

/// How long a server may take to answer: at the start a package may have to be fetched.
const PATIENCE: Duration = Duration::from_secs(90);
/// How long a server may take to end once nobody talks to it.
const PARTING: Duration = Duration::from_secs(10);

/// A server, or a gateway before one, and the client's side of the talk.
pub(super) struct StdioPeer {
    child: Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
    next: i64,
}

/// The server does not answer as it should.
pub(super) fn broken(what: impl std::fmt::Display) -> Failure {
    Failure::No(format!("the MCP server does not answer: {what}"))
}

impl StdioPeer {
    /// Starts a server and shakes hands (legacy era) as `client`.
    pub(super) async fn start(mut command: Command, client: &str) -> Result<Self, Failure> {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true);
        let mut child = command.spawn().map_err(broken)?;
        let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(broken("it has no standard streams"));
        };
        let mut peer = StdioPeer { child, input, output: BufReader::new(output).lines(), next: 0 };
        let client = Object::from_iter([("name", client), ("version", "1")]);
        let hello = Object::from_iter([
            ("protocolVersion", Value::from("2025-11-25")),
            ("capabilities", Value::Object(Object::new())),
            ("clientInfo", Value::Object(client)),
        ]);
        peer.request("initialize", hello).await?;
        peer.send("notifications/initialized", None, None).await?;
        Ok(peer)
    }

    /// Calls a tool; its result.
    pub(super) async fn call(&mut self, tool: &str, arguments: &[(&str, &str)]) -> Result<Value, Failure> {
        let arguments: Object = arguments.iter().copied().collect();
        let params = Object::from_iter([("name", Value::from(tool)), ("arguments", Value::Object(arguments))]);
        self.request("tools/call", params).await
    }

    async fn request(&mut self, method: &str, params: Object) -> Result<Value, Failure> {
        self.next += 1;
        let id = self.next;
        self.send(method, Some(params), Some(id)).await?;
        let answer = tokio::time::timeout(PATIENCE, self.answer(id)).await;
        answer.map_err(|_| broken(format!("nothing came within {} s", PATIENCE.as_secs())))?
    }

    async fn answer(&mut self, id: i64) -> Result<Value, Failure> {
        loop {
            let line = self.output.next_line().await.map_err(broken)?.ok_or_else(|| broken("it ended"))?;
            let message = json::parse(line.as_bytes(), Limits { bytes: 16 << 20, depth: 128 }).map_err(broken)?;
            // A server may ask for the client's folders; this client has none to offer.
            if message.get("id").and_then(Value::as_number).and_then(Number::as_i64) != Some(id) {
                continue;
            }
            if let Some(error) = message.get("error") {
                return Err(broken(error.to_canonical()));
            }
            return message.get("result").cloned().ok_or_else(|| broken("an answer without a result"));
        }
    }

    async fn send(&mut self, method: &str, params: Option<Object>, id: Option<i64>) -> Result<(), Failure> {
        let mut message = Object::from_iter([("jsonrpc", "2.0"), ("method", method)]);
        if let Some(params) = params {
            message.insert("params", params);
        }
        if let Some(id) = id {
            message.insert("id", id);
        }
        let line = Value::Object(message).to_canonical() + "\n";
        self.input.write_all(line.as_bytes()).await.map_err(broken)?;
        self.input.flush().await.map_err(broken)
    }

    /// Hangs up, and waits until the server has ended.
    pub(super) async fn stop(mut self) {
        drop(self.input);
        let _ = tokio::time::timeout(PARTING, self.child.wait()).await;
    }
}
