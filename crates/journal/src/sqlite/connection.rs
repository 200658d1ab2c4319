//! Opening connections, and what SQLite's errors mean to a caller.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags, Transaction, TransactionBehavior};

use crate::error::Error;

/// Longest wait for the upkeep's short transactions.
const BUSY: Duration = Duration::from_secs(30);
/// Longest wait of the upkeep for readers, while appends wait for it.
const BUSY_UPKEEP: Duration = Duration::from_millis(250);

/// One row per log, and one per batch. A batch's key is its log's number and its first position (see [`key`]), so the
/// only tree that an append touches is the one that grows at its right edge.
const SCHEMA: &str = "
    CREATE TABLE head (
        number INTEGER PRIMARY KEY, log BLOB NOT NULL UNIQUE, epoch INTEGER NOT NULL, frontier BLOB NOT NULL,
        trimmed INTEGER NOT NULL, published TEXT
    ) STRICT;
    CREATE TABLE batch (key INTEGER PRIMARY KEY, count INTEGER NOT NULL, root BLOB NOT NULL, frame BLOB NOT NULL) STRICT;
    PRAGMA user_version = 1;
";
const POSITION_BITS: u32 = 44;

/// Key of the batch that begins at `position` of the log with this number: 2^19 logs of 2^44 entries.
pub(crate) fn key(number: i64, position: u64) -> Result<i64, Error> {
    let fits = position < 1 << POSITION_BITS && (0..1 << (63 - POSITION_BITS)).contains(&number);
    let full = || Error::storage("addressing an entry", "a journal holds at most 2^19 logs of 2^44 entries");
    fits.then_some(number << POSITION_BITS | position as i64).ok_or_else(full)
}

/// The position within its log that a key names.
pub(crate) fn position(key: i64) -> u64 {
    key as u64 & ((1 << POSITION_BITS) - 1)
}

pub(crate) fn open_for_writing(path: &Path, sync: bool) -> Result<Connection, Error> {
    let opened = Connection::open(path).map_err(|cause| unopened(path, cause))?;
    configure(&opened, sync).map_err(|cause| unopened(path, cause))?;
    match opened.pragma_query_value(None, "user_version", |row| row.get::<_, i64>(0)) {
        Ok(0) => opened
            .execute_batch(&format!("BEGIN IMMEDIATE; {SCHEMA} COMMIT;"))
            .map_err(|cause| unopened(path, cause))?,
        Ok(1) => {}
        Ok(version) => {
            let what = format!("{} has format {version}, this program knows format 1", path.display());
            return Err(Error::corrupt(what));
        }
        Err(cause) => return Err(unopened(path, cause)),
    }
    Ok(opened)
}

fn configure(opened: &Connection, sync: bool) -> rusqlite::Result<()> {
    // Closing would sync once more, also after a sync has failed: dropping the journal does it, if all is well.
    opened.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    opened.busy_timeout(BUSY)?;
    opened.set_prepared_statement_cache_capacity(32);
    opened.pragma_update(None, "journal_mode", "WAL")?;
    opened.pragma_update(None, "synchronous", if sync { "FULL" } else { "OFF" })?;
    opened.pragma_update(None, "wal_autocheckpoint", 0)?;
    // What is trimmed or erased shall not lie about in free pages.
    opened.pragma_update(None, "secure_delete", "ON")?;
    opened.pragma_update(None, "temp_store", "MEMORY")?;
    opened.pragma_update(None, "trusted_schema", "OFF")?;
    opened.pragma_update(None, "cell_size_check", "ON")
}

/// A connection for work that need not be durable at once: its commits do not wait for the disk, its carrying over does.
pub(crate) fn open_for_upkeep(path: &Path, sync: bool) -> Result<Connection, Error> {
    let opened = open_for_writing(path, sync)?;
    let mode = if sync { "NORMAL" } else { "OFF" };
    opened.pragma_update(None, "synchronous", mode).map_err(|cause| unopened(path, cause))?;
    opened.busy_timeout(BUSY_UPKEEP).map_err(|cause| unopened(path, cause))?;
    Ok(opened)
}

pub(crate) fn open_for_reading(path: &Path) -> Result<Connection, Error> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let opened = Connection::open_with_flags(path, flags).map_err(|cause| unopened(path, cause))?;
    opened.busy_timeout(BUSY).map_err(|cause| unopened(path, cause))?;
    opened.set_prepared_statement_cache_capacity(32);
    Ok(opened)
}

fn unopened(path: &Path, cause: rusqlite::Error) -> Error {
    match cause.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => Error::Full,
        Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => {
            Error::ReadOnly { path: path.to_owned(), cause: cause.to_string() }
        }
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
            Error::corrupt(format!("{} is damaged: {cause}", path.display()))
        }
        _ => Error::storage("opening journal.db", cause),
    }
}

/// An error while reading: nothing can have changed.
pub(crate) fn unread(cause: rusqlite::Error) -> Error {
    match cause.sqlite_error_code() {
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
            Error::corrupt(format!("journal.db is damaged: {cause}"))
        }
        _ => Error::storage("reading the journal", cause),
    }
}

/// Whether writes are still to be trusted.
#[derive(Debug, Default)]
pub(crate) struct Health {
    poisoned: AtomicBool,
}

impl Health {
    pub(crate) fn check(&self) -> Result<(), Error> {
        if self.poisoned.load(Ordering::Acquire) { Err(Error::Poisoned) } else { Ok(()) }
    }

    /// Notes an error in doubt: from here on every write is refused.
    pub(crate) fn note(&self, error: Error) -> Error {
        if !error.is_certain() {
            self.poisoned.store(true, Ordering::Release);
        }
        error
    }

    /// One write transaction. An error that `work` returns itself rolls it back and is certain; so is a full disk,
    /// since a commit without its last frame is none. Everything else that SQLite reports is in doubt.
    pub(crate) fn write<T>(
        &self,
        connection: &mut Connection,
        doing: &'static str,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, Failure>,
    ) -> Result<T, Error> {
        self.check()?;
        let begun = connection.transaction_with_behavior(TransactionBehavior::Immediate);
        let transaction = begun.map_err(|cause| match cause.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy) => Error::storage(doing, "the journal is busy"),
            _ => self.note(judge(doing, cause)),
        })?;
        let done = match work(&transaction) {
            Ok(value) => transaction.execute_batch("COMMIT").map(|()| value).map_err(Failure::Sql),
            Err(failure) => Err(failure),
        };
        let failure = match done {
            Ok(value) => return Ok(value),
            Err(failure) => failure,
        };
        let rolled_back = transaction.is_autocommit() || transaction.execute_batch("ROLLBACK").is_ok();
        let error = match failure {
            Failure::Refused(error) => error,
            Failure::Sql(cause) => judge(doing, cause),
        };
        let error = if rolled_back { error } else { Error::ambiguous(doing, error) };
        Err(self.note(error))
    }
}

/// Why a transaction did not commit.
#[derive(Debug)]
pub(crate) enum Failure {
    /// We decided against it.
    Refused(Error),
    /// SQLite could not.
    Sql(rusqlite::Error),
}

impl From<rusqlite::Error> for Failure {
    fn from(cause: rusqlite::Error) -> Self {
        Failure::Sql(cause)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Failure::Refused(error)
    }
}

fn judge(doing: &'static str, cause: rusqlite::Error) -> Error {
    match cause.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => Error::Full,
        Some(ErrorCode::ReadOnly) => Error::ReadOnly { path: "journal.db".into(), cause: cause.to_string() },
        _ => Error::ambiguous(doing, cause),
    }
}
