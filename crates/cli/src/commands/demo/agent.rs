//! The demo's agent: a real client before `countersign mcp`.

use std::path::Path;

use countersign_evidence::json::Value;
use tokio::process::Command;

use crate::commands::stdio_peer::{StdioPeer, broken};
use crate::error::Failure;

/// An MCP client, and the gateway that it talks to.
pub(super) struct Agent(StdioPeer);

/// What a tool answered.
pub(super) struct ToolAnswer {
    /// Whether it is an error, such as a denial.
    pub(super) is_error: bool,
    /// The text for the model.
    pub(super) text: String,
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
        command
            .args(["mcp", "--server", "files", "--agent", "demo-agent", "--user", "demo-user", "--hold", "0", "--data"])
            .arg(data)
            .arg("--")
            .args(server);
        StdioPeer::start(command, "demo-agent").await.map(Agent)
    }

    /// Calls a tool.
    pub(super) async fn call(&mut self, tool: &str, arguments: &[(&str, &str)]) -> Result<ToolAnswer, Failure> {
        let result = self.0.call(tool, arguments).await?;
        let first = result.get("content").and_then(Value::as_array).and_then(|content| content.first());
        let text = first.and_then(|part| part.get("text")).and_then(Value::as_str).unwrap_or_default();
        Ok(ToolAnswer {
            is_error: result.get("isError").and_then(Value::as_bool).unwrap_or(false),
            text: text.to_owned(),
        })
    }

    /// Hangs up, and waits until the gateway has ended.
    pub(super) async fn stop(self) {
        self.0.stop().await;
    }
}
