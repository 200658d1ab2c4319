//! From durable to published: writes tiles, bundles and vault, then signs.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use countersign_tlog::{Checkpoint, Note, Signer, Tile};
use futures::FutureExt;
use tokio::sync::{Mutex, watch};

use crate::error::Error;
use crate::journal::{Boundary, Entry, Head, Journal, LogId};
use crate::recover::{Recovered, recover};
use crate::round::{Edge, Round, Write};
use crate::store::Store;

/// Stored bytes that one round takes from the journal at most (a single batch may be larger).
const BYTES_PER_ROUND: u64 = 8 << 20;

/// Publishes one log: the only writer of its [`Store`], the only user of its signing key.
pub struct Materializer {
    journal: Arc<dyn Journal>,
    store: Store,
    signer: Signer,
    log: LogId,
    read_by_index: Arc<AtomicU64>,
    published: watch::Sender<u64>,
    state: Mutex<State>,
}

struct State {
    edge: Edge,
    /// Published in the journal, but not yet in the folder.
    unwritten: Option<Note>,
    trimmed: u64,
}

impl Materializer {
    /// Takes the published log up where it was left. `opened` is the head that opening the journal gave: its epoch is
    /// what publishing is fenced by. The signer's name is the log's origin. Entries are trimmed from the journal once
    /// they are published and below `read_by_index`, the size up to which the index has read durably.
    ///
    /// # Errors
    /// [`Error::Corrupt`] where journal and folder are in a state that no crash leaves behind: newer or other
    /// checkpoints, missing tiles, a shortened journal. Nothing is signed then.
    pub async fn open(
        journal: Arc<dyn Journal>,
        store: Store,
        signer: Signer,
        opened: &Head,
        read_by_index: Arc<AtomicU64>,
    ) -> Result<Self, Error> {
        let Recovered { edge, unwritten } = recover(&*journal, &store, opened, signer.verifier()).await?;
        let published = watch::Sender::new(edge.head.size());
        let state = Mutex::new(State { edge, unwritten, trimmed: 0 });
        let this = Materializer { journal, store, signer, log: opened.log, read_by_index, published, state };
        this.finish(&mut *this.state.lock().await).await?;
        Ok(this)
    }

    /// The published size, as it grows.
    #[must_use]
    pub fn published(&self) -> watch::Receiver<u64> {
        self.published.subscribe()
    }

    /// Publishes what is new, until there is nothing, then looks again after each `interval`. Runs until an error
    /// that waiting does not mend: the caller must stop writing then and say why. A full or unreachable disk mends.
    ///
    /// # Errors
    /// Whatever [`Materializer::publish_once`] returns, except [`Error::Full`] and [`Error::Storage`].
    pub async fn run(&self, interval: Duration) -> Result<(), Error> {
        loop {
            match self.publish_once().await {
                Ok(true) => {}
                Ok(false) => tokio::time::sleep(interval).await,
                Err(error @ (Error::Full | Error::Storage { .. })) => {
                    tracing::warn!(%error, log = %self.log, "cannot publish now");
                    tokio::time::sleep(interval).await;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// One round. Returns whether it was a full one, so that the next is due at once. Each comment says what a crash leaves.
    ///
    /// # Errors
    /// [`Error::Corrupt`] if the stored entries are not those that were acknowledged: nothing is signed.
    /// [`Error::Fenced`] or [`Error::Conflict`] if another writer has come. After an error that is not certain the
    /// process must stop. After any other, the next round does the same again.
    pub async fn publish_once(&self) -> Result<bool, Error> {
        let mut state = self.state.lock().await;
        // What an earlier round could not finish; its signature has its compare-and-set behind it.
        self.finish(&mut state).await?;
        let old_size = state.edge.head.size();
        // Reads only. A crash leaves everything as it was.
        let Some(to) = self.journal.boundary(self.log, old_size, BYTES_PER_ROUND).await? else {
            return Ok(false);
        };
        let entries = self.read_up_to(old_size, to).await?;
        let taken: u64 = entries.iter().map(|entry| (entry.envelope.len() + entry.vault.len()) as u64).sum();
        // The root from the stored bytes must be the one that was recorded with them; else nothing is written.
        let (edge, round) = advance(state.edge.clone(), entries, to).await?;
        // A crash leaves files that no checkpoint covers; the next round writes the same ones again.
        self.write(&round).await?;
        // The signature is in memory only. A crash leaves no trace of it.
        let note = self.sign(&edge.head)?;
        // The point of no return: from here on the journal's checkpoint covers the files.
        self.journal.publish(&edge.head, &note).await?;
        *state = State { edge, unwritten: Some(note), trimmed: state.trimmed };
        // A crash leaves the folder's checkpoint older than the journal's: opening writes it.
        self.finish(&mut state).await?;
        Ok(taken >= BYTES_PER_ROUND / 2)
    }

    async fn read_up_to(&self, from: u64, to: Boundary) -> Result<Vec<Entry>, Error> {
        let mut entries: Vec<Entry> = Vec::new();
        loop {
            let next = from + entries.len() as u64;
            let left = to.size.saturating_sub(next);
            if left == 0 {
                return Ok(entries);
            }
            let more = self.journal.read(self.log, next, usize::try_from(left).unwrap_or(usize::MAX)).await?;
            if more.is_empty() {
                return Err(Error::corrupt(format!("the journal ends at {next}, before its boundary {}", to.size)));
            }
            entries.extend(more);
        }
    }

    async fn write(&self, round: &Round) -> Result<(), Error> {
        let store = &self.store;
        let put_vault = |(bundle, bytes): &Write| store.put_vault(*bundle, bytes.clone()).boxed();
        let put_tile = |(tile, bytes): &Write| store.put_tile(*tile, bytes.clone()).boxed();
        store.write_all(round.vaults.iter().map(put_vault).collect()).await?;
        store.write_all(round.bundles.iter().map(put_tile).collect()).await?;
        store.write_all(round.tiles.iter().map(put_tile).collect()).await?;
        // Readers of the older checkpoint find the same hashes and entries in the full ones.
        store.write_all(round.full().map(|full| store.drop_partials_of(full).boxed()).collect()).await?;
        let full_vaults = round.vaults.iter().map(|(bundle, _)| *bundle).filter(|bundle| !bundle.is_partial());
        store.write_all(full_vaults.map(|bundle| store.drop_vaults_but(bundle).boxed()).collect()).await
    }

    fn sign(&self, head: &Head) -> Result<Note, Error> {
        let checkpoint = Checkpoint::new(self.signer.name(), head.size(), head.root());
        let note = checkpoint.and_then(|checkpoint| checkpoint.sign(&self.signer));
        note.map_err(|cause| Error::storage("signing a checkpoint", cause))
    }

    /// What follows a publication: all of it can be done again, or later.
    async fn finish(&self, state: &mut State) -> Result<(), Error> {
        let size = state.edge.head.size();
        if let Some(note) = &state.unwritten {
            self.store.put_checkpoint(note).await?;
            state.unwritten = None;
            self.published.send_replace(size);
            // A crash leaves a partial vault bundle too many; the next publication removes it.
            if let Some(last) = last_bundle(size) {
                self.store.drop_vaults_but(last).await?;
            }
        }
        // Tiles and vault are durable and the index has read this far. A crash leaves entries in both places.
        let below = size.min(self.read_by_index.load(Ordering::Acquire));
        if below > state.trimmed {
            self.journal.trim(self.log, below).await?;
            state.trimmed = below;
        }
        Ok(())
    }

    /// Deletes the vault entries at these positions, wherever they lie. The envelopes stay, and so do all proofs. When
    /// it returns, no file of the journal or the published log holds the bytes; after an error or a crash, do it again.
    ///
    /// # Errors
    /// [`Error::Storage`] and the other errors of journal and store.
    pub async fn erase(&self, positions: &[u64]) -> Result<(), Error> {
        let mut state = self.state.lock().await;
        // The journal first: a round that is done again after a crash must not bring them back.
        self.journal.erase(self.log, positions).await?;
        let start = state.edge.head.size() - state.edge.tail.len() as u64;
        for (position, entry) in (start..).zip(&mut state.edge.tail) {
            if positions.contains(&position) {
                entry.vault.clear();
            }
        }
        self.store.delete_vault_entries(positions).await
    }
}

/// Hashing takes a while: not on a thread that serves requests.
async fn advance(edge: Edge, entries: Vec<Entry>, to: Boundary) -> Result<(Edge, Round), Error> {
    let done = tokio::task::spawn_blocking(move || edge.advance(entries, to)).await;
    done.unwrap_or_else(|cause| Err(Error::storage("hashing what is to be published", cause)))
}

fn last_bundle(size: u64) -> Option<Tile> {
    Tile::in_tree(countersign_tlog::Level::Entries, size.checked_sub(1)? / 256, size)
}
