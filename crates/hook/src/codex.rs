//! Codex: `PreToolUse`, `PostToolUse`. Anything but an exact answer lets the tool run: `ask`, `defer` and `continue` are never said.

use countersign_evidence::json::{Object, Value};
use countersign_evidence::record::Outcome as Recorded;

use crate::claude;
use crate::client::Client;
use crate::event::{Call, Ended, Event};
use crate::input::{Hints, Input, Unusable};

pub(crate) fn read(input: &Input<'_>, hints: &Hints) -> Result<Event, Unusable> {
    match input.text("hook_event_name")? {
        "PreToolUse" => Ok(Event::Before(call(input, hints)?)),
        "PostToolUse" => {
            Ok(Event::After(Ended { call: call(input, hints)?, outcome: input.outcome(Recorded::Succeeded) }))
        }
        other => input.unknown(other),
    }
}

fn call(input: &Input<'_>, hints: &Hints) -> Result<Call, Unusable> {
    let tool = claude::tool(Client::Codex, input.text("tool_name")?, None, hints);
    Ok(Call {
        call_id: Some(input.text("tool_use_id")?.to_owned()),
        turn: input.maybe("turn_id"),
        ..input.call(input.text("hook_event_name")?, tool, "tool_input")?
    })
}

/// Silence lets the call go on as it would without a hook: the client's own sandbox and approvals stay in force.
pub(crate) fn allow(event: &str, edited: Option<&Value>) -> Option<Object> {
    edited.and_then(|edited| claude::allow(event, Some(edited)))
}
