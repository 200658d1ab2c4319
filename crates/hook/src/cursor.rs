//! Cursor: `preToolUse`, `beforeMCPExecution`, `postToolUse`, `postToolUseFailure`, `afterMCPExecution`.

use countersign_evidence::json::{Object, Value};
use countersign_evidence::record::Outcome as Recorded;

use crate::client::Client;
use crate::event::{Call, Ended, Event, Tool};
use crate::input::{Hints, Input, Unusable};

/// How `preToolUse` marks the tool of a server that it does not name.
const MARK: &str = "MCP:";

pub(crate) fn read(input: &Input<'_>, hints: &Hints) -> Result<Event, Unusable> {
    let event = input.text("hook_event_name")?;
    let mcp = input.maybe("tool_name").is_some_and(|name| name.starts_with(MARK));
    // Both events come for a call of an MCP tool; the later one says whose tool it is.
    if mcp && hints.mcp_before_execution && !event.contains("MCP") {
        return Ok(Event::Aside(format!("{event}: decided at beforeMCPExecution")));
    }
    match event {
        "preToolUse" | "beforeMCPExecution" => Ok(Event::Before(call(input)?)),
        "postToolUse" | "afterMCPExecution" => {
            Ok(Event::After(Ended { call: call(input)?, outcome: input.outcome(Recorded::Succeeded) }))
        }
        "postToolUseFailure" => {
            Ok(Event::After(Ended { call: call(input)?, outcome: input.outcome(Recorded::Failed) }))
        }
        other => input.unknown(other),
    }
}

fn call(input: &Input<'_>) -> Result<Call, Unusable> {
    let event = input.text("hook_event_name")?;
    let name = input.text("tool_name")?;
    let tool = match (event.contains("MCP"), name.strip_prefix(MARK)) {
        (true, marked) => Tool {
            server: input.text("mcp_server_name")?.to_owned(),
            name: marked.unwrap_or(name).to_owned(),
            mcp: true,
        },
        (false, Some(name)) => Tool { server: "mcp".to_owned(), name: name.to_owned(), mcp: true },
        (false, None) => Tool { server: Client::Cursor.server().to_owned(), name: name.to_owned(), mcp: false },
    };
    let session = input.maybe("conversation_id").or_else(|| input.maybe("session_id"));
    Ok(Call {
        session,
        turn: input.maybe("generation_id"),
        call_id: input.maybe("tool_use_id"),
        user: input.maybe("user_email"),
        ..input.call(event, tool, "tool_input")?
    })
}

/// `None`: `beforeMCPExecution` knows no way to pass an edit on.
pub(crate) fn allow(event: &str, edited: Option<&Value>) -> Option<Object> {
    let mut said = Object::from_iter([("permission", "allow")]);
    if let Some(edited) = edited {
        if event != "preToolUse" {
            return None;
        }
        said.insert("updated_input", edited.clone());
    }
    Some(said)
}
