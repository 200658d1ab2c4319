//! Runtime context: what the agents' side reports of its own work. It is no evidence, and nothing is decided by it.

use std::collections::BTreeMap;
use std::sync::Arc;

use countersign_evidence::trace::{SpanId, place_of};
use countersign_index::runtime::{About, Report, ReportKind, ReportStatus, Reported, Reporter, Runtime};
use countersign_wire::{ReportedSpan, RuntimeContext};
use uuid::Uuid;

use crate::caller::Caller;
use crate::error::GateError;
use crate::gate::{Gate, may_see};

/// Where the model is named, the surest first.
const MODEL: [&str; 3] = ["gen_ai.response.model", "gen_ai.request.model", "model"];
const INPUT: [&str; 3] = ["gen_ai.usage.input_tokens", "input_tokens", "input_token_count"];
const OUTPUT: [&str; 3] = ["gen_ai.usage.output_tokens", "output_tokens", "output_token_count"];

impl Gate {
    /// Whether reports are kept at all.
    ///
    /// # Errors
    /// [`GateError::NotFound`].
    pub fn must_keep_reports(&self) -> Result<(), GateError> {
        self.runtime().map(drop)
    }

    /// Whether reports are kept with what people, models and tools wrote.
    pub fn keeps_content(&self) -> bool {
        self.shared.settings().keep_content
    }

    /// Keeps what a key reports, as that key's word. How many reports were left out, since they are about what was erased.
    ///
    /// # Errors
    /// [`GateError::Forbidden`] for a key that may not propose; [`GateError::NotFound`] where none are kept;
    /// [`GateError::Unavailable`] where they cannot be written.
    pub async fn report(&self, caller: &Caller, reports: Vec<Report>) -> Result<usize, GateError> {
        caller.must_act()?;
        let (runtime, now) = (self.runtime()?, self.shared.now());
        let (environments, agents) = (caller.environments.clone(), caller.agents.clone());
        let reporter = Reporter { key: caller.key, environments, agents };
        let kept = tokio::task::spawn_blocking(move || runtime.keep(&reporter, &reports, now)).await;
        kept.map_err(unavailable)?.map_err(unavailable)
    }

    /// What was reported about an action: by the key that proposed it, and by keys that may act for its agent in its
    /// environment. Keys that only act see their own reports; whoever may look sees all.
    ///
    /// # Errors
    /// [`GateError::NotFound`].
    pub async fn context(&self, caller: &Caller, action: Uuid) -> Result<RuntimeContext, GateError> {
        let found = self.find(action).await?.ok_or(GateError::NotFound("action"))?;
        may_see(caller, &found)?;
        let (trace, _) = place_of(action, &found.action.proposed.correlation);
        let span = SpanId::of_action(action);
        let (only, key) = (caller.must_look().is_err().then_some(caller.key), found.action.proposed.authenticated.key);
        let mut context = RuntimeContext {
            action,
            trace_id: trace.to_string(),
            span_id: span.to_string(),
            spans: Vec::new(),
            more: false,
        };
        let Some(runtime) = self.shared.parts.index.runtime() else { return Ok(context) };
        let asking = move || {
            let proposed = &found.action.proposed;
            runtime.about(&About {
                trace,
                span,
                correlation: &proposed.correlation,
                environment: &found.action.environment,
                agent: &proposed.agent.id,
                key,
                from: found.action.proposed_at,
                until: found.action.last_time,
                only,
            })
        };
        let told = tokio::task::spawn_blocking(asking).await.map_err(unavailable)?.map_err(unavailable)?;
        context.spans = told.reports.into_iter().map(|one| view(one, key)).collect();
        context.more = told.more;
        Ok(context)
    }

    fn runtime(&self) -> Result<Arc<Runtime>, GateError> {
        self.shared.parts.index.runtime().ok_or(GateError::NotFound("place for reports: runtime.reports is 0"))
    }
}

fn unavailable(error: impl std::fmt::Display) -> GateError {
    GateError::Unavailable(error.to_string())
}

fn view(reported: Reported, proposer: Uuid) -> ReportedSpan {
    let Reported { mut report, link, key, received } = reported;
    let first = |facts: &BTreeMap<String, String>, names: [&str; 3]| {
        names.into_iter().find_map(|name| facts.get(name)).cloned()
    };
    let exact = |count: &u64| *count < 1 << 53;
    let count =
        |facts: &BTreeMap<String, String>, names| first(facts, names).and_then(|text| text.parse().ok()).filter(exact);
    ReportedSpan {
        kind: match report.kind {
            ReportKind::Span => "span",
            ReportKind::Event => "event",
        }
        .to_owned(),
        link: link.as_str().to_owned(),
        started: report.started,
        duration_us: report.duration_us,
        status: match report.status {
            ReportStatus::Ok => "ok",
            ReportStatus::Error => "error",
            ReportStatus::Unset => "unset",
        }
        .to_owned(),
        model: first(&report.facts, MODEL),
        input_tokens: count(&report.facts, INPUT),
        output_tokens: count(&report.facts, OUTPUT),
        service: report.facts.remove("service.name"),
        trace_id: report.trace.map(|id| id.to_string()),
        span_id: report.span.map(|id| id.to_string()),
        parent_span_id: report.parent.map(|id| id.to_string()),
        name: std::mem::take(&mut report.name),
        attributes: attributes(report),
        reported_by: key,
        by_proposer: key == proposer,
        received,
    }
}

/// With the ids, under the names that the conventions have for them.
fn attributes(report: Report) -> BTreeMap<String, String> {
    let mut attributes = report.facts;
    for (name, id) in [
        ("gen_ai.tool.call.id", report.call),
        ("session.id", report.session),
        ("gen_ai.conversation.id", report.conversation),
        ("prompt.id", report.prompt),
    ] {
        attributes.extend(id.map(|id| (name.to_owned(), id)));
    }
    attributes
}
