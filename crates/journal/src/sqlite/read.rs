//! Reading, on a connection apart from the writer's. What it sees is durable: a commit shows after its sync.

use countersign_tlog::{Hash, Note};
use rusqlite::params;

use super::Shared;
use super::connection::{Failure, key, position, unread};
use super::write::{Row, row};
use crate::error::Error;
use crate::frame;
use crate::journal::{Boundary, Entry, Head, LogId, MOST_BATCH};

impl Shared {
    pub(super) fn head(&self, log: LogId) -> Result<Head, Error> {
        // A head read in doubt would be believed: whoever asks wants to append to it.
        self.health.check()?;
        Ok(self.log_row(log)?.head)
    }

    pub(super) fn published(&self, log: LogId) -> Result<Option<Note>, Error> {
        Ok(self.log_row(log)?.published)
    }

    fn log_row(&self, log: LogId) -> Result<Row, Error> {
        row(&self.read.lock(), log).map_err(refused)
    }

    pub(super) fn read_entries(&self, log: LogId, from: u64, most: usize) -> Result<Vec<Entry>, Error> {
        let connection = self.read.lock();
        // One transaction, so that no trim comes between looking at the row and reading the batches.
        let sql = connection.unchecked_transaction().map_err(unread)?;
        let row = row(&sql, log).map_err(refused)?;
        check_trimmed(&row, from)?;
        if from >= row.head.size() || most == 0 {
            return Ok(Vec::new());
        }
        collect(&sql, &row, from, most).map_err(refused)
    }

    pub(super) fn boundary(&self, log: LogId, from: u64, bytes: u64) -> Result<Option<Boundary>, Error> {
        let connection = self.read.lock();
        let sql = connection.unchecked_transaction().map_err(unread)?;
        let row = row(&sql, log).map_err(refused)?;
        check_trimmed(&row, from)?;
        if from >= row.head.size() {
            return Ok(None);
        }
        last_within(&sql, &row, from, bytes).map_err(refused)
    }
}

fn check_trimmed(row: &Row, from: u64) -> Result<(), Error> {
    if from < row.trimmed { Err(Error::Trimmed { below: row.trimmed }) } else { Ok(()) }
}

fn refused(failure: Failure) -> Error {
    match failure {
        Failure::Refused(error) => error,
        Failure::Sql(cause) => unread(cause),
    }
}

/// Batches from the one that holds `from` on, until there are `most` entries or [`MOST_BATCH`] bytes.
fn collect(sql: &rusqlite::Connection, row: &Row, from: u64, most: usize) -> Result<Vec<Entry>, Failure> {
    let select = "SELECT key, frame FROM batch WHERE key < ?2 AND key >=
                  (SELECT max(key) FROM batch WHERE key <= ?1 AND key >= ?3) ORDER BY key";
    let mut statement = sql.prepare_cached(select)?;
    let range = params![key(row.number, from)?, key(row.number, row.head.size())?, key(row.number, 0)?];
    let mut rows = statement.query(range)?;
    let (mut entries, mut next, mut bytes) = (Vec::new(), None, 0);
    while let Some(found) = rows.next()? {
        let first = position(found.get(0)?);
        let batch = frame::decode(first, found.get(1)?)?;
        let end = first.saturating_add(batch.len() as u64);
        if next.is_some_and(|next| next != first) || (next.is_none() && end <= from) {
            break;
        }
        let skip = usize::try_from(from.saturating_sub(first)).unwrap_or(usize::MAX);
        for entry in batch.into_iter().skip(skip).take(most - entries.len()) {
            bytes += entry.envelope.len() + entry.vault.len();
            entries.push(entry);
        }
        next = Some(end);
        if entries.len() >= most || bytes > MOST_BATCH {
            return Ok(entries);
        }
    }
    // All batches were read: they must lead from `from` to the head without a gap.
    let reached = from.saturating_add(entries.len() as u64);
    if reached == row.head.size() { Ok(entries) } else { Err(gap(reached).into()) }
}

fn gap(at: u64) -> Error {
    Error::corrupt(format!("the journal has no entry at position {at}, although its head lies after it"))
}

fn last_within(sql: &rusqlite::Connection, row: &Row, from: u64, bytes: u64) -> Result<Option<Boundary>, Failure> {
    let select = "SELECT key, count, root, length(frame) FROM batch WHERE key >= ? AND key < ? ORDER BY key";
    let mut statement = sql.prepare_cached(select)?;
    let mut rows = statement.query(params![key(row.number, from)?, key(row.number, row.head.size())?])?;
    let (mut last, mut sum) = (None, 0);
    while let Some(found) = rows.next()? {
        sum += found.get::<_, i64>(3)? as u64;
        if last.is_some() && sum > bytes {
            break;
        }
        let root = Hash::try_from(found.get::<_, Vec<u8>>(2)?.as_slice());
        let root = root.map_err(|cause| Error::corrupt(format!("a root in the journal: {cause}")))?;
        last = Some(Boundary { size: position(found.get(0)?) + found.get::<_, i64>(1)? as u64, root });
    }
    match last {
        Some(boundary) => Ok(Some(boundary)),
        None => Err(gap(from).into()),
    }
}
