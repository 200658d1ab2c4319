//! Which tools were called, and what became of it.

use countersign_evidence::time::Timestamp;
use countersign_wire::ToolView;
use rusqlite::params_from_iter;
use rusqlite::types::Value;

use crate::error::IndexError;
use crate::index::Index;
use crate::names::only;

/// Actions that are looked through at most: the newest.
pub const MOST_LOOKED_THROUGH: u32 = 25_000;

impl Index {
    /// The tools of the newest [`MOST_LOOKED_THROUGH`] actions, those first that no rule decided about most often. Empty
    /// lists are no limit.
    ///
    /// # Errors
    /// [`IndexError::Storage`].
    pub fn tools(&self, environments: &[String], agents: &[String]) -> Result<Vec<ToolView>, IndexError> {
        let mut values: Vec<Value> = vec![i64::from(MOST_LOOKED_THROUGH).into()];
        let limits = only(&mut values, environments, agents);
        let select = format!(
            "SELECT name.text, count(*), sum(decision = 0), sum(decision = 1), sum(decision = 2),
                sum(decision = 1 AND rules IS NULL) AS uncovered, max(time)
                FROM (SELECT * FROM action ORDER BY row DESC LIMIT ?1) AS action JOIN name ON name.id = tool WHERE 1{limits}
                GROUP BY tool ORDER BY uncovered DESC, name.text"
        );
        self.read(|connection| {
            let read = || -> rusqlite::Result<Vec<ToolView>> {
                let mut statement = connection.prepare_cached(&select)?;
                let rows = statement.query_map(params_from_iter(&values), |row| {
                    let count = |column: usize| {
                        Ok::<_, rusqlite::Error>(row.get::<_, Option<i64>>(column)?.unwrap_or(0).unsigned_abs())
                    };
                    Ok(ToolView {
                        tool: row.get(0)?,
                        actions: count(1)?,
                        allowed: count(2)?,
                        denied: count(3)?,
                        reviewed: count(4)?,
                        uncovered: count(5)?,
                        last: Timestamp::from_micros(row.get(6)?),
                    })
                })?;
                rows.collect()
            };
            read().map_err(IndexError::storage("asking the index"))
        })
    }
}
