//! What one round of publishing writes, computed in memory from what the journal has stored.

use bytes::Bytes;
use countersign_tlog::{
    Frontier, Hash, Level, RightEdge, TILE_WIDTH, Tile, TileError, encode_bundle, encode_hashes, leaf_hash, pack,
};

use crate::error::Error;
use crate::journal::{Boundary, Entry, Head};
use crate::vault_bundle;

/// The published tree, as far as the next round needs it.
#[derive(Debug, Clone)]
pub(crate) struct Edge {
    pub(crate) head: Head,
    pub(crate) tiles: RightEdge,
    /// The entries of the last, unfinished bundle: fewer than 256.
    pub(crate) tail: Vec<Entry>,
}

/// A tile or bundle with its bytes as they are stored: full entry bundles are packed.
pub(crate) type Write = (Tile, Bytes);

/// Everything that makes the tree of `edge` readable; nothing of it has been written or signed.
#[derive(Debug, Default)]
pub(crate) struct Round {
    pub(crate) vaults: Vec<Write>,
    pub(crate) bundles: Vec<Write>,
    pub(crate) tiles: Vec<Write>,
}

impl Edge {
    /// The edge after `entries`, and what has to be written for it. Leaf hashes are recomputed from the stored bytes:
    /// **if they do not lead to the root that the journal's batch names, nothing may be written or signed.**
    pub(crate) fn advance(mut self, entries: Vec<Entry>, to: Boundary) -> Result<(Edge, Round), Error> {
        let mut round = Round::default();
        for entry in &entries {
            let leaf = leaf_hash(&entry.envelope);
            self.head.frontier.push(leaf);
            let keep = |tile, hashes: &[_]| {
                round.tiles.push((tile, encode_hashes(hashes).into()));
                Ok::<(), TileError>(())
            };
            self.tiles.push(leaf, keep).map_err(corrupt)?;
        }
        if self.head.size() != to.size || self.head.root() != to.root || self.tiles.root() != to.root {
            return Err(Error::corrupt(format!(
                "the journal's stored entries up to {} lead to another root than it recorded when it took them",
                to.size
            )));
        }
        round.tiles.extend(self.tiles.partial_tiles().map(|(tile, hashes)| (tile, encode_hashes(hashes).into())));
        self.bundle(entries, &mut round)?;
        Ok((self, round))
    }

    /// Cuts tail and new entries into bundles; what is left over is the next tail.
    fn bundle(&mut self, entries: Vec<Entry>, round: &mut Round) -> Result<(), Error> {
        let width = usize::from(TILE_WIDTH);
        let first = (self.head.size() - entries.len() as u64) / width as u64;
        self.tail.extend(entries);
        for (index, chunk) in (first..).zip(self.tail.chunks(width)) {
            // At most 256 by the line above.
            let bundle = Tile::new(Level::Entries, index, chunk.len() as u16).map_err(corrupt)?;
            let envelopes: Vec<&[u8]> = chunk.iter().map(|entry| entry.envelope.as_ref()).collect();
            let encoded = encode_bundle(&envelopes).map_err(corrupt)?;
            let stored = if bundle.is_partial() { encoded } else { pack(&encoded).map_err(corrupt)? };
            round.vaults.push((bundle, vault_bundle::encode(chunk.iter().map(|entry| &entry.vault)).into()));
            round.bundles.push((bundle, stored.into()));
        }
        let finished = self.tail.len() - self.tail.len() % width;
        self.tail.drain(..finished);
        Ok(())
    }
}

/// The peaks of the tree that an edge belongs to.
pub(crate) fn frontier_of(edge: &RightEdge) -> Result<Frontier, Error> {
    let levels: Vec<&[Hash]> = edge.partial_tiles().map(|(_, hashes)| hashes).collect();
    let mut bytes = edge.size().to_be_bytes().to_vec();
    for mut rest in levels.into_iter().rev() {
        while let Some(width) = rest.len().checked_ilog2() {
            let (subtree, after) = rest.split_at(1 << width);
            let mut perfect = Frontier::new();
            perfect.extend(subtree.iter().copied());
            bytes.extend_from_slice(perfect.root().as_bytes());
            rest = after;
        }
    }
    Frontier::from_bytes(&bytes).map_err(corrupt)
}

fn corrupt(cause: impl std::fmt::Display) -> Error {
    Error::corrupt(cause.to_string())
}

impl Round {
    /// The tiles and bundles that are full now.
    pub(crate) fn full(&self) -> impl Iterator<Item = Tile> {
        self.tiles.iter().chain(&self.bundles).map(|(tile, _)| *tile).filter(|tile| !tile.is_partial())
    }
}
