//! The right edge of a tree in tiles: what a log needs to append and to write its next tiles.

use crate::frontier::Frontier;
use crate::hash::{EMPTY_ROOT, Hash, node_hash};
use crate::proof::MAX_TREE_SIZE;
use crate::tile::{Level, TILE_WIDTH, Tile, TileError};

/// The last, unfinished tile of every level.
///
/// At most 255 hashes per level and 8 levels: 64 KiB for any tree. Reading it back from stored tiles with
/// [`RightEdge::load`] is how a log resumes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RightEdge {
    size: u64,
    /// Level 0 first; each holds fewer than 256 hashes.
    levels: Vec<Vec<Hash>>,
}

/// Why a right edge cannot be loaded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RightEdgeError {
    /// Size above [`MAX_TREE_SIZE`].
    #[error("tree size {0} is above 2^63-1")]
    Size(u64),
    /// A tile has the wrong number of hashes.
    #[error("{tile} has {found} hashes; rebuild it from the entries")]
    Width {
        /// Path of the tile.
        tile: Tile,
        /// Number of hashes found.
        found: usize,
    },
}

impl RightEdge {
    /// The edge of the empty tree.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads the edge of a tree of `size` leaves; `hashes` gives the hashes of each partial tile that is asked for.
    /// The caller compares [`RightEdge::root`] with the root that it trusts.
    ///
    /// # Errors
    /// [`RightEdgeError`], and whatever `hashes` returns.
    pub fn load<E>(size: u64, mut hashes: impl FnMut(Tile) -> Result<Vec<Hash>, E>) -> Result<Self, E>
    where
        E: From<RightEdgeError>,
    {
        if size > MAX_TREE_SIZE {
            return Err(RightEdgeError::Size(size).into());
        }
        let mut levels = Vec::new();
        for tile in partial_slots(size) {
            levels.push(match tile {
                Some(tile) => {
                    let found = hashes(tile)?;
                    if found.len() != usize::from(tile.width()) {
                        return Err(RightEdgeError::Width { tile, found: found.len() }.into());
                    }
                    found
                }
                None => Vec::new(),
            });
        }
        Ok(Self { size, levels })
    }

    /// Number of leaves.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Appends one leaf and passes each tile that it fills to `full`, lowest level first.
    ///
    /// # Errors
    /// Whatever `full` returns; the edge is then unusable and must be loaded again.
    pub fn push<E>(&mut self, leaf: Hash, mut full: impl FnMut(Tile, &[Hash]) -> Result<(), E>) -> Result<(), E>
    where
        E: From<TileError>,
    {
        self.size += 1;
        let mut carry = Some(leaf);
        for level in 0..=u8::MAX {
            let Some(hash) = carry.take() else { break };
            let place = usize::from(level);
            if self.levels.len() == place {
                self.levels.push(Vec::new());
            }
            let Some(hashes) = self.levels.get_mut(place) else { break };
            hashes.push(hash);
            if hashes.len() == usize::from(TILE_WIDTH) {
                let index = (self.size >> (8 * (u32::from(level) + 1))) - 1;
                full(Tile::new(Level::Hashes(level), index, TILE_WIDTH)?, hashes)?;
                carry = Some(perfect_root(hashes));
                hashes.clear();
            }
        }
        Ok(())
    }

    /// The unfinished tiles, lowest level first; together with the full tiles passed on by [`RightEdge::push`] they
    /// are the tiles of a tree of this size.
    pub fn partial_tiles(&self) -> impl Iterator<Item = (Tile, &[Hash])> {
        let slots = partial_slots(self.size);
        slots.zip(&self.levels).filter_map(|(tile, hashes)| tile.map(|tile| (tile, hashes.as_slice())))
    }

    /// The RFC 6962 root; [`EMPTY_ROOT`] for the empty tree.
    #[must_use]
    pub fn root(&self) -> Hash {
        let mut root = None;
        for hashes in &self.levels {
            let mut rest = hashes.as_slice();
            while !rest.is_empty() {
                let (left, last) = rest.split_at(rest.len() - (1 << rest.len().trailing_zeros()));
                let last = perfect_root(last);
                root = Some(root.map_or(last, |right| node_hash(&last, &right)));
                rest = left;
            }
        }
        root.unwrap_or(EMPTY_ROOT)
    }
}

/// For each level that a tree of `size` leaves has, its partial tile if it has one.
fn partial_slots(size: u64) -> impl Iterator<Item = Option<Tile>> {
    let sizes = std::iter::successors(Some(size), |items| Some(items >> 8)).take_while(|items| *items > 0);
    sizes.zip(0u8..).map(|(items, level)| {
        let width = (items % u64::from(TILE_WIDTH)) as u16;
        Tile::new(Level::Hashes(level), items >> 8, width).ok()
    })
}

/// Root of a perfect subtree, from its hashes at one level.
pub(crate) fn perfect_root(hashes: &[Hash]) -> Hash {
    let mut frontier = Frontier::new();
    frontier.extend(hashes.iter().copied());
    frontier.root()
}
