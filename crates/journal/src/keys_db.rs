//! `keys.db`: the file that the key store and the credentials share, one connection behind a lock.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use rusqlite::{Connection, Transaction, TransactionBehavior};

use crate::folder::DataFolder;
use crate::keystore::KeyStoreError;

/// Rises with the tables, and with the form of what whoever uses them seals into them (labels and names).
const FORMAT: i64 = 3;
const SCHEMA: &str = "
    CREATE TABLE master (epoch INTEGER PRIMARY KEY, proof BLOB NOT NULL) STRICT;
    CREATE TABLE key (
        id TEXT PRIMARY KEY, kind TEXT NOT NULL, tag BLOB NOT NULL, generation INTEGER NOT NULL, epoch INTEGER,
        wrapped BLOB, UNIQUE (tag, generation)
    ) STRICT;
    CREATE TABLE secret (name TEXT PRIMARY KEY, wrapped BLOB NOT NULL) STRICT;
    CREATE TABLE api_key (
        id TEXT PRIMARY KEY, kind TEXT NOT NULL, hash BLOB NOT NULL UNIQUE, scope TEXT NOT NULL, label BLOB NOT NULL,
        created INTEGER NOT NULL, revoked INTEGER
    ) STRICT;
    CREATE TABLE person (
        id TEXT PRIMARY KEY, groups TEXT NOT NULL, roles TEXT NOT NULL, until INTEGER, name BLOB NOT NULL,
        created INTEGER NOT NULL, revoked INTEGER
    ) STRICT;
    CREATE TABLE credential (
        id TEXT PRIMARY KEY, person TEXT NOT NULL, kind TEXT NOT NULL, tag BLOB NOT NULL UNIQUE, secret BLOB NOT NULL,
        label BLOB NOT NULL, created INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX credential_person ON credential (person);
    CREATE TABLE session (
        id TEXT PRIMARY KEY, hash BLOB NOT NULL UNIQUE, person TEXT NOT NULL, method TEXT NOT NULL, strength TEXT NOT NULL,
        created INTEGER NOT NULL, proved INTEGER NOT NULL, seen INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX session_person ON session (person);
    CREATE TABLE invitation (
        hash BLOB PRIMARY KEY, person TEXT NOT NULL, created INTEGER NOT NULL, expires INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE delegation (
        id TEXT PRIMARY KEY, giver TEXT NOT NULL, taker TEXT NOT NULL, since INTEGER NOT NULL, until INTEGER NOT NULL
    ) STRICT;
    PRAGMA user_version = 3;
";

/// What came later, and leaves files of before as they are.
const ADDED: &str = "
    CREATE TABLE IF NOT EXISTS saved_view (id TEXT PRIMARY KEY, person TEXT NOT NULL, text BLOB NOT NULL) STRICT;
";

/// An open `keys.db`.
#[derive(Debug, Clone)]
pub(crate) struct KeysDb {
    connection: Arc<Mutex<Connection>>,
    /// Held so that no other process opens the folder meanwhile.
    _folder: Arc<DataFolder>,
}

impl KeysDb {
    pub(crate) fn open(folder: Arc<DataFolder>) -> Result<Self, KeyStoreError> {
        let path = folder.private_file("keys.db");
        let path =
            path.map_err(|cause| KeyStoreError::Storage { doing: "opening keys.db", cause: cause.to_string() })?;
        let opened = Connection::open(path)?;
        opened.busy_timeout(Duration::from_secs(10))?;
        let found: i64 = opened.pragma_query_value(None, "user_version", |row| row.get(0))?;
        if found != 0 && found != FORMAT {
            return Err(KeyStoreError::Format { found, read: FORMAT });
        }
        opened.pragma_update(None, "journal_mode", "WAL")?;
        opened.pragma_update(None, "synchronous", "FULL")?;
        // Destroyed keys shall not lie about in free pages.
        opened.pragma_update(None, "secure_delete", "ON")?;
        opened.pragma_update(None, "trusted_schema", "OFF")?;
        if found == 0 {
            opened.execute_batch(&format!("BEGIN IMMEDIATE; {SCHEMA} COMMIT;"))?;
        }
        opened.execute_batch(ADDED)?;
        Ok(KeysDb { connection: Arc::new(Mutex::new(opened)), _folder: folder })
    }

    /// Reads, or writes one statement.
    pub(crate) fn with<T, E>(&self, work: impl FnOnce(&Connection) -> Result<T, E>) -> Result<T, E> {
        work(&self.connection.lock())
    }

    /// One transaction: durable when it returns.
    pub(crate) fn write<T, E: From<rusqlite::Error>>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let mut connection = self.connection.lock();
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let value = work(&transaction)?;
        transaction.commit()?;
        Ok(value)
    }

    /// Carries the write-ahead log over and cuts it off: older pages are gone then.
    pub(crate) fn forget_old_pages(&self) -> rusqlite::Result<bool> {
        let connection = self.connection.lock();
        connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| Ok(row.get::<_, i64>(0)? == 0))
    }
}
