//! Coordinates and content of tiles (C2SP tlog-tiles).

use std::fmt;

use crate::decimal::parse_decimal;
use crate::hash::{HASH_BYTES, Hash};
use crate::proof::MAX_TREE_SIZE;

/// Hashes in a full tile, entries in a full bundle.
pub const TILE_WIDTH: u16 = 256;

/// Longest path that [`Tile::from_path`] looks at, in bytes.
pub const MAX_TILE_PATH_BYTES: usize = 64;

/// What a packed bundle's path ends with.
const PACKED: &str = ".gz";

/// Highest level that a tree of at most [`MAX_TREE_SIZE`] leaves reaches: 256^8 is more than that.
const MAX_LEVEL: u8 = 7;

/// What a tile holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// The entries themselves, length-prefixed: an entry bundle.
    Entries,
    /// Hashes of perfect subtrees of 256^level leaves; level 0 holds leaf hashes.
    Hashes(u8),
}

impl Level {
    /// Leaves under one item, as a power of two.
    fn shift(self) -> u32 {
        match self {
            Self::Entries => 0,
            Self::Hashes(level) => 8 * u32::from(level),
        }
    }
}

/// The place of one tile: up to [`TILE_WIDTH`] neighbouring items of one level.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tile {
    level: Level,
    index: u64,
    width: u16,
}

/// Why something is not a tile of this log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TileError {
    /// Width 0 or above [`TILE_WIDTH`].
    #[error("a tile has 1 to 256 items, not {0}")]
    Width(u16),
    /// Beyond any tree of at most [`MAX_TREE_SIZE`] leaves.
    #[error("a tile lies beyond tree size 2^63-1")]
    OutOfRange,
    /// Not the one spelling of a tile path.
    #[error("a path is not of the form tile/<level or entries>/<index>[.p/<width>] (C2SP tlog-tiles)")]
    Path,
    /// The bytes of a hash tile have another length than its width demands.
    #[error("a tile has {found} bytes, not {expected}; fetch it again or rebuild it from the entries")]
    Length {
        /// Length that the width demands, in bytes.
        expected: usize,
        /// Length found, in bytes.
        found: usize,
    },
}

impl Tile {
    /// A tile of `width` items, 1 to [`TILE_WIDTH`], that starts at item `index * 256` of `level`.
    ///
    /// # Errors
    /// [`TileError::Width`], or [`TileError::OutOfRange`] if its last leaf lies beyond [`MAX_TREE_SIZE`].
    pub fn new(level: Level, index: u64, width: u16) -> Result<Self, TileError> {
        if width == 0 || width > TILE_WIDTH {
            return Err(TileError::Width(width));
        }
        if matches!(level, Level::Hashes(l) if l > MAX_LEVEL) {
            return Err(TileError::OutOfRange);
        }
        let end = (u128::from(index) * u128::from(TILE_WIDTH) + u128::from(width)) << level.shift();
        if end > u128::from(MAX_TREE_SIZE) {
            return Err(TileError::OutOfRange);
        }
        Ok(Self { level, index, width })
    }

    /// The tile `index` of `level` as a tree of `size` leaves has it: full, partial, or not at all.
    #[must_use]
    pub fn in_tree(level: Level, index: u64, size: u64) -> Option<Self> {
        let items = size.checked_shr(level.shift()).unwrap_or(0);
        let start = index.checked_mul(u64::from(TILE_WIDTH))?;
        let left = items.checked_sub(start)?;
        let width = u16::try_from(left).unwrap_or(TILE_WIDTH).min(TILE_WIDTH);
        Self::new(level, index, width).ok()
    }

    /// What the tile holds.
    #[must_use]
    pub fn level(&self) -> Level {
        self.level
    }

    /// Number of full tiles before it at its level.
    #[must_use]
    pub fn index(&self) -> u64 {
        self.index
    }

    /// Number of items, 1 to [`TILE_WIDTH`].
    #[must_use]
    pub fn width(&self) -> u16 {
        self.width
    }

    /// Position of its first item within its level; for an entry bundle, the index of its first entry.
    #[must_use]
    pub fn start(&self) -> u64 {
        self.index * u64::from(TILE_WIDTH)
    }

    /// Whether some items are still missing.
    #[must_use]
    pub fn is_partial(&self) -> bool {
        self.width < TILE_WIDTH
    }

    /// The full tile at the same place, which replaces a partial one once it exists; `None` beyond [`MAX_TREE_SIZE`].
    #[must_use]
    pub fn full(&self) -> Option<Self> {
        Self::new(self.level, self.index, TILE_WIDTH).ok()
    }

    /// The path below the log's prefix, such as `tile/0/x001/x234/067.p/8` or `tile/entries/000`.
    #[must_use]
    pub fn path(&self) -> String {
        self.to_string()
    }

    /// The path of the packed form ([`crate::pack`]), such as `tile/entries/000.gz`: full entry bundles alone have one.
    #[must_use]
    pub fn packed_path(&self) -> Option<String> {
        let packs = self.level == Level::Entries && !self.is_partial();
        packs.then(|| format!("{self}{PACKED}"))
    }

    /// Reads a path in the one spelling that [`Tile::packed_path`] writes.
    ///
    /// # Errors
    /// As [`Tile::from_path`]; [`TileError::Path`] too for a tile that has no packed form.
    pub fn from_packed_path(path: &str) -> Result<Self, TileError> {
        let tile = Self::from_path(path.strip_suffix(PACKED).ok_or(TileError::Path)?)?;
        tile.packed_path().map(|_| tile).ok_or(TileError::Path)
    }

    /// Reads a path in the one spelling that [`Tile::path`] writes.
    ///
    /// # Errors
    /// [`TileError::Path`] for any other spelling, [`TileError::OutOfRange`] for a tile that no tree can have.
    pub fn from_path(path: &str) -> Result<Self, TileError> {
        if path.len() > MAX_TILE_PATH_BYTES {
            return Err(TileError::Path);
        }
        let rest = path.strip_prefix("tile/").ok_or(TileError::Path)?;
        let (level, rest) = rest.split_once('/').ok_or(TileError::Path)?;
        let level = match level {
            "entries" => Level::Entries,
            number => Level::Hashes(parse_decimal(number, 63).ok_or(TileError::Path)? as u8),
        };
        let (index, width) = match rest.split_once(".p/") {
            Some((index, width)) => (index, parse_decimal(width, 255).ok_or(TileError::Path)? as u16),
            None => (rest, TILE_WIDTH),
        };
        let tile = Self::new(level, parse_index(index)?, width).map_err(|error| match error {
            TileError::Width(_) => TileError::Path,
            other => other,
        })?;
        // One tile, one path: leading x000 groups and the like must not open a second way to the same bytes.
        if tile.path() == path { Ok(tile) } else { Err(TileError::Path) }
    }
}

/// Reads groups of three digits, all but the last with an `x` before them.
fn parse_index(text: &str) -> Result<u64, TileError> {
    let mut index: u64 = 0;
    let mut groups = text.split('/').peekable();
    while let Some(group) = groups.next() {
        let digits = match groups.peek() {
            Some(_) => group.strip_prefix('x').ok_or(TileError::Path)?,
            None => group,
        };
        if digits.len() != 3 || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return Err(TileError::Path);
        }
        let value: u64 = digits.parse().map_err(|_| TileError::Path)?;
        index = index.checked_mul(1000).and_then(|i| i.checked_add(value)).ok_or(TileError::OutOfRange)?;
    }
    Ok(index)
}

impl fmt::Display for Tile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.level {
            Level::Entries => f.write_str("tile/entries")?,
            Level::Hashes(level) => write!(f, "tile/{level}")?,
        }
        let mut groups = vec![self.index % 1000];
        let mut rest = self.index / 1000;
        while rest > 0 {
            groups.push(rest % 1000);
            rest /= 1000;
        }
        for group in groups.iter().skip(1).rev() {
            write!(f, "/x{group:03}")?;
        }
        write!(f, "/{:03}", self.index % 1000)?;
        if self.is_partial() {
            write!(f, ".p/{}", self.width)?;
        }
        Ok(())
    }
}

/// The hash tiles, full and partial, that a log must write when it grows from `old_size` to `new_size`.
///
/// Empty if the log does not grow. Ordered by level, then by index.
pub fn tiles_for(old_size: u64, new_size: u64) -> impl Iterator<Item = Tile> {
    (0..=MAX_LEVEL).flat_map(move |level| changed(Level::Hashes(level), old_size, new_size))
}

/// The entry bundles, full and partial, that a log must write when it grows from `old_size` to `new_size`.
pub fn bundles_for(old_size: u64, new_size: u64) -> impl Iterator<Item = Tile> {
    changed(Level::Entries, old_size, new_size)
}

fn changed(level: Level, old_size: u64, new_size: u64) -> impl Iterator<Item = Tile> {
    let (old, new) = (old_size >> level.shift(), new_size >> level.shift());
    let width = u64::from(TILE_WIDTH);
    let first = old / width;
    let end = if new > old { new.div_ceil(width) } else { first };
    (first..end).filter_map(move |index| Tile::in_tree(level, index, new_size))
}

/// The bytes of a hash tile.
#[must_use]
pub fn encode_hashes(hashes: &[Hash]) -> Vec<u8> {
    hashes.iter().flat_map(|hash| hash.0).collect()
}

/// Reads the hashes of `tile`; the length must fit its width exactly.
///
/// # Errors
/// [`TileError::Length`].
pub fn decode_hashes(tile: &Tile, bytes: &[u8]) -> Result<Vec<Hash>, TileError> {
    let expected = usize::from(tile.width) * HASH_BYTES;
    if bytes.len() != expected {
        return Err(TileError::Length { expected, found: bytes.len() });
    }
    Ok(bytes.as_chunks::<HASH_BYTES>().0.iter().copied().map(Hash).collect())
}
