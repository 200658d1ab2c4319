//! What each client's hooks look like in its configuration.

use countersign_hook::Client;
use jsonc_parser::cst::CstInputValue;
use jsonc_parser::json;

use super::HOOK_TIMEOUT_S;

/// The events before a tool, which decide.
pub(crate) fn deciding(client: Client) -> &'static [&'static str] {
    match client {
        Client::Claude | Client::Codex => &["PreToolUse"],
        Client::Copilot => &["preToolUse"],
        Client::Cursor => &["preToolUse", "beforeMCPExecution"],
        Client::Gemini => &["BeforeTool"],
    }
}

/// The events after a tool, which record its outcome.
pub(crate) fn recording(client: Client) -> &'static [&'static str] {
    match client {
        Client::Claude => &["PostToolUse", "PostToolUseFailure"],
        Client::Codex => &["PostToolUse"],
        Client::Copilot => &["postToolUse"],
        Client::Cursor => &["postToolUse", "postToolUseFailure", "afterMCPExecution"],
        Client::Gemini => &["AfterTool"],
    }
}

/// Whether hooks stand in groups with a matcher, and not by themselves.
pub(crate) const fn grouped(client: Client) -> bool {
    matches!(client, Client::Claude | Client::Codex | Client::Gemini)
}

/// The member that holds the command line.
pub(crate) const fn command_member(client: Client) -> &'static str {
    match client {
        Client::Copilot => "bash",
        _ => "command",
    }
}

/// The member that holds the time-out, and how many of its units a second has.
pub(crate) const fn timeout_member(client: Client) -> (&'static str, u64) {
    match client {
        Client::Copilot => ("timeoutSec", 1),
        Client::Gemini => ("timeout", 1_000),
        _ => ("timeout", 1),
    }
}

/// The same for an MCP server's tools; `None` where no such knob is known.
pub(crate) const fn tool_timeout_member(client: Client) -> Option<(&'static str, u64)> {
    match client {
        Client::Claude | Client::Copilot | Client::Gemini => Some(("timeout", 1_000)),
        Client::Codex => Some(("tool_timeout_sec", 1)),
        Client::Cursor => None,
    }
}

/// The member that makes a failing hook a no, where the client has one, and its value.
pub(crate) const fn fail_closed(client: Client) -> Option<(&'static str, &'static str)> {
    match client {
        Client::Claude => Some(("onFailure", "block")),
        Client::Cursor => Some(("failClosed", "true")),
        Client::Codex | Client::Copilot | Client::Gemini => None,
    }
}

/// The entry of one event in a JSON configuration.
pub(crate) fn entry(client: Client, command: &str, decides: bool) -> CstInputValue {
    let mut hook: Vec<(String, CstInputValue)> = Vec::new();
    let mut put = |name: &str, value: CstInputValue| hook.push((name.to_owned(), value));
    if client == Client::Gemini {
        put("name", json!("countersign"));
    }
    if client != Client::Cursor {
        put("type", json!("command"));
    }
    put(command_member(client), json!(command));
    let (timeout, units) = timeout_member(client);
    put(timeout, CstInputValue::Number((HOOK_TIMEOUT_S * units).to_string()));
    match client {
        Client::Claude if decides => put("onFailure", json!("block")),
        Client::Cursor if decides => put("failClosed", json!(true)),
        _ => {}
    }
    let hook = CstInputValue::Object(hook);
    match (client, grouped(client)) {
        (Client::Gemini, _) => json!({ "matcher": ".*", "hooks": [hook] }),
        (_, true) => json!({ "matcher": "*", "hooks": [hook] }),
        (_, false) => hook,
    }
}
