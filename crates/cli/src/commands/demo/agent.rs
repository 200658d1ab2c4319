//! The demo's agent: a small MCP client over the stdio of `countersign mcp`.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use countersign_evidence::json::{self, Limits, Object, Value};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use crate::error::Failure;

/// How long the server may take to start: a package may have to be fetched.
const PATIENCE: Duration = Duration::from_secs(90);

/// An MCP client, and the gateway that it talks to.
pub(super) struct Agent {
    child: Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
    next: i64,
}

/// What a tool answered.
pub(super) struct ToolAnswer {
    /// Whether it is an error, such as a denial.
    pub(super) is_error: bool,
    /// The text for the model.
    pub(super) text: String,
}

fn broken(what: impl std::fmt::Display) -> Failure {
    Failure::No(format!("the MCP server behind the gate does not answer: {what}"))
}

impl Agent {
    /// Starts `countersign mcp` in front of `server` and shakes hands.
    pub(super) async fn start(data: &Path, server: &[String]) -> Result<Self, Failure> {
        let own = std::env::current_exe().map_err(broken)?;
        let mut command = Command::new(own);
        // Where the viewer has a gate and a key already, they are not the demo's.
        let named = std::env::vars_os().map(|(name, _)| name);
        for name in named.filter(|name| name.as_encoded_bytes().starts_with(b"COUNTERSIGN_")) {
            command.env_remove(name);
        }
        let mut child = command
            .args(["mcp", "--server", "files", "--agent", "demo-agent", "--user", "demo-user", "--hold", "0", "--data"])
            .arg(data)
            .arg("--")
            .args(server)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .map_err(broken)?;
        let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(broken("it has no standard streams"));
        };
        let mut agent = Agent { child, input, output: BufReader::new(output).lines(), next: 0 };
        let client = Object::from_iter([("name", "demo-agent"), ("version", "1")]);
        let hello = Object::from_iter([
            ("protocolVersion", Value::from("2025-11-25")),
            ("capabilities", Value::Object(Object::new())),
            ("clientInfo", Value::Object(client)),
        ]);
        agent.request("initialize", hello).await?;
        agent.send("notifications/initialized", None, None).await?;
        Ok(agent)
    }

    /// Calls a tool.
    pub(super) async fn call(&mut self, tool: &str, arguments: &[(&str, &str)]) -> Result<ToolAnswer, Failure> {
        let arguments: Object = arguments.iter().copied().collect();
        let params = Object::from_iter([("name", Value::from(tool)), ("arguments", Value::Object(arguments))]);
        let result = self.request("tools/call", params).await?;
        let first = result.get("content").and_then(Value::as_array).and_then(|content| content.first());
        let text = first.and_then(|part| part.get("text")).and_then(Value::as_str).unwrap_or_default();
        Ok(ToolAnswer {
            is_error: result.get("isError").and_then(Value::as_bool).unwrap_or(false),
            text: text.to_owned(),
        })
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
            if message.get("id").and_then(Value::as_number).and_then(json::Number::as_i64) != Some(id) {
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

    /// Hangs up, and waits until the gateway has ended.
    pub(super) async fn stop(mut self) {
        drop(self.input);
        let _ = tokio::time::timeout(Duration::from_secs(10), self.child.wait()).await;
    }
}
