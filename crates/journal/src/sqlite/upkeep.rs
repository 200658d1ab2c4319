//! What nobody waits for: carrying the write-ahead log over, trimming, erasing.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use bytes::Bytes;
use parking_lot::{Mutex, MutexGuard};
use rusqlite::{Connection, ErrorCode, OptionalExtension, params};

use super::Shared;
use super::connection::{Failure, key, position};
use super::write::row;
use crate::error::Error;
use crate::frame;
use crate::journal::{LogId, stated_size};

/// Rows and bytes that one transaction of a trim deletes: appends wait for it.
const ROWS_PER_TRIM: usize = 64;
const BYTES_PER_TRIM: u64 = 2 << 20;
/// How often an erasure waits (a quarter of a second each) for readers that still look at the old pages.
const WAITS_FOR_READERS: usize = 40;
/// How often a released reserve is looked after.
const PATROL: Duration = Duration::from_secs(1);

/// Locked before the writer's connection where both are.
#[derive(Debug)]
pub(super) struct Upkeep {
    connection: Mutex<Connection>,
    appended: AtomicU64,
    carry_over_bytes: u64,
}

impl Upkeep {
    pub(super) fn new(connection: Connection, carry_over_bytes: u64) -> Self {
        Upkeep { connection: Mutex::new(connection), appended: AtomicU64::new(0), carry_over_bytes }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Connection> {
        self.connection.lock()
    }

    pub(super) fn count(&self, bytes: u64) {
        self.appended.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(super) fn is_due(&self) -> bool {
        self.appended.load(Ordering::Relaxed) >= self.carry_over_bytes
    }
}

impl Shared {
    /// The upkeep thread's life: until the journal is dropped.
    pub(super) fn keep_up(&self, woken: &Receiver<()>) {
        loop {
            match woken.recv_timeout(PATROL) {
                Err(RecvTimeoutError::Disconnected) => break,
                Ok(()) | Err(RecvTimeoutError::Timeout) => {}
            }
            let done = self.patrol();
            if let Err(error) = done {
                tracing::error!(%error, "journal upkeep");
            }
        }
    }

    /// Leaves one file behind, if nothing is in doubt and there is room. Else the next opening reads the write-ahead log.
    pub(super) fn close(&self) {
        if !self.reserve.is_released() {
            let _ = self.carry_over(&self.upkeep.lock(), "TRUNCATE");
        }
    }

    fn patrol(&self) -> Result<(), Error> {
        let connection = self.upkeep.lock();
        if self.reserve.is_released() {
            self.reserve.restore(&self.write.lock())?;
        }
        // On a full disk, carrying over would take the room that the finishes need.
        if self.upkeep.is_due() && !self.reserve.is_released() {
            self.upkeep.appended.store(0, Ordering::Relaxed);
            // The bulk is copied while appends go on; then the rest, for which they wait, so that the log can begin
            // anew in its own blocks (writing over them is cheaper to sync than growing the file).
            self.carry_over(&connection, "PASSIVE")?;
            let _no_append = self.write.lock();
            self.carry_over(&connection, "RESTART")?;
        }
        Ok(())
    }

    /// Copies the write-ahead log into the file. Returns whether all of it was.
    fn carry_over(&self, connection: &Connection, mode: &str) -> Result<bool, Error> {
        self.health.check()?;
        let pragma = format!("PRAGMA wal_checkpoint({mode})");
        let busy = connection.query_row(&pragma, [], |row| row.get::<_, i64>(0));
        match busy {
            Ok(busy) => Ok(busy == 0),
            Err(cause) => match cause.sqlite_error_code() {
                // The log stays as it is and grows: the appends will say when the disk is full.
                Some(ErrorCode::DiskFull | ErrorCode::DatabaseBusy) => Ok(false),
                _ => Err(self.health.note(Error::ambiguous("carrying the write-ahead log over", cause))),
            },
        }
    }

    pub(super) fn trim(&self, log: LogId, below: u64) -> Result<(), Error> {
        let mut connection = self.upkeep.lock();
        let no_append = self.write.lock();
        // First the promise that nobody reads there any more, then the rows, a few at a time.
        let number = self.health.write(&mut connection, "trimming", |sql| {
            let row = row(sql, log)?;
            let published = stated_size(row.published.as_ref())?;
            if below > published {
                return Err(Error::Unpublished { below, published }.into());
            }
            let update = "UPDATE head SET trimmed = max(trimmed, ?) WHERE number = ?";
            sql.prepare_cached(update)?.execute(params![below as i64, row.number])?;
            Ok(row.number)
        })?;
        drop(no_append);
        loop {
            // Taken for each few rows, so that an append never waits by SQLite's clock, which is coarse.
            let no_append = self.write.lock();
            let deleted = self.health.write(&mut connection, "trimming", |sql| delete_below(sql, number, below))?;
            drop(no_append);
            self.upkeep.count(deleted.bytes);
            if deleted.rows == 0 {
                return Ok(());
            }
        }
    }

    pub(super) fn erase(&self, log: LogId, mut positions: Vec<u64>) -> Result<(), Error> {
        positions.sort_unstable();
        let mut connection = self.upkeep.lock();
        let no_append = self.write.lock();
        self.health.write(&mut connection, "erasing", |sql| {
            let row = row(sql, log)?;
            positions.retain(|position| *position < row.head.size());
            for (key, places) in batches_of(sql, row.number, &positions)? {
                blank(sql, key, &places)?;
            }
            Ok(())
        })?;
        drop(no_append);
        // The old pages lie in the write-ahead log until it is carried over and cut off.
        for _ in 0..WAITS_FOR_READERS {
            let _no_append = self.write.lock();
            if self.carry_over(&connection, "TRUNCATE")? {
                return Ok(());
            }
        }
        Err(Error::storage("erasing", "a reader still holds the old pages; erase again"))
    }
}

struct Deleted {
    rows: usize,
    bytes: u64,
}

/// Deletes the oldest batches that lie below a position entirely.
fn delete_below(sql: &Connection, number: i64, below: u64) -> Result<Deleted, Failure> {
    let select = "SELECT key, count, length(frame) FROM batch WHERE key >= ? AND key < ? ORDER BY key LIMIT ?";
    let mut oldest = sql.prepare_cached(select)?;
    let range = params![key(number, 0)?, key(number, below)?, ROWS_PER_TRIM as i64];
    let mut rows = oldest.query(range)?;
    let mut deleted = Deleted { rows: 0, bytes: 0 };
    let mut last = None;
    while let Some(found) = rows.next()? {
        let (key, count, bytes): (i64, i64, i64) = (found.get(0)?, found.get(1)?, found.get(2)?);
        if position(key).saturating_add(count as u64) > below || deleted.bytes >= BYTES_PER_TRIM {
            break;
        }
        last = Some(key);
        deleted.rows += 1;
        deleted.bytes += bytes as u64;
    }
    drop(rows);
    if let Some(last) = last {
        let delete = "DELETE FROM batch WHERE key >= ? AND key <= ?";
        sql.prepare_cached(delete)?.execute(params![key(number, 0)?, last])?;
    }
    Ok(deleted)
}

/// The batches that hold these positions, each with the places within it; positions that were trimmed are left out.
fn batches_of(sql: &Connection, number: i64, positions: &[u64]) -> Result<BTreeMap<i64, Vec<usize>>, Failure> {
    let mut found: BTreeMap<i64, Vec<usize>> = BTreeMap::new();
    let select = "SELECT key, count FROM batch WHERE key >= ? AND key <= ? ORDER BY key DESC LIMIT 1";
    let mut batch = sql.prepare_cached(select)?;
    for at in positions {
        let range = params![key(number, 0)?, key(number, *at)?];
        let row = batch.query_row(range, |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?))).optional()?;
        let Some((key, count)) = row else { continue };
        let place = at - position(key);
        if place < count as u64 {
            found.entry(key).or_default().push(place as usize);
        }
    }
    Ok(found)
}

/// Writes a batch again without the vault entries at these places.
fn blank(sql: &Connection, key: i64, places: &[usize]) -> Result<(), Failure> {
    let frame = sql.query_row("SELECT frame FROM batch WHERE key = ?", [key], |row| row.get(0))?;
    let mut entries = frame::decode(position(key), frame)?;
    for place in places {
        if let Some(entry) = entries.get_mut(*place) {
            entry.vault = Bytes::new();
        }
    }
    let frame = frame::encode(position(key), &entries);
    sql.execute("UPDATE batch SET frame = ? WHERE key = ?", params![frame, key])?;
    Ok(())
}
