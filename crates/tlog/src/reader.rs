//! Proofs from stored tiles, each checked against the root before it is handed out.

use std::collections::HashMap;

use crate::edge::{RightEdge, RightEdgeError, perfect_root};
use crate::hash::Hash;
use crate::proof::{ProofError, prove_consistency, prove_inclusion, tree_root, verify_consistency, verify_inclusion};
use crate::tile::{Level, TILE_WIDTH, Tile, TileError, decode_hashes};

/// Why a proof could not be read from tiles. `E` is the error of the caller's storage.
#[derive(Debug, thiserror::Error)]
pub enum ReadError<E> {
    /// Storage failed.
    #[error("reading a tile failed: {0}")]
    Storage(E),
    /// Neither the partial tile nor the full one exists.
    #[error("{0} is missing; rebuild it from the entries")]
    Missing(Tile),
    /// A tile does not have the form it should have.
    #[error("{tile} is malformed: {error}")]
    Malformed {
        /// The tile that was read.
        tile: Tile,
        /// What is wrong with it.
        error: TileError,
    },
    /// A node outside the tree was asked for: a mistake in this program.
    #[error("node {index} of level {level} is not in the tree")]
    OutsideTree {
        /// Height of the node; leaves are 0.
        level: u8,
        /// Position at that height.
        index: u64,
    },
    /// The question cannot be answered, or the tiles do not lead to the root.
    #[error("the stored tiles do not prove it: {0}")]
    Proof(#[from] ProofError),
    /// The right edge does not have the form it should have.
    #[error(transparent)]
    Edge(#[from] RightEdgeError),
}

/// Reads a tree of known size and root from tiles that nobody vouches for.
///
/// `fetch` gives the bytes of a tile, or `None` if there is none. A missing partial tile is looked for in the full
/// tile that may have replaced it. Tiles stay in memory for the life of the reader: make one per request.
#[derive(Debug)]
pub struct TileReader<F> {
    size: u64,
    root: Hash,
    fetch: F,
    tiles: HashMap<Tile, Vec<Hash>>,
}

impl<F, E> TileReader<F>
where
    F: FnMut(Tile) -> Result<Option<Vec<u8>>, E>,
{
    /// A reader of the tree that a checkpoint names by `size` and `root`.
    pub fn new(size: u64, root: Hash, fetch: F) -> Self {
        Self { size, root, fetch, tiles: HashMap::new() }
    }

    /// The leaf hash at `index` and its inclusion proof, which has been verified against the root.
    ///
    /// # Errors
    /// [`ReadError`], also when the tiles lead to another root.
    pub fn prove_inclusion(&mut self, index: u64) -> Result<(Hash, Vec<Hash>), ReadError<E>> {
        let proof = prove_inclusion(index, self.size, |level, index| self.node(level, index))?;
        let leaf = self.node(0, index)?;
        verify_inclusion(&leaf, index, self.size, &self.root, &proof)?;
        Ok((leaf, proof))
    }

    /// The root at `old_size` and the consistency proof from there, which has been verified against the root.
    ///
    /// # Errors
    /// [`ReadError`], also when the tiles lead to another root.
    pub fn prove_consistency(&mut self, old_size: u64) -> Result<(Hash, Vec<Hash>), ReadError<E>> {
        let proof = prove_consistency(old_size, self.size, |level, index| self.node(level, index))?;
        let old_root = tree_root(old_size, |level, index| self.node(level, index))?;
        verify_consistency(old_size, &old_root, self.size, &self.root, &proof)?;
        Ok((old_root, proof))
    }

    /// The right edge, whose root has been compared with the tree's: a log resumes from it.
    ///
    /// # Errors
    /// [`ReadError`], also when the tiles lead to another root.
    pub fn right_edge(&mut self) -> Result<RightEdge, ReadError<E>> {
        let edge = RightEdge::load(self.size, |tile| self.hashes(tile).cloned())?;
        if edge.root() == self.root { Ok(edge) } else { Err(ProofError::Root.into()) }
    }

    /// Hash of the perfect subtree of 2^level leaves at leaf `index * 2^level`. Not yet authenticated.
    fn node(&mut self, level: u8, index: u64) -> Result<Hash, ReadError<E>> {
        let outside = || ReadError::OutsideTree { level, index };
        let (tile_level, below) = (level / 8, level % 8);
        let start = index.checked_mul(1 << below).ok_or_else(outside)?;
        let tile = Tile::in_tree(Level::Hashes(tile_level), start >> 8, self.size).ok_or_else(outside)?;
        let from = (start % u64::from(TILE_WIDTH)) as usize;
        let hashes = self.hashes(tile)?;
        hashes.get(from..from + (1 << below)).map(perfect_root).ok_or_else(outside)
    }

    fn hashes(&mut self, tile: Tile) -> Result<&Vec<Hash>, ReadError<E>> {
        if !self.tiles.contains_key(&tile) {
            let hashes = self.read(tile)?;
            self.tiles.insert(tile, hashes);
        }
        self.tiles.get(&tile).ok_or(ReadError::Missing(tile))
    }

    fn read(&mut self, tile: Tile) -> Result<Vec<Hash>, ReadError<E>> {
        for candidate in [Some(tile), tile.full().filter(|_| tile.is_partial())].into_iter().flatten() {
            if let Some(bytes) = (self.fetch)(candidate).map_err(ReadError::Storage)? {
                let malformed = |error| ReadError::Malformed { tile: candidate, error };
                let mut hashes = decode_hashes(&candidate, &bytes).map_err(malformed)?;
                hashes.truncate(usize::from(tile.width()));
                return Ok(hashes);
            }
        }
        Err(ReadError::Missing(tile))
    }
}
