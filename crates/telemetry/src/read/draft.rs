//! What of a span or event is kept: names, ids, durations, status, model, token usage. Anything else only passes by.

use std::collections::BTreeMap;

use countersign_evidence::id::is_identifier;
use countersign_evidence::time::Timestamp;
use countersign_evidence::trace::{SpanId, TraceId};
use countersign_index::runtime::{Report, ReportKind, ReportStatus};

/// Most bytes of a text that is kept.
const MOST_TEXT: usize = 256;
/// Most bytes of one that holds content.
const MOST_CONTENT: usize = 4_096;
/// Longest duration: what every reader of JSON reads exactly.
const MOST_MICROS: u64 = (1 << 53) - 1;
/// Most attributes of one span that are kept.
const MOST_FACTS: usize = 64;

/// Attributes that say nothing of what people wrote: OpenTelemetry's conventions for GenAI, MCP, RPC and HTTP, and the events of
/// Claude Code, Codex and Gemini CLI. `mcp.session.id` is not among them: it opens a session. Ascending.
const KEPT: [&str; 65] = [
    "attempt",
    "cache_creation_tokens",
    "cache_read_tokens",
    "cached_content_token_count",
    "cached_token_count",
    "cost_usd",
    "decision",
    "duration_ms",
    "error.type",
    "error_type",
    "event.name",
    "function_name",
    "gen_ai.agent.id",
    "gen_ai.agent.name",
    "gen_ai.agent.version",
    "gen_ai.operation.name",
    "gen_ai.output.type",
    "gen_ai.provider.name",
    "gen_ai.request.model",
    "gen_ai.response.finish_reasons",
    "gen_ai.response.id",
    "gen_ai.response.model",
    "gen_ai.system",
    "gen_ai.tool.name",
    "gen_ai.tool.type",
    "gen_ai.usage.cache_creation.input_tokens",
    "gen_ai.usage.cache_read.input_tokens",
    "gen_ai.usage.input_tokens",
    "gen_ai.usage.output_tokens",
    "gen_ai.usage.reasoning.output_tokens",
    "http.request.method",
    "http.response.status_code",
    "http.route",
    "input_token_count",
    "input_tokens",
    "jsonrpc.protocol.version",
    "jsonrpc.request.id",
    "mcp.method.name",
    "mcp.protocol.version",
    "mcp.server.name",
    "mcp.tool.name",
    "model",
    "network.protocol.name",
    "network.transport",
    "output_token_count",
    "output_tokens",
    "reasoning_token_count",
    "request_id",
    "rpc.method",
    "rpc.response.status_code",
    "rpc.service",
    "rpc.system",
    "server.address",
    "server.port",
    "service.name",
    "service.version",
    "source",
    "span.type",
    "status_code",
    "success",
    "tool_name",
    "tool_token_count",
    "tool_type",
    "total_token_count",
    "ttft_ms",
];

/// Attributes that hold what people, models and tools wrote. Kept only where that is configured. Ascending.
const CONTENT: [&str; 23] = [
    "arguments",
    "error",
    "error.message",
    "exception.message",
    "function_args",
    "gen_ai.completion",
    "gen_ai.input.messages",
    "gen_ai.output.messages",
    "gen_ai.prompt",
    "gen_ai.system_instructions",
    "gen_ai.tool.call.arguments",
    "gen_ai.tool.call.result",
    "gen_ai.tool.definitions",
    "gen_ai.tool.description",
    "input.value",
    "output",
    "output.value",
    "prompt",
    "request_text",
    "response_text",
    "tool_input",
    "tool_parameters",
    "tool_result",
];

/// Attributes of a resource that are kept with each of its reports: few, as they are copied.
pub(super) const OF_RESOURCE: [&str; 3] = ["service.name", "service.version", "session.id"];

/// Whether attributes with content are kept, too: prompts, arguments, results, error messages. They are personal data as a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Kept {
    /// They are.
    pub content: bool,
}

impl Kept {
    /// How many bytes of an attribute's text are of interest; none of most.
    pub(super) fn room(self, name: &str) -> usize {
        if KEPT.binary_search(&name).is_ok() || id_kind(name).is_some() {
            MOST_TEXT
        } else if self.content && CONTENT.binary_search(&name).is_ok() {
            MOST_CONTENT
        } else {
            0
        }
    }
}

/// Which id an attribute is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Id {
    Call,
    Session,
    Conversation,
    Prompt,
}

fn id_kind(name: &str) -> Option<Id> {
    match name {
        "gen_ai.tool.call.id" | "tool_use_id" | "call_id" => Some(Id::Call),
        "session.id" | "session_id" => Some(Id::Session),
        "gen_ai.conversation.id" | "conversation.id" => Some(Id::Conversation),
        "prompt.id" | "prompt_id" => Some(Id::Prompt),
        _ => None,
    }
}

/// A report that is being read.
#[derive(Debug, Clone)]
pub(super) struct Draft {
    report: Report,
    /// What an event says in place of a name.
    pub(super) said: Option<String>,
}

impl Draft {
    /// One of this kind, with what its resource says.
    pub(super) fn new(kind: ReportKind, resource: &BTreeMap<String, String>) -> Self {
        let report = Report {
            kind,
            trace: None,
            span: None,
            parent: None,
            name: String::new(),
            started: Timestamp::from_micros(0),
            duration_us: None,
            status: ReportStatus::Unset,
            about_agents: false,
            call: None,
            session: None,
            conversation: None,
            prompt: None,
            facts: BTreeMap::new(),
        };
        let mut draft = Draft { report, said: None };
        resource.iter().for_each(|(name, text)| draft.attribute(name, text.clone()));
        draft
    }

    pub(super) fn trace(&mut self, trace: Option<TraceId>) {
        self.report.trace = trace;
    }

    pub(super) fn span(&mut self, span: Option<SpanId>) {
        self.report.span = span;
    }

    pub(super) fn parent(&mut self, parent: Option<SpanId>) {
        self.report.parent = parent;
    }

    /// What stands behind a question mark is what somebody asked for.
    pub(super) fn name(&mut self, name: &str) {
        name.split('?').next().unwrap_or_default().clone_into(&mut self.report.name);
        cut(&mut self.report.name, MOST_TEXT);
    }

    pub(super) fn status(&mut self, code: u64) {
        self.report.status = match code {
            1 => ReportStatus::Ok,
            2 => ReportStatus::Error,
            _ => ReportStatus::Unset,
        };
    }

    /// Nanoseconds since 1970; an end before its beginning is none.
    pub(super) fn times(&mut self, start: u64, end: u64) {
        let micros = |nanos: u64| i64::try_from(nanos / 1_000).unwrap_or(i64::MAX);
        self.report.started = Timestamp::from_micros(micros(start));
        self.report.duration_us = end.checked_sub(start).map(|nanos| (nanos / 1_000).min(MOST_MICROS));
    }

    /// An attribute, its text as far as [`Kept::room`] lets it in.
    pub(super) fn attribute(&mut self, name: &str, text: String) {
        let report = &mut self.report;
        report.about_agents |= name.starts_with("gen_ai.") || name.starts_with("mcp.") || id_kind(name).is_some();
        let Some(kind) = id_kind(name) else {
            if report.facts.len() < MOST_FACTS {
                report.facts.insert(name.to_owned(), text);
            }
            return;
        };
        let id = match kind {
            Id::Call => &mut report.call,
            Id::Session => &mut report.session,
            Id::Conversation => &mut report.conversation,
            Id::Prompt => &mut report.prompt,
        };
        if is_identifier(&text) {
            *id = Some(text);
        }
    }

    /// The report, where it has what a report of its kind needs.
    pub(super) fn finish(mut self) -> Option<Report> {
        match self.report.kind {
            ReportKind::Span => (self.report.trace.is_some() && self.report.span.is_some()).then_some(self.report),
            ReportKind::Event => {
                self.name_event();
                let facts = &self.report.facts;
                let took = facts.get("duration_ms").and_then(|text| text.parse::<f64>().ok());
                // Out of range ends at the range.
                let micros = |took: f64| ((took * 1_000.0) as u64).min(MOST_MICROS);
                self.report.duration_us = took.filter(|took| *took >= 0.0).map(micros);
                self.report.status = match facts.get("success").map(String::as_str) {
                    Some("true") => ReportStatus::Ok,
                    Some("false") => ReportStatus::Error,
                    _ => ReportStatus::Unset,
                };
                let report = self.report;
                let ids = [&report.call, &report.session, &report.conversation, &report.prompt];
                (report.trace.is_some() || ids.into_iter().any(Option::is_some)).then_some(report)
            }
        }
    }

    /// Bodies are what somebody wrote, unless they look like a name.
    fn name_event(&mut self) {
        let is_name = |text: &String| {
            text.len() <= 64 && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-/".contains(&byte))
        };
        if self.report.name.is_empty() {
            let said = self.said.take().filter(|said| !said.is_empty()).filter(is_name);
            let name = said.or_else(|| self.report.facts.get("event.name").cloned());
            self.report.name = name.unwrap_or_else(|| "event".to_owned());
        }
    }
}

/// Cuts a text to so many bytes, at a character's end.
pub(super) fn cut(text: &mut String, most: usize) {
    if text.len() > most {
        text.truncate(text.floor_char_boundary(most));
    }
}

/// Appends a text; no more of it than may be kept is copied.
pub(super) fn push(text: &str, room: usize, out: &mut String) {
    out.push_str(text.get(..text.floor_char_boundary(room)).unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_by_halving() {
        assert!(KEPT.is_sorted() && CONTENT.is_sorted());
        assert!(CONTENT.iter().all(|name| !KEPT.contains(name) && id_kind(name).is_none()));
        let (plain, all) = (Kept { content: false }, Kept { content: true });
        assert_eq!((plain.room("prompt"), all.room("prompt")), (0, MOST_CONTENT));
        assert_eq!((plain.room("model"), plain.room("user.email"), all.room("user.email")), (MOST_TEXT, 0, 0));
    }
}
