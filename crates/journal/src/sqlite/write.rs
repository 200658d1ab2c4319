//! The writes that callers wait for.

use countersign_tlog::{Frontier, Note};
use rusqlite::{OptionalExtension, Transaction, params};

use super::Shared;
use super::connection::{Failure, key};
use crate::error::Error;
use crate::frame;
use crate::journal::{Batch, Head, LogId, Priority, check_states, stated_size};

impl Shared {
    pub(super) fn create(&self, log: LogId) -> Result<(), Error> {
        self.health.write(&mut self.write.lock(), "creating a log", |sql| {
            let insert = "INSERT INTO head (log, epoch, frontier, trimmed) VALUES (?, 0, ?, 0) ON CONFLICT DO NOTHING";
            match sql.execute(insert, params![log.0.as_bytes(), Frontier::new().to_bytes()])? {
                0 => Err(Error::Exists(log).into()),
                _ => Ok(()),
            }
        })
    }

    /// One write; on a full disk once more, with the reserve. A full disk is certain, so nothing is done twice.
    fn write_from_reserve<T>(
        &self,
        doing: &'static str,
        work: impl Fn(&Transaction<'_>) -> Result<T, Failure>,
    ) -> Result<T, Error> {
        let done = self.health.write(&mut self.write.lock(), doing, &work);
        if !matches!(done, Err(Error::Full)) {
            return done;
        }
        // The upkeep waits: what it carries over would take the room.
        let _no_upkeep = self.upkeep.lock();
        let mut connection = self.write.lock();
        self.reserve.release(&connection)?;
        self.health.write(&mut connection, doing, &work)
    }

    pub(super) fn raise_epoch(&self, log: LogId) -> Result<Head, Error> {
        self.write_from_reserve("opening a log", |sql| {
            let update = "UPDATE head SET epoch = epoch + 1 WHERE log = ?";
            match sql.execute(update, params![log.0.as_bytes()])? {
                0 => Err(Error::Missing(log).into()),
                _ => Ok(row(sql, log)?.head),
            }
        })
    }

    pub(super) fn append(&self, expected: &Head, batch: &Batch) -> Result<Head, Error> {
        batch.check()?;
        if batch.priority == Priority::New {
            self.reserve.check_whole()?;
        }
        let next = expected.after(&batch.entries);
        let frame = frame::encode(expected.size(), &batch.entries);
        let insert = |sql: &Transaction<'_>| insert(sql, expected, &next, batch.entries.len(), &frame);
        match batch.priority {
            Priority::New => self.health.write(&mut self.write.lock(), "appending", insert)?,
            Priority::Finish => self.write_from_reserve("appending", insert)?,
        }
        self.upkeep.count(frame.len() as u64);
        Ok(next)
    }

    pub(super) fn publish(&self, expected: &Head, checkpoint: &Note) -> Result<(), Error> {
        check_states(checkpoint, expected)?;
        self.write_from_reserve("publishing a checkpoint", |sql| {
            let row = row(sql, expected.log)?;
            check_epoch(expected, &row.head)?;
            let published = stated_size(row.published.as_ref())?;
            if expected.size() < published
                || root_at(sql, &row, expected.size())?.as_deref() != Some(&expected.root().0)
            {
                return Err(Error::Conflict.into());
            }
            let update = "UPDATE head SET published = ? WHERE number = ?";
            sql.prepare_cached(update)?.execute(params![checkpoint.to_string(), row.number])?;
            Ok(())
        })
    }
}

/// Moves the head under compare-and-set and adds the batch, in that order.
fn insert(sql: &Transaction<'_>, expected: &Head, next: &Head, count: usize, frame: &[u8]) -> Result<(), Failure> {
    let update = "UPDATE head SET frontier = ? WHERE log = ? AND epoch = ? AND frontier = ? RETURNING number";
    let moved: Option<i64> = sql
        .prepare_cached(update)?
        .query_row(
            params![
                next.frontier.to_bytes(),
                expected.log.0.as_bytes(),
                expected.epoch as i64,
                expected.frontier.to_bytes()
            ],
            |row| row.get(0),
        )
        .optional()?;
    let Some(number) = moved else {
        check_epoch(expected, &row(sql, expected.log)?.head)?;
        return Err(Error::Conflict.into());
    };
    let insert = "INSERT INTO batch (key, count, root, frame) VALUES (?, ?, ?, ?)";
    let row = params![key(number, expected.size())?, count as i64, next.root().0, frame];
    sql.prepare_cached(insert)?.execute(row)?;
    Ok(())
}

fn check_epoch(expected: &Head, current: &Head) -> Result<(), Error> {
    let (ours, current) = (expected.epoch, current.epoch);
    if ours == current { Ok(()) } else { Err(Error::Fenced { ours, current }) }
}

/// A log's row.
pub(super) struct Row {
    pub(super) number: i64,
    pub(super) head: Head,
    pub(super) trimmed: u64,
    pub(super) published: Option<Note>,
}

/// Reads a log's row; [`Error::Missing`] without one.
pub(super) fn row(sql: &rusqlite::Connection, log: LogId) -> Result<Row, Failure> {
    let select = "SELECT number, epoch, frontier, trimmed, published FROM head WHERE log = ?";
    let found = sql
        .prepare_cached(select)?
        .query_row(params![log.0.as_bytes()], |row| {
            let (number, epoch, trimmed): (i64, i64, i64) = (row.get(0)?, row.get(1)?, row.get(3)?);
            Ok((number, epoch as u64, row.get::<_, Vec<u8>>(2)?, trimmed as u64, row.get::<_, Option<String>>(4)?))
        })
        .optional()?;
    let Some((number, epoch, frontier, trimmed, published)) = found else { return Err(Error::Missing(log).into()) };
    let frontier = Frontier::from_bytes(&frontier).map_err(|cause| Error::corrupt(cause.to_string()))?;
    let published = published
        .map(|note| Note::parse(note.as_bytes()))
        .transpose()
        .map_err(|cause| Error::corrupt(format!("the published checkpoint in the journal: {cause}")))?;
    Ok(Row { number, head: Head { log, epoch, frontier }, trimmed, published })
}

/// The root that the log had at `size`, if a batch ended there and is still in the journal.
fn root_at(sql: &Transaction<'_>, row: &Row, size: u64) -> Result<Option<Vec<u8>>, Failure> {
    if size == row.head.size() {
        return Ok(Some(row.head.root().0.to_vec()));
    }
    if size == 0 {
        return Ok(Some(Frontier::new().root().0.to_vec()));
    }
    let select = "SELECT key, count, root FROM batch WHERE key >= ? AND key < ? ORDER BY key DESC LIMIT 1";
    let range = params![key(row.number, 0)?, key(row.number, size)?];
    let found = sql
        .prepare_cached(select)?
        .query_row(range, |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?, row.get::<_, Vec<u8>>(2)?)))
        .optional()?;
    Ok(found.and_then(|(key, count, root)| {
        (super::connection::position(key).checked_add(count as u64) == Some(size)).then_some(root)
    }))
}
