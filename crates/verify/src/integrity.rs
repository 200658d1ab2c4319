//! Was nothing changed? Every entry is hashed, the root rebuilt, every stored file compared.

use countersign_evidence::digest::Digest;
use countersign_tlog::{Checkpoint, Hash, Level, Tile, leaf_hash};

use crate::erasure::VaultSeen;
use crate::report::{Answer, Findings, Question, Verdict};
use crate::scan::{Scan, scan};
use crate::shelf::{Bundle, CHECKPOINT, Kind, Shelf, bundles};
use crate::tree::{Tree, claimed_leaves};
use crate::verify::VerifyError;

/// After so many missing bundles a checkpoint's size is not worth walking through.
const MOST_MISSING: u64 = 100;

/// One record as it is stored.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stored<'a> {
    pub(crate) position: u64,
    pub(crate) envelope: &'a [u8],
    pub(crate) leaf: Hash,
    /// The vault entry's bytes; empty where there is none.
    pub(crate) vault: &'a [u8],
}

/// What the pass over the log leaves behind.
#[derive(Default)]
pub(crate) struct Pass {
    pub(crate) findings: Findings,
    pub(crate) vault: VaultSeen,
    /// Number of records that could not be read.
    pub(crate) lost: u64,
    tree: Tree,
}

/// Walks through the whole log and hands each record on.
pub(crate) fn walk(
    shelf: &mut Shelf<'_>,
    checkpoint: &Checkpoint,
    without_vault: bool,
    mut each: impl FnMut(Stored<'_>),
    mut progress: impl FnMut(u64),
) -> Result<Pass, VerifyError> {
    let mut pass = Pass::default();
    let mut missing = 0;
    for index in 0..bundles(checkpoint.size()) {
        let Some(tile) = Tile::in_tree(Level::Entries, index, checkpoint.size()) else { break };
        let entries = shelf.bundle(Kind::Entries, tile, &mut pass.findings)?;
        let vault = match without_vault {
            true => None,
            false => shelf.bundle(Kind::Vault, tile, &mut pass.findings)?,
        };
        match entries {
            Some(entries) => pass.bundle(shelf, tile, &entries, vault.as_ref(), &mut each)?,
            None => {
                missing += 1;
                pass.lose(shelf, tile)?;
            }
        }
        if missing == MOST_MISSING {
            pass.findings.add(CHECKPOINT, "more entry bundles are missing than are worth listing; stopped here");
            pass.lost += checkpoint.size() - tile.start() - u64::from(tile.width());
            break;
        }
        progress(tile.start() + u64::from(tile.width()));
    }
    pass.compare_root(shelf, checkpoint)?;
    Ok(pass)
}

impl Pass {
    fn bundle(
        &mut self,
        shelf: &mut Shelf<'_>,
        tile: Tile,
        entries: &Bundle,
        vault: Option<&Bundle>,
        each: &mut impl FnMut(Stored<'_>),
    ) -> Result<(), VerifyError> {
        let mut vaults = vault.map(Bundle::entries);
        for (position, envelope) in (tile.start()..).zip(entries.entries()) {
            let leaf = leaf_hash(envelope);
            self.tree.push(leaf, shelf, &mut self.findings)?;
            let sealed = vaults.as_mut().map(|entries| entries.next().unwrap_or_default());
            match scan(envelope) {
                Ok(scan) => self.check_vault(position, &scan, sealed),
                Err(problem) => {
                    self.findings.at(position, format!("{} in {}", problem, shelf.place(Kind::Entries, tile)))
                }
            }
            each(Stored { position, envelope, leaf, vault: sealed.unwrap_or_default() });
        }
        Ok(())
    }

    fn check_vault(&mut self, position: u64, scan: &Scan<'_>, sealed: Option<&[u8]>) {
        self.vault.note_kind(position, scan.kind);
        let Some(sealed) = sealed else { return };
        match (scan.vault, sealed) {
            (None, []) => {}
            (None, _) => self.findings.at(position, "the vault holds an entry that its envelope does not name"),
            (Some(_), []) => self.vault.gone.push(position),
            (Some(digest), sealed) if Digest::of(sealed) == digest => self.vault.held += 1,
            (Some(_), _) => {
                self.findings.at(position, "its vault entry is not the one that the envelope's digest names")
            }
        }
    }

    fn lose(&mut self, shelf: &mut Shelf<'_>, tile: Tile) -> Result<(), VerifyError> {
        for leaf in claimed_leaves(tile, shelf)? {
            self.tree.push(leaf, shelf, &mut self.findings)?;
        }
        self.lost += u64::from(tile.width());
        Ok(())
    }

    fn compare_root(&mut self, shelf: &mut Shelf<'_>, checkpoint: &Checkpoint) -> Result<(), VerifyError> {
        let root = std::mem::take(&mut self.tree).finish(shelf, &mut self.findings)?;
        if root != checkpoint.root() {
            let what = format!("the entries have the root {root}, the checkpoint says {}", checkpoint.root());
            self.findings.add(CHECKPOINT, what);
        }
        Ok(())
    }
}

/// The verdict once every file has been looked at.
pub(crate) fn judge(findings: Findings, size: u64, held: u64) -> Answer {
    if size == 0 {
        return findings.judge(Question::Integrity, Verdict::NotChecked, "the log is empty: there is nothing to check");
    }
    let what =
        format!("{size} records hashed up to the checkpoint's root, every tile compared, {held} vault entries hashed");
    findings.judge(Question::Integrity, Verdict::Pass, what)
}
