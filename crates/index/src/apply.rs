//! Reading the log: batch by batch, each in one transaction.

use std::collections::{BTreeSet, HashMap, HashSet};

use countersign_evidence::digest::Digest;
use countersign_evidence::record::{Body, Envelope};
use countersign_tlog::{Frontier, leaf_hash};
use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};
use uuid::Uuid;

use crate::error::IndexError;
use crate::index::Setup;
use crate::packed::unpack_positions;
use crate::reread::Records;
use crate::store::{Remembered, Store};
use crate::terms::Terms;
use crate::tracked::{Text, Tracked};

/// Records in one transaction.
const MOST_RECORDS: usize = 4_096;
/// Actions whose state is kept in memory from one batch to the next; others are read again from the log.
const MOST_TRACKED: usize = 20_000;

/// An envelope and its vault entry.
pub(crate) type Bytes<'a> = (&'a [u8], &'a [u8]);

/// The one connection that writes, and what it need not read again.
pub(crate) struct Writer {
    pub(crate) connection: Connection,
    pub(crate) frontier: Frontier,
    pub(crate) memory: Memory,
    /// An erasure is committed, and the write-ahead log may still hold what was erased.
    pub(crate) unpurged: bool,
}

pub(crate) struct Memory {
    pub(crate) tracked: HashMap<Uuid, Box<Tracked>>,
    pub(crate) remembered: Remembered,
    pub(crate) erased: HashSet<Uuid>,
}

impl Writer {
    /// Reads the records from position `from` on.
    pub(crate) fn apply(
        &mut self,
        setup: &Setup,
        terms: &Terms,
        from: u64,
        records: &[Bytes<'_>],
        mut each: impl FnMut(u64),
    ) -> Result<(), IndexError> {
        if from != self.frontier.size() {
            return Err(IndexError::OutOfOrder { next: self.frontier.size(), found: from });
        }
        for chunk in records.chunks(MOST_RECORDS) {
            if let Err(error) = self.batch(setup, terms, chunk) {
                // What memory holds may be ahead of what is committed.
                self.memory = Memory::load(&self.connection).map_err(IndexError::storage("reading the index"))?;
                return Err(error);
            }
            // Whoever waits for an erasure to be read must not find the erased words afterwards.
            let purged = self.purge_files();
            each(self.frontier.size());
            purged?;
        }
        Ok(())
    }

    fn batch(&mut self, setup: &Setup, terms: &Terms, records: &[Bytes<'_>]) -> Result<(), IndexError> {
        let storage = IndexError::storage("writing the index");
        let begun = self.connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(&storage)?;
        let mut frontier = self.frontier.clone();
        let from = frontier.size();
        let mut batch = Batch {
            connection: &begun,
            memory: &mut self.memory,
            setup,
            terms,
            from,
            records,
            dirty: BTreeSet::new(),
            erased: false,
        };
        for (position, (envelope, vault)) in (from..).zip(records) {
            let leaf = leaf_hash(envelope);
            batch.record(position, Digest(leaf.0), envelope, vault)?;
            frontier.push(leaf);
        }
        batch.flush()?;
        let (erased, touched) = (batch.erased, std::mem::take(&mut batch.dirty));
        let last_leaf = records.last().map(|(envelope, _)| leaf_hash(envelope).0);
        begun
            .prepare_cached("UPDATE state SET frontier = ?1, last_leaf = ?2, unpurged = unpurged OR ?3")
            .and_then(|mut update| update.execute(params![frontier.to_bytes(), last_leaf, erased]))
            .map_err(&storage)?;
        begun.commit().map_err(&storage)?;
        self.frontier = frontier;
        self.unpurged |= erased;
        self.memory.forget(&touched);
        Ok(())
    }
}

impl Memory {
    /// What is committed: the full-text tables that there are, and the keys that are gone.
    pub(crate) fn load(connection: &Connection) -> rusqlite::Result<Self> {
        let segment = connection.query_row("SELECT segment FROM state", [], |row| row.get::<_, i64>(0))?;
        let remembered = Remembered::new(segment.unsigned_abs().max(1));
        let mut memory = Memory { tracked: HashMap::new(), remembered, erased: HashSet::new() };
        for number in connection.prepare("SELECT number FROM segment")?.query_map([], |row| row.get::<_, i64>(0))? {
            memory.remembered.segments.insert(number?.unsigned_abs());
        }
        for key in connection.prepare("SELECT key FROM erased")?.query_map([], |row| row.get::<_, Vec<u8>>(0))? {
            memory.erased.extend(Uuid::from_slice(&key?));
        }
        Ok(memory)
    }

    /// Ended actions are let go of, and all that were not just touched where there are too many.
    fn forget(&mut self, touched: &BTreeSet<Uuid>) {
        self.tracked.retain(|_, tracked| !tracked.action.is_over());
        if self.tracked.len() > MOST_TRACKED {
            self.tracked.retain(|id, _| touched.contains(id));
        }
    }
}

/// One transaction's worth of records.
pub(crate) struct Batch<'a> {
    pub(crate) connection: &'a Connection,
    pub(crate) memory: &'a mut Memory,
    pub(crate) setup: &'a Setup,
    pub(crate) terms: &'a Terms,
    pub(crate) from: u64,
    pub(crate) records: &'a [Bytes<'a>],
    /// Actions touched in this batch.
    pub(crate) dirty: BTreeSet<Uuid>,
    pub(crate) erased: bool,
}

impl Batch<'_> {
    /// A record that does not read or does not follow is passed over: the log is what it is, and saying what is wrong with
    /// it is the verifier's work.
    fn record(&mut self, position: u64, leaf: Digest, bytes: &[u8], vault: &[u8]) -> Result<(), IndexError> {
        let envelope = match Envelope::read_own(bytes) {
            Ok(envelope) => envelope,
            Err(error) => {
                tracing::warn!(position, %error, "the index passes over a record that does not read");
                return Ok(());
            }
        };
        match &envelope.body {
            Body::PolicyActivated(activated) => {
                let stored = self.store().policy(position, envelope.time, activated);
                stored.map_err(IndexError::storage("writing the index"))
            }
            Body::SubjectErasureRequested(asked) => self.ask_for_erasure(position, &asked.keys),
            Body::SubjectErased(erased) => self.erase(&erased.keys),
            Body::KeyRevoked(revoked) => {
                self.store().revoked(revoked.key).map_err(IndexError::storage("writing the index"))
            }
            Body::StandingGranted(granted) => {
                self.store().granted(granted.standing, position).map_err(IndexError::storage("writing the index"))
            }
            Body::StandingRevoked(revoked) => {
                let stored = self.store().standing_revoked(revoked.standing, envelope.time);
                stored.map_err(IndexError::storage("writing the index"))
            }
            Body::ToolDefined(defined) => {
                self.store().defined(&defined.tool, position).map_err(IndexError::storage("writing the index"))
            }
            Body::AccessChanged(changed) => {
                self.store().access(changed).map_err(IndexError::storage("writing the index"))
            }
            _ => match envelope.link {
                Some(link) => self.step(link.action, position, leaf, &envelope, vault),
                None => Ok(()),
            },
        }
    }

    fn step(
        &mut self,
        action: Uuid,
        position: u64,
        leaf: Digest,
        envelope: &Envelope,
        vault: &[u8],
    ) -> Result<(), IndexError> {
        if !self.memory.tracked.contains_key(&action)
            && let Some(tracked) = self.known(action)?
        {
            self.memory.tracked.insert(action, Box::new(tracked));
        }
        if let Body::ReviewStandingUsed(used) = &envelope.body {
            let stored = self.store().standing_used(used.standing, used.number);
            stored.map_err(IndexError::storage("writing the index"))?;
        }
        let folded = match self.memory.tracked.get_mut(&action) {
            Some(tracked) => tracked.apply(envelope, leaf, position),
            None => match Tracked::begin(envelope, leaf, position) {
                Ok(tracked) => return self.begin(tracked, envelope, vault),
                Err(error) => Err(error),
            },
        };
        match folded {
            Ok(()) => {
                self.dirty.insert(action);
            }
            Err(error) => tracing::warn!(position, %error, "the index passes over a record that does not follow"),
        }
        Ok(())
    }

    fn begin(&mut self, mut tracked: Tracked, envelope: &Envelope, vault: &[u8]) -> Result<(), IndexError> {
        let records = self.source();
        records.open_proposed(&mut tracked.open, records.opener().open(envelope, vault)?);
        self.dirty.insert(tracked.action.id);
        self.memory.tracked.insert(tracked.action.id, Box::new(tracked));
        Ok(())
    }

    /// An action that has a row and is not in memory: read again.
    fn known(&self, action: Uuid) -> Result<Option<Tracked>, IndexError> {
        let Some(positions) = positions(self.connection, action)? else { return Ok(None) };
        let mut tracked = self.source().fold(&positions)?;
        tracked.stored = true;
        tracked.text = Text::Stored;
        tracked.open = Default::default();
        Ok(Some(tracked))
    }

    pub(crate) fn source(&self) -> Records<'_> {
        Records { setup: self.setup, erased: &self.memory.erased, from: self.from, at_hand: self.records }
    }

    pub(crate) fn store(&mut self) -> Store<'_> {
        Store { connection: self.connection, remembered: &mut self.memory.remembered, terms: self.terms }
    }

    /// Makes the rows of the touched actions say what their records say, in the order of the log.
    pub(crate) fn flush(&mut self) -> Result<(), IndexError> {
        let mut touched: Vec<Box<Tracked>> =
            self.dirty.iter().filter_map(|id| self.memory.tracked.remove(id)).collect();
        touched.sort_by_key(|tracked| tracked.row());
        for mut tracked in touched {
            if tracked.text == Text::Stale {
                let stored = tracked.stored;
                *tracked = self.source().fold(&tracked.positions)?;
                tracked.stored = stored;
            }
            self.store().save(&mut tracked).map_err(IndexError::storage("writing the index"))?;
            self.memory.tracked.insert(tracked.action.id, tracked);
        }
        Ok(())
    }
}

/// Positions of an action's records, where it has a row.
pub(crate) fn positions(connection: &Connection, action: Uuid) -> Result<Option<Vec<u64>>, IndexError> {
    let select = connection.prepare_cached("SELECT row, positions FROM action WHERE id = ?1 ORDER BY row LIMIT 1");
    let read = |row: &rusqlite::Row<'_>| Ok((row.get::<_, i64>(0)?.unsigned_abs(), row.get::<_, Vec<u8>>(1)?));
    let found = select.and_then(|mut select| select.query_row([action.as_bytes().as_slice()], read).optional());
    let found = found.map_err(IndexError::storage("reading the index"))?;
    Ok(found.map(|(row, steps)| unpack_positions(row, &steps)))
}
