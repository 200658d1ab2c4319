//! What the agent's side reported about an action: beside the story, never part of it.

use countersign_client::wire::{ReportedSpan, RuntimeContext};
use countersign_evidence::visible::visible;

use crate::error::Failure;
use crate::output::Output;
use crate::style::Paint;
use crate::table::{Cell, Column, Table};
use crate::when;

/// The section's heading.
const HEADING: &str = "Runtime context (reported by the agent's side; not evidence)";

/// Prints the section, where there is anything to say.
pub(super) fn print(context: &RuntimeContext, out: &mut Output) -> Result<(), Failure> {
    if context.spans.is_empty() {
        return Ok(());
    }
    out.line("")?;
    out.painted(Paint::Dim, HEADING)?;
    let mut table = Table::new([
        Column::whole("LINK"),
        Column::up_from("NAME", 16),
        Column::whole("BEGAN").or_drop(1),
        Column::number("TOOK"),
        Column::whole("STATUS"),
        Column::up_from("MODEL", 8).or_drop(3),
        Column::number("TOKENS").or_drop(2),
        Column::up_from("REPORTED BY", 8),
    ]);
    for span in &context.spans {
        table.row([
            visible(&span.link).into(),
            visible(&span.name).into(),
            when::absolute(span.started).into(),
            span.duration_us.map(took).unwrap_or_default().into(),
            status(&span.status),
            visible(span.model.as_deref().unwrap_or_default()).into(),
            tokens(span).into(),
            reporter(span).into(),
        ]);
    }
    out.table(&table, "")?;
    if context.more {
        out.painted(Paint::Dim, "There is more; these are the most closely tied ones.")?;
    }
    Ok(())
}

fn took(micros: u64) -> String {
    format!("{}.{:03} ms", micros / 1_000, micros % 1_000)
}

fn status(status: &str) -> Cell {
    match status {
        "error" => Cell::painted("error", Paint::Red),
        "unset" => Cell::default(),
        status => visible(status).into(),
    }
}

/// `120 in, 30 out`
fn tokens(span: &ReportedSpan) -> String {
    let counts = [(span.input_tokens, "in"), (span.output_tokens, "out")];
    let told = counts.iter().filter_map(|(count, way)| Some(format!("{} {way}", (*count)?)));
    told.collect::<Vec<_>>().join(", ")
}

fn reporter(span: &ReportedSpan) -> String {
    let service = span.service.as_deref().map(visible).unwrap_or_default();
    let key = if span.by_proposer { "the proposer's key".to_owned() } else { format!("key {}", span.reported_by) };
    if service.is_empty() { key } else { format!("{service}, {key}") }
}
