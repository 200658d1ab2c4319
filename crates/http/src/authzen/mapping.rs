//! From a question to the gate's own terms (docs/authzen.md has the table).

use axum::http::HeaderMap;
use countersign_evidence::id::is_identifier;
use countersign_evidence::json::{Object, Value};
use countersign_evidence::record::{Agent, Correlation, Source, ToolRef};
use countersign_gate::Caller;
use countersign_wire::{ProposeRequest, Resource, StartNow, UserRef};

use super::question::{Question, text};
use super::{ATTEMPT, VIA};

/// Types of a subject that acts for nobody but itself.
const AGENTS: [&str; 2] = ["agent", "ai_agent"];
/// The agent of a question that names none, by a key that is not one agent's.
const SOMEBODY: &str = "authzen";
/// The server of a tool that names none.
const SOMEWHERE: &str = "mcp";

/// What surrounds a question.
#[derive(Debug, Clone, Default)]
pub(crate) struct Around {
    pub(crate) environment: Option<String>,
    pub(crate) call_id: Option<String>,
    pub(crate) trace_id: Option<String>,
    pub(crate) span_id: Option<String>,
}

impl Around {
    /// From the headers: `x-countersign-environment`, `x-request-id`, `traceparent`.
    pub(crate) fn of(headers: &HeaderMap, caller: &Caller) -> Self {
        let only = match caller.environments.as_slice() {
            [only] => Some(only.clone()),
            _ => None,
        };
        let trace = one(headers, "traceparent").unwrap_or_default();
        let (trace_id, span_id) = match trace.split('-').collect::<Vec<_>>().as_slice() {
            [_, trace, span, ..] if is_identifier(trace) && is_identifier(span) => {
                (Some((*trace).to_owned()), Some((*span).to_owned()))
            }
            _ => (None, None),
        };
        Around {
            environment: one(headers, "x-countersign-environment").or(only),
            call_id: one(headers, "x-request-id").filter(|id| is_identifier(id)),
            trace_id,
            span_id,
        }
    }

    pub(crate) fn correlation(&self) -> Correlation {
        Correlation {
            trace_id: self.trace_id.clone(),
            span_id: self.span_id.clone(),
            call_id: self.call_id.clone(),
            ..Correlation::default()
        }
    }
}

/// A header that is there once. One that is not a text, or there twice, is an empty text: no environment is called so.
fn one(headers: &HeaderMap, name: &str) -> Option<String> {
    let mut given = headers.get_all(name).iter();
    let first = given.next()?.to_str().unwrap_or_default();
    Some(if given.next().is_none() { first.to_owned() } else { String::new() })
}

pub(crate) fn source() -> Source {
    Source { via: VIA.to_owned(), version: Some(env!("CARGO_PKG_VERSION").to_owned()) }
}

/// The proposal that a question is, to be started at once where policy allows.
pub(crate) fn proposal(question: &Question, caller: &Caller, around: &Around) -> ProposeRequest {
    let passing = question.passing();
    let (tool, resource) = tool(question);
    ProposeRequest {
        request_id: String::new(),
        agent: Agent { id: agent(question, caller), version: None },
        model: None,
        user: user(question),
        environment: around.environment.clone(),
        tool,
        category: None,
        resource,
        payload: question.payload(),
        intent: None,
        context: (!passing.is_empty()).then_some(Value::Object(passing)),
        correlation: around.correlation(),
        source: Some(source()),
        start_if_allowed: Some(StartNow { attempt: ATTEMPT.to_owned(), executor: None, deadline_s: None }),
        redeem: false,
        wait_s: 0,
    }
}

fn tool(question: &Question) -> (ToolRef, Option<Resource>) {
    let (kind, id) = (text(&question.resource, "type"), text(&question.resource, "id"));
    let of = |server: &str, name: &str| ToolRef { name: name.to_owned(), server: server.to_owned(), definition: None };
    if question.is_tool_call() {
        let server = question.resource.get("properties").and_then(|properties| properties.get("server")?.as_str());
        return (of(server.unwrap_or(SOMEWHERE), id), None);
    }
    (of(kind, text(&question.action, "name")), Some(Resource { kind: kind.to_owned(), id: id.to_owned() }))
}

fn is_agent(subject: &Object) -> bool {
    AGENTS.contains(&text(subject, "type"))
}

fn agent(question: &Question, caller: &Caller) -> String {
    let acting = question.act().and_then(|act| act.get("sub")?.as_str());
    let named = || question.context.get("agent").and_then(Value::as_str);
    let itself = || is_agent(&question.subject).then(|| text(&question.subject, "id"));
    let of_key = || match caller.agents.as_slice() {
        [only] => only.as_str(),
        _ => SOMEBODY,
    };
    acting.or_else(named).or_else(itself).unwrap_or_else(of_key).to_owned()
}

fn user(question: &Question) -> Option<UserRef> {
    if is_agent(&question.subject) {
        return None;
    }
    let groups = question.subject.get("properties").and_then(|properties| properties.get("groups"));
    let groups = groups.and_then(Value::as_array).unwrap_or_default();
    Some(UserRef {
        id: text(&question.subject, "id").to_owned(),
        groups: groups.iter().filter_map(|group| group.as_str().map(str::to_owned)).collect(),
    })
}
