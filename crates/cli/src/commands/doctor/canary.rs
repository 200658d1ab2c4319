//! Harmless events, driven through the very command line that stands in the client's configuration.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use countersign_hook::Client;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use crate::error::Failure;

/// How long one event may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// Nothing listens there (RFC 863's port).
const NOWHERE: &str = "http://127.0.0.1:9";

/// What an event came to.
#[derive(Debug)]
pub(super) struct Came {
    /// The exit code; `None` where it did not end by itself.
    pub(super) code: Option<i32>,
    pub(super) stdout: String,
    pub(super) stderr: String,
}

impl Came {
    /// A no that the client understands: exit code 2 with a reason, or Copilot's own word.
    pub(super) fn is_no(&self, client: Client) -> bool {
        let said: Value = serde_json::from_str(&self.stdout).unwrap_or_default();
        match (client, self.code) {
            (_, Some(2)) => self.stdout.is_empty() && !self.stderr.trim().is_empty(),
            (Client::Copilot, Some(0)) => said["permissionDecision"] == "deny",
            _ => false,
        }
    }
}

/// The client's tool for looking at a file.
pub(super) const fn reading(client: Client) -> &'static str {
    match client {
        Client::Claude | Client::Cursor => "Read",
        Client::Codex => "view_image",
        Client::Copilot => "view",
        Client::Gemini => "read_file",
    }
}

/// The event before a call.
pub(super) fn event(client: Client, session: &str, tool: &str) -> Value {
    let input = json!({ "path": "/dev/null" });
    let call = format!("call-{session}");
    match client {
        Client::Claude | Client::Codex => {
            json!({ "session_id": session, "hook_event_name": "PreToolUse", "tool_name": tool,
            "tool_input": input, "tool_use_id": call, "cwd": "/" })
        }
        Client::Copilot => {
            json!({ "sessionId": session, "timestamp": 1, "toolName": tool, "toolArgs": input, "cwd": "/" })
        }
        Client::Cursor => json!({ "conversation_id": session, "hook_event_name": "preToolUse", "tool_name": tool,
            "tool_input": input, "tool_use_id": call, "cwd": "/" }),
        Client::Gemini => {
            json!({ "session_id": session, "hook_event_name": "BeforeTool", "timestamp": "1970-01-01T00:00:00Z",
            "tool_name": tool, "tool_input": input, "cwd": "/" })
        }
    }
}

/// The event after it.
pub(super) fn after(client: Client, mut event: Value) -> Value {
    match client {
        Client::Claude | Client::Codex => event["hook_event_name"] = json!("PostToolUse"),
        Client::Copilot => event["toolResult"] = json!({ "resultType": "success", "textResultForLlm": "" }),
        Client::Cursor => event["hook_event_name"] = json!("postToolUse"),
        Client::Gemini => event["hook_event_name"] = json!("AfterTool"),
    }
    event
}

/// Drives one event through a command line, without a shell.
///
/// # Errors
/// [`Failure::File`] where it does not start.
pub(super) async fn drive(words: &[String], event: &Value) -> Result<Came, Failure> {
    let broken = Failure::file(Path::new("countersign"));
    driven(words, event).await.map_err(broken)
}

async fn driven(words: &[String], event: &Value) -> std::io::Result<Came> {
    let (program, arguments) = words.split_first().ok_or(std::io::ErrorKind::InvalidInput)?;
    let mut process = Command::new(program);
    process.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let mut process = process.spawn()?;
    if let Some(mut input) = process.stdin.take() {
        // A command that is not there reads nothing.
        let _ = input.write_all(event.to_string().as_bytes()).await;
    }
    let Ok(ended) = tokio::time::timeout(PATIENCE, process.wait_with_output()).await else {
        return Ok(Came { code: None, stdout: String::new(), stderr: "no answer came".to_owned() });
    };
    let ended = ended?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ok(Came { code: ended.status.code(), stdout: text(&ended.stdout), stderr: text(&ended.stderr) })
}

/// The same command line for a gate that does not answer.
pub(super) fn unreachable(words: &[String]) -> Vec<String> {
    let mut words = words.to_vec();
    let named = words.iter().position(|word| word == "--url").and_then(|at| words.get_mut(at + 1));
    match named {
        Some(url) => NOWHERE.clone_into(url),
        None => words.extend(["--url".to_owned(), NOWHERE.to_owned()]),
    }
    words
}
