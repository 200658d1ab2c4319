//! Taking up a published log again, from any point at which its last writer may have died.

use countersign_tlog::{Checkpoint, Hash, Level, Note, Tile, Verifier, leaf_hash};
use futures::FutureExt;
use futures::future::BoxFuture;

use crate::error::Error;
use crate::journal::{Head, Journal};
use crate::proofs::prove;
use crate::round::{Edge, frontier_of};
use crate::store::Store;

/// What was found.
pub(crate) struct Recovered {
    pub(crate) edge: Edge,
    /// The journal's checkpoint, if the folder does not have it yet.
    pub(crate) unwritten: Option<Note>,
}

/// The journal's published checkpoint is the truth: its compare-and-set came before anything else. The folder's may be
/// older (then it is written again), never newer. Everything that the checkpoint covers must be there.
pub(crate) async fn recover(
    journal: &dyn Journal,
    store: &Store,
    opened: &Head,
    log_key: &Verifier,
) -> Result<Recovered, Error> {
    let note = journal.published(opened.log).await?;
    let in_journal = note.as_ref().map(|note| open_note(note, log_key, "the journal")).transpose()?;
    let in_folder = store.checkpoint().await?;
    let in_folder = in_folder.as_ref().map(|note| open_note(note, log_key, "the published folder")).transpose()?;
    compare(in_journal.as_ref(), in_folder.as_ref(), opened)?;
    let Some(truth) = in_journal else {
        let head = Head::empty(opened.log, opened.epoch);
        return Ok(Recovered { edge: Edge { head, tiles: Default::default(), tail: Vec::new() }, unwritten: None });
    };
    let edge = load_edge(store, opened, &truth).await?;
    if let Some(old) = in_folder.as_ref().filter(|old| (1..truth.size()).contains(&old.size())) {
        check_continues(store, old, &truth).await?;
    }
    let unwritten = if in_folder.as_ref() == Some(&truth) { None } else { note };
    Ok(Recovered { edge, unwritten })
}

fn open_note(note: &Note, log_key: &Verifier, whence: &str) -> Result<Checkpoint, Error> {
    let opened = Checkpoint::open(&note.to_bytes(), [log_key]);
    let (checkpoint, _) = opened.map_err(|cause| Error::corrupt(format!("the checkpoint in {whence}: {cause}")))?;
    Ok(checkpoint)
}

/// Refuses every pair of checkpoints that no crash leaves behind: it would take another writer or an old copy.
fn compare(in_journal: Option<&Checkpoint>, in_folder: Option<&Checkpoint>, opened: &Head) -> Result<(), Error> {
    let (journal_size, folder_size) = (in_journal.map_or(0, Checkpoint::size), in_folder.map_or(0, Checkpoint::size));
    if folder_size > journal_size {
        return Err(Error::corrupt(format!(
            "the published log has {folder_size} entries, the journal knows of {journal_size} published ones: the \
             journal is an old copy, or belongs to another log"
        )));
    }
    if let (Some(journal), Some(folder)) = (in_journal, in_folder)
        && journal_size == folder_size
        && journal.root() != folder.root()
    {
        return Err(Error::corrupt(format!(
            "the published log and the journal's checkpoint have {journal_size} entries both, but different roots"
        )));
    }
    if journal_size > opened.size() {
        return Err(Error::corrupt(format!(
            "{journal_size} entries are published, but the journal has only {}: its end was lost",
            opened.size()
        )));
    }
    if let Some(journal) = in_journal.filter(|journal| journal.size() == opened.size())
        && journal.root() != opened.root()
    {
        return Err(Error::corrupt("the journal's head and its published checkpoint have different roots"));
    }
    Ok(())
}

/// Reads the tree's right edge and the last bundle from the files, checked against the checkpoint.
async fn load_edge(store: &Store, opened: &Head, truth: &Checkpoint) -> Result<Edge, Error> {
    let tree = (truth.size(), truth.root());
    let fetch = fetch(store);
    let tiles = prove(tree, &fetch, |tiles| tiles.right_edge()).await?;
    let frontier = frontier_of(&tiles)?;
    let head = Head { log: opened.log, epoch: opened.epoch, frontier };
    let Some(bundle) = Tile::in_tree(Level::Entries, truth.size().saturating_sub(1) / 256, truth.size()) else {
        return Ok(Edge { head, tiles, tail: Vec::new() });
    };
    let missing = || Error::corrupt(format!("{bundle} or the vault beside it is missing"));
    let mut tail = store.bundle(bundle).await?.ok_or_else(missing)?;
    // The last bundle is what a crash could have torn: its entries must be the leaves that were signed.
    let leaves: Vec<Hash> = tail.iter().map(|entry| leaf_hash(&entry.envelope)).collect();
    let same = prove(tree, &fetch, |tiles| {
        let signed = (bundle.start()..truth.size()).map(|position| tiles.prove_inclusion(position));
        let signed: Result<Vec<Hash>, _> = signed.map(|proved| proved.map(|(leaf, _)| leaf)).collect();
        Ok(signed? == leaves)
    });
    if !same.await? {
        return Err(Error::corrupt(format!("{bundle} does not hold the entries that were signed")));
    }
    if !bundle.is_partial() {
        tail.clear();
    }
    Ok(Edge { head, tiles, tail })
}

/// The folder's older checkpoint must be a beginning of the journal's.
async fn check_continues(store: &Store, old: &Checkpoint, truth: &Checkpoint) -> Result<(), Error> {
    let tree = (truth.size(), truth.root());
    let (root, _) = prove(tree, &fetch(store), |tiles| tiles.prove_consistency(old.size())).await?;
    let differs = || Error::corrupt("the published checkpoint is not a beginning of the journal's");
    (root == old.root()).then_some(()).ok_or_else(differs)
}

fn fetch<'a>(store: &'a Store) -> impl Fn(Tile) -> BoxFuture<'a, Result<Option<Vec<u8>>, Error>> {
    move |tile| async move { Ok(store.tile(tile).await?.map(|bytes| bytes.to_vec())) }.boxed()
}
