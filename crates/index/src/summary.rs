//! Rows as readers see them in lists.

use std::sync::Arc;

use countersign_evidence::record::Category;
use countersign_evidence::time::Timestamp;
use countersign_wire::{State, SummaryView};
use rusqlite::Row;
use uuid::Uuid;

use crate::codes::{DECISIONS, decision_name, value};
use crate::packed::unpack;

pub(crate) const COLUMNS: &str = "action.row, action.id, action.time, action.agent, action.tool, action.category,
    action.decision, action.state, action.risk, action.environment, action.rules, action.reviewers, action.user,
    action.resource";
pub(crate) const RULES: usize = 10;
pub(crate) const REVIEWERS: usize = 11;

/// A packed list of names' numbers.
pub(crate) fn list(row: &Row<'_>, column: usize) -> rusqlite::Result<Vec<u64>> {
    Ok(row.get_ref(column)?.as_blob_or_null()?.map(unpack).unwrap_or_default())
}

pub(crate) fn id(row: &Row<'_>, column: usize) -> rusqlite::Result<Uuid> {
    Ok(Uuid::from_slice(row.get_ref(column)?.as_blob()?).unwrap_or_default())
}

pub(crate) fn read(
    row: &Row<'_>,
    rules: &[u64],
    name: impl Fn(i64) -> rusqlite::Result<Arc<str>>,
) -> rusqlite::Result<SummaryView> {
    let named = |column| name(row.get(column)?).map(|text| text.to_string());
    let rules =
        rules.iter().map(|number| name(i64::try_from(*number).unwrap_or_default()).map(|text| text.to_string()));
    Ok(SummaryView {
        position: row.get::<_, i64>(0)?.unsigned_abs(),
        action: id(row, 1)?,
        time: Timestamp::from_micros(row.get(2)?),
        agent: named(3)?,
        tool: named(4)?,
        category: value(&Category::ALL, row.get(5)?).map_or("", Category::as_str).to_owned(),
        decision: value(&DECISIONS, row.get(6)?).map_or("", decision_name).to_owned(),
        state: value(&State::ALL, row.get(7)?).unwrap_or(State::Waiting),
        risk: row.get(8)?,
        environment: named(9)?,
        rules: rules.collect::<rusqlite::Result<_>>()?,
        user: row.get(12)?,
        resource: row.get(13)?,
    })
}
