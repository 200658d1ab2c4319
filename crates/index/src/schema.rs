//! The tables, and how connections are set up.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

const FORMAT: i64 = 6;
const BUSY: Duration = Duration::from_secs(30);
/// Kibibytes of pages that the writer and each reader keep.
const WRITER_CACHE_KIB: i64 = 32 << 10;
const READER_CACHE_KIB: i64 = 8 << 10;
/// Pages (of 4 KiB) after which the write-ahead log is carried over: pages that many batches touch are carried once.
const CHECKPOINT_PAGES: i64 = 8192;

/// Log positions whose actions share one full-text table. An insert only ever touches the newest one, so it costs the same
/// however large the index is; an erasure rewrites only those that held something.
pub(crate) const SEGMENT: u64 = 1 << 19;

/// `action.row` is the log position of the action's first record, so the table grows at its right edge and lists need no
/// sorting. Texts that repeat are in `name`. `review` and `deed` are of the actions alone that people were asked about. `reference` finds what is asked for exactly and arrives late or often.
const SCHEMA: &str = "
    CREATE TABLE state (only INTEGER PRIMARY KEY CHECK (only = 1), origin TEXT NOT NULL, keyed INTEGER NOT NULL,
        segment INTEGER NOT NULL,
        frontier BLOB NOT NULL, last_leaf BLOB, unpurged INTEGER NOT NULL DEFAULT 0) STRICT;
    CREATE TABLE name (id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE) STRICT;
    CREATE TABLE action (
        row INTEGER PRIMARY KEY, id BLOB NOT NULL, time INTEGER NOT NULL, closed INTEGER, positions BLOB NOT NULL,
        agent INTEGER NOT NULL, tool INTEGER NOT NULL, environment INTEGER NOT NULL, category INTEGER NOT NULL,
        decision INTEGER, state INTEGER NOT NULL, risk INTEGER NOT NULL, rules BLOB, reviewers BLOB,
        key INTEGER NOT NULL, request ANY NOT NULL, resource_type INTEGER, user TEXT, resource TEXT,
        session ANY, trace ANY, call ANY, conversation ANY, ticket ANY, downstream ANY, redeemed ANY,
        outcome INTEGER, matches INTEGER, refusals INTEGER NOT NULL, fingerprint BLOB, subject INTEGER
    ) STRICT;
    CREATE INDEX action_id ON action (id);
    CREATE INDEX action_time ON action (time);
    CREATE INDEX action_state ON action (state) WHERE state <> 3;
    CREATE TABLE review (row INTEGER PRIMARY KEY, asked INTEGER NOT NULL, rules BLOB NOT NULL, presented INTEGER,
        ended INTEGER, how INTEGER, escalated INTEGER NOT NULL, characters INTEGER) STRICT;
    CREATE INDEX review_asked ON review (asked);
    CREATE TABLE deed (row INTEGER NOT NULL, step INTEGER NOT NULL, reviewer INTEGER NOT NULL, time INTEGER NOT NULL,
        did INTEGER NOT NULL, active_ms INTEGER, expanded_all INTEGER, PRIMARY KEY (row, step)) STRICT, WITHOUT ROWID;
    CREATE TABLE reference (term INTEGER NOT NULL, row INTEGER NOT NULL, PRIMARY KEY (term, row)) STRICT, WITHOUT ROWID;
    CREATE TABLE used (agent INTEGER NOT NULL, tool INTEGER NOT NULL, definition BLOB NOT NULL,
        PRIMARY KEY (agent, tool, definition)) STRICT, WITHOUT ROWID;
    CREATE TABLE segment (number INTEGER PRIMARY KEY) STRICT;
    CREATE TABLE policy (position INTEGER PRIMARY KEY, version TEXT NOT NULL, digest TEXT NOT NULL, time INTEGER NOT NULL,
        tests INTEGER NOT NULL) STRICT;
    CREATE TABLE erasing (key BLOB PRIMARY KEY, position INTEGER NOT NULL) STRICT, WITHOUT ROWID;
    CREATE TABLE revoked (key BLOB PRIMARY KEY) STRICT, WITHOUT ROWID;
    CREATE TABLE access (person BLOB PRIMARY KEY, groups TEXT NOT NULL, roles TEXT, until INTEGER) STRICT, WITHOUT ROWID;
    CREATE TABLE standing (id BLOB PRIMARY KEY, position INTEGER NOT NULL, used INTEGER NOT NULL, revoked INTEGER)
        STRICT, WITHOUT ROWID;
    CREATE TABLE definition (server TEXT NOT NULL, digest BLOB NOT NULL, position INTEGER NOT NULL,
        PRIMARY KEY (server, digest)) STRICT, WITHOUT ROWID;
    CREATE TABLE erased (key BLOB PRIMARY KEY) STRICT, WITHOUT ROWID;
    PRAGMA user_version = 6;
";

/// Opens the writer's connection and makes the tables where there are none; `None` where the file is of another format.
pub(crate) fn open_writer(path: &Path) -> rusqlite::Result<Option<Connection>> {
    let opened = open(path)?;
    match opened.pragma_query_value(None, "user_version", |row| row.get::<_, i64>(0))? {
        0 => opened.execute_batch(&format!("BEGIN IMMEDIATE; {SCHEMA} COMMIT;"))?,
        FORMAT => {}
        _ => return Ok(None),
    }
    Ok(Some(opened))
}

/// A connection that writes, whatever the tables.
pub(crate) fn open(path: &Path) -> rusqlite::Result<Connection> {
    let opened = Connection::open(path)?;
    keep_plans(&opened)?;
    opened.busy_timeout(BUSY)?;
    opened.set_prepared_statement_cache_capacity(64);
    opened.pragma_update(None, "journal_mode", "WAL")?;
    // Not evidence: what a crash takes is read again from the log.
    opened.pragma_update(None, "synchronous", "NORMAL")?;
    opened.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
    opened.pragma_update(None, "cache_size", -WRITER_CACHE_KIB)?;
    // What is erased must not lie about in free pages.
    opened.pragma_update(None, "secure_delete", "ON")?;
    opened.pragma_update(None, "temp_store", "MEMORY")?;
    opened.pragma_update(None, "trusted_schema", "OFF")?;
    Ok(opened)
}

pub(crate) fn open_reader(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let opened = Connection::open_with_flags(path, flags)?;
    keep_plans(&opened)?;
    opened.busy_timeout(BUSY)?;
    opened.set_prepared_statement_cache_capacity(64);
    opened.pragma_update(None, "cache_size", -READER_CACHE_KIB)?;
    opened.pragma_update(None, "temp_store", "MEMORY")?;
    Ok(opened)
}

/// Without this SQLite plans a statement anew whenever another value is bound to it.
fn keep_plans(connection: &Connection) -> rusqlite::Result<()> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true).map(|_| ())
}

/// The full-text table of a segment. Without positions and columns (`detail=none`) and without the text itself.
pub(crate) fn create_segment(connection: &Connection, number: u64) -> rusqlite::Result<()> {
    connection.execute_batch(&format!(
        "CREATE VIRTUAL TABLE words_{number} USING fts5(text, content='', contentless_delete=1, detail=none,
             tokenize='ascii');
         INSERT INTO segment (number) VALUES ({number});"
    ))
}

/// The files of the index at `path`.
pub(crate) fn files(path: &Path) -> [PathBuf; 3] {
    ["", "-wal", "-shm"].map(|suffix| {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        PathBuf::from(name)
    })
}

/// Deletes the index: it is built anew from the log.
pub(crate) fn remove(path: &Path) -> std::io::Result<()> {
    for file in files(path) {
        match std::fs::remove_file(file) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}
