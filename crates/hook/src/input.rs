//! What comes in, strictly.

use countersign_evidence::digest::Digest;
use countersign_evidence::json::{self, JsonError, Limits, Object, Value};
use countersign_evidence::record::Outcome as Recorded;

use crate::client::Client;
use crate::event::{Call, Event, Outcome, Tool};
use crate::{claude, codex, copilot, cursor, gemini};

/// Longest event in bytes: a tool's answer may be long.
pub const MOST_INPUT: usize = 16 << 20;
/// Deepest nesting.
const MOST_DEPTH: usize = 128;

/// What the configuration says beyond the event.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hints {
    /// MCP servers whose names are known, to tell a server's name from its tool's.
    pub servers: Vec<String>,
    /// Cursor: MCP calls come to `beforeMCPExecution` too, and are decided there.
    pub mcp_before_execution: bool,
}

/// An event that is not understood: the tool does not run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    /// It is no JSON, or ambiguous.
    #[error("the hook's input is not understood: {0}")]
    Json(#[from] JsonError),
    /// It is no object.
    #[error("the hook's input is no JSON object")]
    NoObject,
    /// A member is missing, or of another type.
    #[error("the hook's input has no usable member {0:?}")]
    Missing(&'static str),
    /// An event before the fact that nobody here knows.
    #[error("the event {0:?} is not known to this hook: take it out of the client's hooks, or update countersign")]
    Event(String),
}

/// Reads what the client wrote.
///
/// # Errors
/// [`Unusable`].
pub fn read(client: Client, bytes: &[u8], hints: &Hints) -> Result<Event, Unusable> {
    let value = json::parse(bytes, Limits { bytes: MOST_INPUT, depth: MOST_DEPTH })?;
    let input = Input { object: value.as_object().ok_or(Unusable::NoObject)?, digest: Digest::of(bytes) };
    match client {
        Client::Claude => claude::read(&input, hints),
        Client::Codex => codex::read(&input, hints),
        Client::Copilot => copilot::read(&input, hints),
        Client::Cursor => cursor::read(&input, hints),
        Client::Gemini => gemini::read(&input, hints),
    }
}

impl Hints {
    /// Server and tool of `<server><between><tool>`: a known server's name, the longest, else what stands before the first.
    pub(crate) fn split<'a>(&self, full: &'a str, between: &str) -> (&'a str, &'a str) {
        let known = self.servers.iter().filter_map(|server| {
            let tool = full.strip_prefix(server.as_str())?.strip_prefix(between)?;
            Some((full.get(..server.len())?, tool))
        });
        let longest = known.max_by_key(|(server, _)| server.len());
        longest.or_else(|| full.split_once(between)).unwrap_or((full, ""))
    }
}

/// An event's members.
pub(crate) struct Input<'a> {
    object: &'a Object,
    digest: Digest,
}

impl<'a> Input<'a> {
    pub(crate) fn member(&self, name: &str) -> Option<&'a Value> {
        self.object.get(name)
    }

    pub(crate) fn text(&self, name: &'static str) -> Result<&'a str, Unusable> {
        let text = self.member(name).and_then(Value::as_str).filter(|text| !text.is_empty());
        text.ok_or(Unusable::Missing(name))
    }

    pub(crate) fn maybe(&self, name: &str) -> Option<String> {
        self.member(name).and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned)
    }

    /// The call, as far as all clients tell it alike.
    pub(crate) fn call(&self, event: &str, tool: Tool, input: &'static str) -> Result<Call, Unusable> {
        let given = self.member(input).ok_or(Unusable::Missing(input))?;
        // Some builds give the input as JSON text.
        let given = match given {
            Value::String(text) => json::parse(text.as_bytes(), Limits { bytes: MOST_INPUT, depth: MOST_DEPTH })?,
            given => given.clone(),
        };
        if given.as_object().is_none() {
            return Err(Unusable::Missing(input));
        }
        Ok(Call {
            event: event.to_owned(),
            session: self.maybe("session_id").or_else(|| self.maybe("sessionId")),
            turn: None,
            call_id: None,
            tool,
            input: given,
            cwd: self.maybe("cwd"),
            model: self.maybe("model"),
            user: None,
            permission_mode: self.maybe("permission_mode"),
            digest: self.digest,
        })
    }

    pub(crate) fn outcome(&self, outcome: Recorded) -> Outcome {
        let names = ["tool_response", "toolResult", "tool_output", "result_json"];
        let error = self.member("error").or_else(|| self.member("error_message"));
        let error = error.map(|error| error.as_str().map_or_else(|| error.to_canonical(), str::to_owned));
        let duration = self.member("duration_ms").or_else(|| self.member("duration")).and_then(Value::as_number);
        Outcome {
            outcome,
            response: names.into_iter().find_map(|name| self.member(name)).cloned(),
            error,
            duration_ms: duration.and_then(countersign_evidence::json::Number::as_u64),
        }
    }

    /// An event that is not known: after the fact nothing can be stopped any more; before it nothing passes.
    pub(crate) fn unknown(&self, event: &str) -> Result<Event, Unusable> {
        let lower = event.to_ascii_lowercase();
        match lower.starts_with("post") || lower.starts_with("after") {
            true => Ok(Event::Aside(format!(
                "countersign: the event {event:?} is not known to this hook; it is not recorded"
            ))),
            false => Err(Unusable::Event(event.to_owned())),
        }
    }
}
