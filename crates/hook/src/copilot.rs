//! GitHub Copilot CLI: `preToolUse`, `postToolUse`. Its events name themselves only by their shape, and carry no id of the call.

use countersign_evidence::json::{Object, Value};
use countersign_evidence::record::Outcome as Recorded;

use crate::client::Client;
use crate::event::{Call, Ended, Event, Tool};
use crate::input::{Hints, Input, Unusable};

/// Between a server's name and its tool's.
const BETWEEN: &str = "-";
/// The server that the client brings along, whose name has that character in it.
const BUNDLED: &str = "github-mcp-server";

pub(crate) fn read(input: &Input<'_>, hints: &Hints) -> Result<Event, Unusable> {
    if let Some(other) = input.maybe("hookName").or_else(|| input.maybe("hook_event_name")) {
        return input.unknown(&other);
    }
    let failed = input.member("error").is_some_and(|error| !error.is_null());
    match input.member("toolResult") {
        None if failed => Ok(Event::After(Ended {
            call: call("postToolUseFailure", input, hints)?,
            outcome: input.outcome(Recorded::Failed),
        })),
        None => Ok(Event::Before(call("preToolUse", input, hints)?)),
        Some(result) => {
            let kind = result.get("resultType").and_then(Value::as_str);
            let outcome = if kind == Some("success") { Recorded::Succeeded } else { Recorded::Failed };
            Ok(Event::After(Ended { call: call("postToolUse", input, hints)?, outcome: input.outcome(outcome) }))
        }
    }
}

fn call(event: &str, input: &Input<'_>, hints: &Hints) -> Result<Call, Unusable> {
    let name = input.text("toolName")?;
    let tool = match name.contains(BETWEEN) {
        false => Tool { server: Client::Copilot.server().to_owned(), name: name.to_owned(), mcp: false },
        true => {
            let bundled = name.strip_prefix(BUNDLED).and_then(|rest| rest.strip_prefix(BETWEEN));
            let (server, name) = bundled.map_or_else(|| hints.split(name, BETWEEN), |name| (BUNDLED, name));
            Tool { server: server.to_owned(), name: name.to_owned(), mcp: true }
        }
    };
    input.call(event, tool, "toolArgs")
}

pub(crate) fn deny(reason: &str) -> Option<Object> {
    Some(Object::from_iter([("permissionDecision", "deny"), ("permissionDecisionReason", reason)]))
}

pub(crate) fn allow(edited: Option<&Value>) -> Option<Object> {
    let mut said = Object::from_iter([("permissionDecision", "allow")]);
    if let Some(edited) = edited {
        said.insert("modifiedArgs", edited.clone());
    }
    Some(said)
}
