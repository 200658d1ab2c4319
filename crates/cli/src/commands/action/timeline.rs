//! An action's records in order, with the time between them.

use countersign_client::wire::RecordView;
use countersign_evidence::json::{self, Limits, Value};

use crate::error::Failure;
use crate::output::Output;
use crate::style::Paint;
use crate::table::{Cell, Column, Table};
use countersign_evidence::visible::visible;

/// The members of a record's body that say most about it, in the order in which they are told.
const TELLING: [&str; 9] =
    ["decision", "verdict", "refusal", "why", "how", "match", "enforcement", "outcome", "status"];

pub(super) fn print(records: &[RecordView], out: &mut Output) -> Result<(), Failure> {
    let mut table = Table::new([
        Column::number("POSITION"),
        Column::number("AFTER"),
        Column::whole("RECORD"),
        Column::up_from("BY", 8).or_drop(1),
        Column::up_from("SAYS", 10),
        Column::up_from("CLOSED", 8),
    ]);
    let first = records.first().map(|record| record.time).unwrap_or_default();
    for record in records {
        let envelope = json::parse(record.envelope.as_bytes(), Limits::default()).unwrap_or_default();
        table.row([
            format!("#{}", record.position).into(),
            after(record.time.since(first)).into(),
            visible(&record.kind).into(),
            visible(&actor(&envelope)).into(),
            visible(&says(&envelope)).into(),
            Cell::painted(closed(&record.closed), Paint::Dim),
        ]);
    }
    Ok(out.table(&table, "There are no records.")?)
}

/// Microseconds as `+0.004 s`.
fn after(micros: i64) -> String {
    format!("+{}.{:03} s", micros / 1_000_000, micros % 1_000_000 / 1_000)
}

fn actor(envelope: &Value) -> String {
    let member = |name: &str| envelope.get("actor").and_then(|actor| actor.get(name)).and_then(Value::as_str);
    match (member("type"), member("id")) {
        (Some(kind), Some(id)) => format!("{kind} {id}"),
        _ => String::new(),
    }
}

fn says(envelope: &Value) -> String {
    let member = |name: &&str| envelope.get("body").and_then(|body| body.get(name)).and_then(Value::as_str);
    TELLING.iter().filter_map(member).collect::<Vec<_>>().join(", ")
}

/// `payload withheld, intent erased`
fn closed(closed: &Value) -> String {
    let fields = closed.as_object().into_iter().flat_map(|fields| fields.iter());
    let told = fields.map(|(name, why)| format!("{} {}", visible(name), visible(why.as_str().unwrap_or("closed"))));
    told.collect::<Vec<_>>().join(", ")
}
