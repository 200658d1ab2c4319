//! How much is kept. Who sends most gives way first, so that one key cannot push out what others report.

use countersign_evidence::time::Timestamp;
use rusqlite::{Connection, params};

use crate::store::signed;

/// Rows that go at a time.
const STEP: i64 = 64;

/// Limits of what is kept; the oldest goes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RuntimeLimits {
    /// Most spans and events.
    pub reports: u64,
    /// Most bytes of their texts.
    pub bytes: u64,
    /// Seconds that one is kept from its arrival on.
    pub age_s: u32,
}

impl RuntimeLimits {
    /// Deletes what is too old or too much.
    pub(super) fn enforce(&self, connection: &Connection, now: Timestamp) -> rusqlite::Result<()> {
        let oldest = now.plus_seconds(-i64::from(self.age_s)).as_micros();
        connection.prepare_cached("DELETE FROM report WHERE received < ?1")?.execute([oldest])?;
        loop {
            let mut sums =
                connection.prepare_cached("SELECT coalesce(sum(reports), 0), coalesce(sum(bytes), 0) FROM reporter")?;
            let (reports, bytes): (i64, i64) = sums.query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?;
            let (over, heavy) = (reports - signed(self.reports), bytes > signed(self.bytes));
            if over <= 0 && !heavy {
                break;
            }
            let by = if over > 0 { "reports" } else { "bytes" };
            let count = if over > 0 { over.min(STEP) } else { STEP };
            // Ordinary spans before those about agents.
            let delete = format!(
                "DELETE FROM report WHERE id IN (SELECT id FROM report WHERE reporter =
                     (SELECT id FROM reporter ORDER BY {by} DESC LIMIT 1) ORDER BY about_agents, id LIMIT ?1)"
            );
            if connection.prepare_cached(&delete)?.execute(params![count])? == 0 {
                break;
            }
        }
        connection.prepare_cached("DELETE FROM reporter WHERE reports = 0")?.execute([]).map(drop)
    }
}
