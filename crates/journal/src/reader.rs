//! One reader over tiles, vault and journal, so that nobody else knows where the line between them is.

use std::sync::Arc;

use countersign_tlog::{Checkpoint, Hash, Level, Note, Tile, leaf_hash};
use futures::FutureExt;
use futures::future::BoxFuture;

use crate::error::Error;
use crate::journal::{Boundary, Entry, Journal, LogId, stated_size};
use crate::proofs::prove;
use crate::store::Store;

/// How often a read starts over when publishing moves the line in the middle of it.
const TRIES: usize = 4;

/// Reads one log: everything that was ever appended, wherever it lies now.
#[derive(Clone)]
pub struct LogReader {
    journal: Arc<dyn Journal>,
    store: Store,
    log: LogId,
}

impl LogReader {
    /// A reader; it is cheap and may be cloned.
    #[must_use]
    pub fn new(journal: Arc<dyn Journal>, store: Store, log: LogId) -> Self {
        LogReader { journal, store, log }
    }

    /// Size and root of the log now, published or not.
    ///
    /// # Errors
    /// Those of [`Journal::head`].
    pub async fn head(&self) -> Result<Boundary, Error> {
        let head = self.journal.head(self.log).await?;
        Ok(Boundary { size: head.size(), root: head.root() })
    }

    /// The published checkpoint, if there is one.
    ///
    /// # Errors
    /// Those of [`Journal::published`].
    pub async fn published(&self) -> Result<Option<Note>, Error> {
        self.journal.published(self.log).await
    }

    /// Up to `most` entries from position `from` on, as [`Journal::read`]: possibly fewer than there are, none only at
    /// the end of the log (or for `most` 0).
    ///
    /// # Errors
    /// [`Error::Corrupt`] if a published file is missing or malformed; those of [`Journal::read`].
    pub async fn read(&self, from: u64, most: usize) -> Result<Vec<Entry>, Error> {
        for _ in 0..TRIES {
            let below = match self.journal.read(self.log, from, most).await {
                Err(Error::Trimmed { below }) => below,
                done => return done,
            };
            if most == 0 {
                return Ok(Vec::new());
            }
            let size = self.published_size().await?.max(below);
            let Some(bundle) = Tile::in_tree(Level::Entries, from / 256, size) else { continue };
            // A partial bundle that is gone has been replaced in the meantime: look again where the line is.
            if let Some(entries) = self.store.bundle(bundle).await? {
                let skip = (from - bundle.start()) as usize;
                return Ok(entries.into_iter().skip(skip).take(most).collect());
            }
        }
        Err(Error::corrupt(format!("the published log does not have the entry bundle of position {from}")))
    }

    /// Every entry of a range, read in pieces.
    ///
    /// # Errors
    /// As [`LogReader::read`]; [`Error::Corrupt`] if the log ends before `end`.
    pub async fn read_range(&self, start: u64, end: u64) -> Result<Vec<Entry>, Error> {
        let mut entries = Vec::new();
        loop {
            let next = start + entries.len() as u64;
            if next >= end {
                return Ok(entries);
            }
            let more = self.read(next, usize::try_from(end - next).unwrap_or(usize::MAX)).await?;
            if more.is_empty() {
                return Err(Error::corrupt(format!("the log ends at {next}, before {end}")));
            }
            entries.extend(more);
        }
    }

    /// The leaf hash at `index`, and its inclusion proof (RFC 6962, section 2.1.1) in the tree of this size and root,
    /// which the caller has from a checkpoint or a head of this log; verified before it is returned.
    ///
    /// # Errors
    /// [`Error::Storage`] for an index outside the tree, [`Error::Corrupt`] where the log does not lead to the root.
    pub async fn prove_inclusion(&self, index: u64, tree: Boundary) -> Result<(Hash, Vec<Hash>), Error> {
        let fetch = self.fetch(self.published_size().await?);
        prove((tree.size, tree.root), &fetch, |tiles| tiles.prove_inclusion(index)).await
    }

    /// The root at `old_size`, and the consistency proof (RFC 6962, section 2.1.2) from there to the tree of this size
    /// and root.
    ///
    /// # Errors
    /// As [`LogReader::prove_inclusion`].
    pub async fn prove_consistency(&self, old_size: u64, tree: Boundary) -> Result<(Hash, Vec<Hash>), Error> {
        let fetch = self.fetch(self.published_size().await?);
        prove((tree.size, tree.root), &fetch, |tiles| tiles.prove_consistency(old_size)).await
    }

    /// A published note as the tree that it states.
    ///
    /// # Errors
    /// [`Error::Corrupt`] if the note is no checkpoint.
    pub fn tree_of(note: &Note) -> Result<Boundary, Error> {
        let stated = Checkpoint::parse(note.text()).map_err(|cause| Error::corrupt(cause.to_string()))?;
        Ok(Boundary { size: stated.size(), root: stated.root() })
    }

    async fn published_size(&self) -> Result<u64, Error> {
        stated_size(self.journal.published(self.log).await?.as_ref())
    }

    fn fetch<'a>(&'a self, published: u64) -> impl Fn(Tile) -> BoxFuture<'a, Result<Option<Vec<u8>>, Error>> {
        move |tile| self.tile(tile, published).boxed()
    }

    /// A hash tile of any width: its published part from the files, the rest from the entries or the level below.
    async fn tile(&self, tile: Tile, published: u64) -> Result<Option<Vec<u8>>, Error> {
        let Level::Hashes(level) = tile.level() else { return Ok(None) };
        let width = usize::from(tile.width());
        let mut hashes = match Tile::in_tree(tile.level(), tile.index(), published) {
            Some(stored) => match self.stored(stored).await? {
                Some(hashes) => hashes,
                None => return Ok(None),
            },
            None => Vec::new(),
        };
        hashes.truncate(width * 32);
        let start = tile.start() + (hashes.len() / 32) as u64;
        let end = tile.start() + width as u64;
        if start == end {
            return Ok(Some(hashes));
        }
        if level == 0 {
            for entry in self.read_range(start, end).await? {
                hashes.extend_from_slice(leaf_hash(&entry.envelope).as_bytes());
            }
        } else {
            for below in start..end {
                hashes.extend_from_slice(self.root_of(level - 1, below, published).await?.as_bytes());
            }
        }
        Ok(Some(hashes))
    }

    /// A published tile, from the full one where the partial one is gone.
    async fn stored(&self, tile: Tile) -> Result<Option<Vec<u8>>, Error> {
        for candidate in [Some(tile), tile.full()].into_iter().flatten() {
            if let Some(bytes) = self.store.tile(candidate).await? {
                return Ok(Some(bytes.to_vec()));
            }
        }
        Ok(None)
    }

    /// The root over the full tile with this index.
    async fn root_of(&self, level: u8, index: u64, published: u64) -> Result<Hash, Error> {
        let missing = || Error::corrupt(format!("tile {index} of level {level} is missing"));
        let tile = Tile::new(Level::Hashes(level), index, 256).map_err(|_| missing())?;
        let bytes = Box::pin(self.tile(tile, published)).await?.ok_or_else(missing)?;
        let hashes = countersign_tlog::decode_hashes(&tile, &bytes).map_err(|_| missing())?;
        let mut perfect = countersign_tlog::Frontier::new();
        perfect.extend(hashes);
        Ok(perfect.root())
    }
}
