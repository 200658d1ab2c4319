//! Rebuilding the Merkle tree from the entries, and comparing every stored tile with it.

use countersign_tlog::{Hash, Level, RightEdge, TILE_WIDTH, Tile, TileError, decode_hashes, encode_hashes};

use crate::report::Findings;
use crate::shelf::{Kind, Shelf};
use crate::verify::VerifyError;

#[derive(Default)]
pub(crate) struct Tree {
    edge: RightEdge,
    full: Vec<(Tile, Vec<Hash>)>,
}

impl Tree {
    /// Appends a leaf; compares the tiles that it fills.
    pub(crate) fn push(
        &mut self,
        leaf: Hash,
        shelf: &mut Shelf<'_>,
        findings: &mut Findings,
    ) -> Result<(), VerifyError> {
        let full = &mut self.full;
        // The callback cannot fail, and a tree of a checkpoint's size has no tile out of range.
        let _ = self.edge.push::<TileError>(leaf, |tile, hashes| {
            full.push((tile, hashes.to_vec()));
            Ok(())
        });
        for (tile, hashes) in self.full.drain(..) {
            compare(tile, &hashes, shelf, findings)?;
        }
        Ok(())
    }

    /// Compares the tiles of the right edge, and gives the root.
    pub(crate) fn finish(self, shelf: &mut Shelf<'_>, findings: &mut Findings) -> Result<Hash, VerifyError> {
        for (tile, hashes) in self.edge.partial_tiles() {
            compare(tile, hashes, shelf, findings)?;
        }
        Ok(self.edge.root())
    }
}

/// Compares the stored forms of one tile, full and partial, with the hashes that it must hold.
fn compare(tile: Tile, hashes: &[Hash], shelf: &mut Shelf<'_>, findings: &mut Findings) -> Result<(), VerifyError> {
    let stored = shelf.take(Kind::Entries, tile);
    shelf.check_beyond(Kind::Entries, &stored, tile, findings);
    if shelf.source(&stored, tile).is_none() {
        findings.add(tile.path(), "it is missing");
    }
    for width in stored.iter().copied().filter(|width| *width <= tile.width() || shelf.is_growing()) {
        let Ok(found) = Tile::new(tile.level(), tile.index(), width) else { continue };
        let bytes = shelf.read(&found.path())?.unwrap_or_default();
        if let Some(problem) = difference(found, &bytes, hashes, shelf) {
            findings.add(found.path(), problem);
        }
    }
    Ok(())
}

fn difference(tile: Tile, bytes: &[u8], hashes: &[Hash], shelf: &Shelf<'_>) -> Option<String> {
    let known = hashes.len().min(usize::from(tile.width()));
    let expected = encode_hashes(hashes.get(..known).unwrap_or_default());
    if bytes.get(..expected.len()) == Some(&expected) && bytes.len() == usize::from(tile.width()) * 32 {
        return None;
    }
    let found = match decode_hashes(&tile, bytes) {
        Ok(found) => found,
        Err(error) => return Some(error.to_string()),
    };
    let at = found.iter().zip(hashes).position(|(found, expected)| found != expected)?;
    let position = tile.start() + u64::try_from(at).unwrap_or_default();
    Some(match tile.level() {
        // One of the two was changed; whether the root still holds tells which.
        Level::Hashes(0) => {
            format!("hash {at} is not the leaf hash of record {position} in {}", entries_beside(tile, shelf))
        }
        _ => format!("hash {at} is not the root of the subtree below it"),
    })
}

fn entries_beside(tile: Tile, shelf: &Shelf<'_>) -> String {
    let bundle = Tile::new(Level::Entries, tile.index(), tile.width());
    bundle.map(|bundle| shelf.place(Kind::Entries, bundle)).unwrap_or_default()
}

/// The leaf hashes that level 0 claims for an unreadable entry bundle, so that the rest can still be judged; the root
/// decides whether they are right.
pub(crate) fn claimed_leaves(bundle: Tile, shelf: &Shelf<'_>) -> Result<Vec<Hash>, VerifyError> {
    let width = usize::from(bundle.width().min(TILE_WIDTH));
    let none = vec![Hash([0; 32]); width];
    let Ok(tile) = Tile::new(Level::Hashes(0), bundle.index(), bundle.width()) else { return Ok(none) };
    let bytes = shelf.read(&tile.path())?.unwrap_or_default();
    Ok(decode_hashes(&tile, &bytes).unwrap_or(none))
}
