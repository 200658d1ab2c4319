//! Runtime context: what the agents' side reports about its own work, as OpenTelemetry spans and events. **It is no evidence**: each
//! is the claim of the API key that sent it. It is kept in a file of its own, within limits; deleting that file loses nothing that
//! counts.
//!
//! | to do this | start at |
//! |---|---|
//! | open the file | [`Runtime::open`], [`RuntimeLimits`] |
//! | keep what a key reports | [`Runtime::keep`] |
//! | find what was reported about an action | [`Runtime::about`], [`About`] |
//!
//! Nothing is linked when it comes in: a span may come before the records of its action, or long after. Links are made when
//! somebody asks, from ids that stand on both sides.

mod about;
mod limit;
mod store;

use std::collections::BTreeMap;

use countersign_evidence::time::Timestamp;
use countersign_evidence::trace::{SpanId, TraceId};
use uuid::Uuid;

pub use about::{About, Found, Link, MOST_FOUND, Reported};
pub use limit::RuntimeLimits;
pub use store::Runtime;

/// What a report is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReportKind {
    /// A span: something that took time.
    Span,
    /// A log event: something that happened.
    Event,
}

/// How a span ended, as it says itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ReportStatus {
    /// It does not say.
    #[default]
    Unset,
    /// Well.
    Ok,
    /// With an error.
    Error,
}

/// One span or event as far as it is kept. Its texts are of foreign hands: cut to length, not checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// What it is.
    pub kind: ReportKind,
    /// Its trace.
    pub trace: Option<TraceId>,
    /// Its own id, or of the span that an event belongs to.
    pub span: Option<SpanId>,
    /// The span that it is a child of.
    pub parent: Option<SpanId>,
    /// What it calls itself.
    pub name: String,
    /// When it began, by the clock of whoever reports it.
    pub started: Timestamp,
    /// How many microseconds it took.
    pub duration_us: Option<u64>,
    /// How it ended.
    pub status: ReportStatus,
    /// It is about a model, a tool call or MCP, and goes last when room is needed.
    pub about_agents: bool,
    /// The client's own id of the tool call.
    pub call: Option<String>,
    /// The session.
    pub session: Option<String>,
    /// The conversation.
    pub conversation: Option<String>,
    /// The prompt that led to it.
    pub prompt: Option<String>,
    /// Attributes by name.
    pub facts: BTreeMap<String, String>,
}

/// Whose word it is: the key that reports, and what that key may act for (an empty list is no limit).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reporter {
    /// The API key.
    pub key: Uuid,
    /// Environments that it is limited to.
    pub environments: Vec<String>,
    /// Agents that it is limited to.
    pub agents: Vec<String>,
}
