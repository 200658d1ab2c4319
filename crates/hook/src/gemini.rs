//! Gemini CLI: `BeforeTool`, `AfterTool`. Its events carry no id of the call.

use countersign_evidence::json::{Object, Value};
use countersign_evidence::record::Outcome as Recorded;

use crate::claude;
use crate::client::Client;
use crate::event::{Call, Ended, Event, Tool};
use crate::input::{Hints, Input, Unusable};

pub(crate) fn read(input: &Input<'_>, _: &Hints) -> Result<Event, Unusable> {
    match input.text("hook_event_name")? {
        "BeforeTool" => Ok(Event::Before(call(input)?)),
        "AfterTool" => {
            let failed = input.member("tool_response").and_then(|response| response.get("error"));
            let failed = failed.is_some_and(|error| !error.is_null());
            let outcome = if failed { Recorded::Failed } else { Recorded::Succeeded };
            Ok(Event::After(Ended { call: call(input)?, outcome: input.outcome(outcome) }))
        }
        other => input.unknown(other),
    }
}

fn call(input: &Input<'_>) -> Result<Call, Unusable> {
    let tool = match input.member("mcp_context") {
        None => {
            Tool { server: Client::Gemini.server().to_owned(), name: input.text("tool_name")?.to_owned(), mcp: false }
        }
        Some(context) => {
            let text = |name: &'static str| context.get(name).and_then(Value::as_str).map(str::to_owned);
            Tool {
                server: text("server_name").ok_or(Unusable::Missing("mcp_context.server_name"))?,
                name: text("tool_name").ok_or(Unusable::Missing("mcp_context.tool_name"))?,
                mcp: true,
            }
        }
    };
    input.call(input.text("hook_event_name")?, tool, "tool_input")
}

pub(crate) fn allow(event: &str, edited: Option<&Value>) -> Option<Object> {
    let mut said = match edited {
        None => Object::new(),
        Some(edited) => {
            let rewrite = [("hookEventName", Value::from(event)), ("tool_input", edited.clone())];
            claude::specific(Object::from_iter(rewrite))
        }
    };
    said.insert("decision", "allow");
    Some(said)
}
