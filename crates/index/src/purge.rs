//! Erasure: what a destroyed key had opened leaves the rows, the full text and the files.

use std::collections::BTreeSet;

use countersign_evidence::trace::place_of;
use rusqlite::params;
use uuid::Uuid;

use crate::apply::{Batch, Writer};
use crate::error::IndexError;
use crate::store::signed;
use crate::terms::Kind;

impl Batch<'_> {
    /// Notes which keys are to be destroyed, until a record says that they are.
    pub(crate) fn ask_for_erasure(&mut self, position: u64, keys: &[Uuid]) -> Result<(), IndexError> {
        for key in keys {
            self.connection
                .execute(
                    "INSERT OR REPLACE INTO erasing (key, position) VALUES (?1, ?2)",
                    params![key.as_bytes().as_slice(), signed(position)],
                )
                .map_err(IndexError::storage("writing the index"))?;
        }
        Ok(())
    }

    /// Reads every action again that something was sealed in under one of these keys. What comes out is what an index built
    /// from scratch would hold.
    pub(crate) fn erase(&mut self, keys: &[Uuid]) -> Result<(), IndexError> {
        let storage = IndexError::storage("erasing from the index");
        self.flush()?;
        for key in keys {
            self.memory.erased.insert(*key);
            self.connection
                .execute("DELETE FROM erasing WHERE key = ?1", params![key.as_bytes().as_slice()])
                .map_err(&storage)?;
            self.connection
                .execute("INSERT OR IGNORE INTO erased (key) VALUES (?1)", params![key.as_bytes().as_slice()])
                .map_err(&storage)?;
        }
        let rows = self.sealed_by(keys).map_err(&storage)?;
        let mut of_subject = Vec::new();
        for row in &rows {
            let id =
                self.connection.query_row("SELECT id FROM action WHERE row = ?1", [signed(*row)], |row| row.get(0));
            let id: Vec<u8> = id.map_err(&storage)?;
            let Ok(id) = Uuid::from_slice(&id) else { continue };
            let Some(positions) = crate::apply::positions(self.connection, id)? else { continue };
            let mut tracked = self.source().fold(&positions)?;
            tracked.stored = true;
            if tracked.open.sealed_by.first().is_some_and(|subject| keys.contains(subject)) {
                let correlation = tracked.action.proposed.correlation.clone();
                of_subject.push((place_of(id, &correlation).0, correlation));
            }
            self.store().save(&mut tracked).map_err(&storage)?;
            self.memory.tracked.remove(&id);
            self.dirty.remove(&id);
        }
        // The full text marks what is deleted; only writing a table anew takes it out.
        for segment in rows.iter().map(|row| row / self.memory.remembered.segment).collect::<BTreeSet<_>>() {
            let optimize = format!("INSERT INTO words_{segment} (words_{segment}) VALUES ('optimize')");
            self.connection.execute(&optimize, []).map_err(&storage)?;
        }
        // Before this batch is committed: if it is not, it is read again, and this is done again.
        if let Some(runtime) = self.setup.runtime.as_ref().filter(|_| !of_subject.is_empty()) {
            runtime.forget(&of_subject)?;
        }
        self.erased = true;
        Ok(())
    }

    fn sealed_by(&self, keys: &[Uuid]) -> rusqlite::Result<BTreeSet<u64>> {
        let terms = keys.iter().map(|key| format!("\"{}\"", self.terms.term(Kind::SealedBy, &key.to_string())));
        let question = terms.collect::<Vec<_>>().join(" OR ");
        let mut rows = BTreeSet::new();
        if keys.is_empty() {
            return Ok(rows);
        }
        for segment in &self.memory.remembered.segments {
            let select = format!("SELECT rowid FROM words_{segment} WHERE words_{segment} MATCH ?1");
            let mut select = self.connection.prepare(&select)?;
            for row in select.query_map([&question], |row| row.get::<_, i64>(0))? {
                rows.insert(row?.unsigned_abs());
            }
        }
        Ok(rows)
    }
}

impl Writer {
    /// After an erasure: the write-ahead log is carried over and cut to nothing. Tried again with the next batch where a
    /// reader stands in the way.
    pub(crate) fn purge_files(&mut self) -> Result<(), IndexError> {
        if !self.unpurged {
            return Ok(());
        }
        let storage = IndexError::storage("erasing from the index's files");
        let cut = self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, i64>(0));
        if cut.map_err(&storage)? == 0 {
            self.connection.execute("UPDATE state SET unpurged = 0", []).map_err(&storage)?;
            self.unpurged = false;
        } else {
            tracing::warn!(
                "a reader keeps the index from cutting its write-ahead log after an erasure; it is tried again"
            );
        }
        Ok(())
    }
}
