//! Entry bundles: up to 256 entries, each after its length (C2SP tlog-tiles, "Log entries").

use crate::tile::TILE_WIDTH;

/// Longest entry in bytes: its length is written in 16 bits.
pub const MAX_ENTRY_BYTES: usize = u16::MAX as usize;

/// Why bytes are not an entry bundle, or entries cannot be put into one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BundleError {
    /// An entry is longer than [`MAX_ENTRY_BYTES`].
    #[error("an entry has {0} bytes; the tile format allows 65535")]
    EntryTooLong(usize),
    /// The bytes end within a length or an entry.
    #[error("an entry bundle ends in the middle of entry {0}; fetch it again")]
    Truncated(usize),
    /// Another number of entries than the tile's width.
    #[error("an entry bundle does not hold {expected} entries; fetch it again")]
    Count {
        /// Number of entries that the tile's width demands.
        expected: usize,
    },
    /// More than [`TILE_WIDTH`] entries.
    #[error("an entry bundle holds at most 256 entries")]
    TooMany,
}

/// Appends one entry with its length to a bundle under construction.
///
/// # Errors
/// [`BundleError::EntryTooLong`]; then `bundle` is unchanged.
pub fn append_entry(bundle: &mut Vec<u8>, entry: &[u8]) -> Result<(), BundleError> {
    let length = u16::try_from(entry.len()).map_err(|_| BundleError::EntryTooLong(entry.len()))?;
    bundle.extend_from_slice(&length.to_be_bytes());
    bundle.extend_from_slice(entry);
    Ok(())
}

/// The bytes of a bundle of at most 256 entries.
///
/// # Errors
/// [`BundleError::EntryTooLong`] or [`BundleError::TooMany`].
pub fn encode_bundle<T: AsRef<[u8]>>(entries: &[T]) -> Result<Vec<u8>, BundleError> {
    if entries.len() > usize::from(TILE_WIDTH) {
        return Err(BundleError::TooMany);
    }
    let mut bundle = Vec::with_capacity(entries.iter().map(|entry| entry.as_ref().len() + 2).sum());
    for entry in entries {
        append_entry(&mut bundle, entry.as_ref())?;
    }
    Ok(bundle)
}

/// All entries of a bundle, borrowed from it; there must be exactly `expected` and nothing after them.
///
/// # Errors
/// [`BundleError::Truncated`] or [`BundleError::Count`].
pub fn decode_bundle(bytes: &[u8], expected: u16) -> Result<Vec<&[u8]>, BundleError> {
    let expected = usize::from(expected);
    let mut found = Vec::with_capacity(expected.min(usize::from(TILE_WIDTH)));
    for entry in Entries::new(bytes) {
        if found.len() == expected {
            return Err(BundleError::Count { expected });
        }
        found.push(entry?);
    }
    if found.len() == expected { Ok(found) } else { Err(BundleError::Count { expected }) }
}

/// Walks the entries of a bundle without copying; ends after the first error.
#[derive(Debug, Clone)]
pub struct Entries<'a> {
    rest: &'a [u8],
    position: usize,
}

impl<'a> Entries<'a> {
    /// Starts at the first entry of a bundle.
    #[must_use]
    pub fn new(bundle: &'a [u8]) -> Self {
        Self { rest: bundle, position: 0 }
    }
}

impl<'a> Iterator for Entries<'a> {
    type Item = Result<&'a [u8], BundleError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let split = self.rest.split_first_chunk::<2>().and_then(|(length, rest)| {
            let length = usize::from(u16::from_be_bytes(*length));
            rest.split_at_checked(length)
        });
        let position = self.position;
        self.position += 1;
        match split {
            Some((entry, rest)) => {
                self.rest = rest;
                Some(Ok(entry))
            }
            None => {
                self.rest = &[];
                Some(Err(BundleError::Truncated(position)))
            }
        }
    }
}
