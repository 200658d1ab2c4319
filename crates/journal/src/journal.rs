//! The seam: where envelopes become durable.

use std::fmt;

use async_trait::async_trait;
use bytes::Bytes;
use countersign_tlog::{Checkpoint, Frontier, Hash, Note, leaf_hash};
use uuid::Uuid;

use crate::error::Error;

/// Longest envelope in bytes: an entry of a C2SP tlog-tiles bundle has a 16-bit length. (The evidence format allows less.)
pub const MOST_ENVELOPE: usize = 65_535;
/// Longest vault entry in bytes.
pub const MOST_VAULT: usize = 64 << 20;
/// Most bytes of one batch, and most bytes that one [`Journal::read`] returns beyond its first entry.
pub const MOST_BATCH: usize = 128 << 20;

/// The random identity of a log; one log per workspace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LogId(pub Uuid);

impl fmt::Display for LogId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// One record as stored: opaque bytes both.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Entry {
    /// The canonical envelope: the Merkle leaf. Never empty.
    pub envelope: Bytes,
    /// The sealed vault entry; empty where the record has none or it was deleted.
    pub vault: Bytes,
}

/// Whether an append may use the room that is kept for the end of what has begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Priority {
    /// New work: refused with [`Error::Full`] once the disk is full.
    #[default]
    New,
    /// Finishes of open actions: may use the reserve.
    Finish,
}

/// Entries that become durable together or not at all.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Batch {
    /// In their order; at least one.
    pub entries: Vec<Entry>,
    /// Whether the reserve may be used.
    pub priority: Priority,
}

impl Batch {
    pub(crate) fn check(&self) -> Result<(), Error> {
        let too_large = |what, found, limit| Err(Error::TooLarge { what, found, limit });
        let mut total = 0;
        for entry in &self.entries {
            if entry.envelope.is_empty() {
                return Err(Error::storage("appending", "an envelope is empty"));
            }
            if entry.envelope.len() > MOST_ENVELOPE {
                return too_large("the envelope (bytes)", entry.envelope.len(), MOST_ENVELOPE);
            }
            if entry.vault.len() > MOST_VAULT {
                return too_large("the vault entry (bytes)", entry.vault.len(), MOST_VAULT);
            }
            total += entry.envelope.len() + entry.vault.len();
        }
        match total {
            0 => Err(Error::storage("appending", "the batch is empty")),
            1..=MOST_BATCH => Ok(()),
            _ => too_large("the batch (bytes)", total, MOST_BATCH),
        }
    }
}

/// Where a log stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// Which log.
    pub log: LogId,
    /// Rises with each opening for writing, so that an earlier writer is fenced off.
    pub epoch: u64,
    /// Size and root, as the tree's right edge.
    pub frontier: Frontier,
}

impl Head {
    /// The head of a log without entries.
    #[must_use]
    pub fn empty(log: LogId, epoch: u64) -> Self {
        Head { log, epoch, frontier: Frontier::new() }
    }

    /// Number of entries.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.frontier.size()
    }

    /// RFC 6962 root.
    #[must_use]
    pub fn root(&self) -> Hash {
        self.frontier.root()
    }

    /// The head after appending `entries`. Every journal and every reader gets to its heads through this function.
    #[must_use]
    pub fn after(&self, entries: &[Entry]) -> Head {
        let mut next = self.clone();
        for entry in entries {
            next.frontier.push(leaf_hash(&entry.envelope));
        }
        next
    }
}

/// A size and root that the log has had between two batches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Boundary {
    /// Number of entries.
    pub size: u64,
    /// RFC 6962 root.
    pub root: Hash,
}

/// Refuses to publish a note for a head whose size and root it does not state.
pub(crate) fn check_states(note: &Note, expected: &Head) -> Result<(), Error> {
    match Checkpoint::parse(note.text()) {
        Ok(stated) if stated.size() == expected.size() && stated.root() == expected.root() => Ok(()),
        _ => Err(Error::NotOfThisHead),
    }
}

/// Size of the tree that a published note states; 0 where nothing is published.
pub(crate) fn stated_size(note: Option<&Note>) -> Result<u64, Error> {
    let Some(note) = note else { return Ok(0) };
    let stated = Checkpoint::parse(note.text());
    Ok(stated.map_err(|cause| Error::corrupt(format!("the published checkpoint in the journal: {cause}")))?.size())
}

/// Where envelopes become durable. Each log's head is compare-and-set, so that two nodes, a restored backup or a
/// second process can never fork it.
///
/// After an error that is not [certain](Error::is_certain) the caller knows nothing: it exits and starts anew.
#[async_trait]
pub trait Journal: Send + Sync {
    /// Creates an empty log. A deliberate act: nothing else ever does.
    async fn create(&self, log: LogId) -> Result<(), Error>;

    /// Opens the log for writing: raises its epoch, which fences off whoever had it open before.
    async fn open(&self, log: LogId) -> Result<Head, Error>;

    /// Where the log stands now.
    async fn head(&self, log: LogId) -> Result<Head, Error>;

    /// Appends; durable when it returns. `expected` must be the log's head, else [`Error::Conflict`] or
    /// [`Error::Fenced`]. May block its thread for as long as the disk takes: call it from a thread of its own.
    async fn append(&self, expected: &Head, batch: Batch) -> Result<Head, Error>;

    /// Up to `most` entries from position `from` on; none only where `from` is the log's size or `most` is 0. May
    /// return fewer than there are, but at least one.
    async fn read(&self, log: LogId, from: u64, most: usize) -> Result<Vec<Entry>, Error>;

    /// The last boundary between batches that lies at most `bytes` of stored batches after position `from` (the end of
    /// a batch itself); the first one if a single batch is larger; `None` at the end of the log.
    async fn boundary(&self, log: LogId, from: u64, bytes: u64) -> Result<Option<Boundary>, Error>;

    /// Makes `checkpoint` the log's published checkpoint. `expected` must be a head that the log has had: same epoch as
    /// now, same root at its size; and not before the published one. [`Error::Conflict`] otherwise. The checkpoint must
    /// state that size and root. At the published size a checkpoint replaces itself (another cosignature).
    ///
    /// **No signature may leave the process before this has returned.**
    async fn publish(&self, expected: &Head, checkpoint: &Note) -> Result<(), Error>;

    /// The published checkpoint, if there is one.
    async fn published(&self, log: LogId) -> Result<Option<Note>, Error>;

    /// Lets go of the entries below a position. Only what tiles and vault hold durably and the index has read: at most
    /// the published size.
    async fn trim(&self, log: LogId, below: u64) -> Result<(), Error>;

    /// Deletes the vault entries at these positions, as far as the journal still has them; the envelopes stay. The
    /// bytes are gone from the journal's files when it returns.
    async fn erase(&self, log: LogId, positions: &[u64]) -> Result<(), Error>;
}
