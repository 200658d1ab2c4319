//! Claude Code: `PreToolUse`, `PostToolUse`, `PostToolUseFailure`.

use countersign_evidence::json::{Object, Value};
use countersign_evidence::record::Outcome as Recorded;

use crate::client::Client;
use crate::event::{Call, Ended, Event, Tool};
use crate::input::{Hints, Input, Unusable};

pub(crate) fn read(input: &Input<'_>, hints: &Hints) -> Result<Event, Unusable> {
    let event = input.text("hook_event_name")?;
    match event {
        "PreToolUse" => Ok(Event::Before(call(input, hints)?)),
        "PostToolUse" => {
            Ok(Event::After(Ended { call: call(input, hints)?, outcome: input.outcome(Recorded::Succeeded) }))
        }
        "PostToolUseFailure" => {
            Ok(Event::After(Ended { call: call(input, hints)?, outcome: input.outcome(Recorded::Failed) }))
        }
        other => input.unknown(other),
    }
}

pub(crate) fn call(input: &Input<'_>, hints: &Hints) -> Result<Call, Unusable> {
    let name = input.text("tool_name")?;
    let server = input.member("mcp_server").and_then(|server| server.get("name")).and_then(Value::as_str);
    let call = Call {
        call_id: Some(input.text("tool_use_id")?.to_owned()),
        ..input.call(input.text("hook_event_name")?, tool(Client::Claude, name, server, hints), "tool_input")?
    };
    Ok(call)
}

/// `mcp__<server>__<tool>`, or a tool of the client.
pub(crate) fn tool(client: Client, full: &str, server: Option<&str>, hints: &Hints) -> Tool {
    let Some(rest) = full.strip_prefix("mcp__") else {
        return Tool { server: client.server().to_owned(), name: full.to_owned(), mcp: false };
    };
    let told = server.and_then(|server| {
        // The name in the tool's name is a tamed form of the server's.
        let tamed: String =
            server.chars().map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' }).collect();
        [server, &tamed]
            .into_iter()
            .find_map(|name| rest.strip_prefix(name)?.strip_prefix("__"))
            .map(|tool| (server, tool))
    });
    let (server, name) = told.unwrap_or_else(|| hints.split(rest, "__"));
    Tool { server: server.to_owned(), name: name.to_owned(), mcp: true }
}

pub(crate) fn allow(event: &str, edited: Option<&Value>) -> Option<Object> {
    let mut said = decision(event, "allow");
    if let Some(edited) = edited {
        said.insert("updatedInput", edited.clone());
    }
    Some(specific(said))
}

pub(crate) fn defer(event: &str, reason: &str) -> Option<Object> {
    let mut said = decision(event, "defer");
    said.insert("permissionDecisionReason", reason);
    Some(specific(said))
}

fn decision(event: &str, decision: &str) -> Object {
    Object::from_iter([("hookEventName", event), ("permissionDecision", decision)])
}

pub(crate) fn specific(said: Object) -> Object {
    Object::from_iter([("hookSpecificOutput", said)])
}
