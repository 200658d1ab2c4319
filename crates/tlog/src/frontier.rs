//! The roots of the perfect subtrees that make up a tree: all that appending needs.

use crate::hash::{EMPTY_ROOT, HASH_BYTES, Hash, node_hash};
use crate::proof::MAX_TREE_SIZE;

/// A tree of some size, reduced to the roots of its perfect subtrees, largest first.
///
/// One hash per 1-bit of the size: at most 63 hashes for any tree, and appending a leaf costs one node hash on average.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Frontier {
    size: u64,
    peaks: Vec<Hash>,
}

/// Why stored bytes are not a [`Frontier`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FrontierError {
    /// The length does not fit the size that the bytes name.
    #[error("a stored frontier has {0} bytes, which do not fit the tree size they name; rebuild it from the log")]
    Length(usize),
    /// The tree size is above [`MAX_TREE_SIZE`].
    #[error("a stored frontier names tree size {0}, above 2^63-1; rebuild it from the log")]
    Size(u64),
}

impl Frontier {
    /// The frontier of the empty tree.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Number of leaves.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The roots of the perfect subtrees, largest (leftmost) first.
    #[must_use]
    pub fn peaks(&self) -> &[Hash] {
        &self.peaks
    }

    /// Appends one leaf.
    pub fn push(&mut self, leaf: Hash) {
        let mut hash = leaf;
        // Each trailing 1-bit of the size is a perfect subtree that the new leaf completes into a larger one.
        for _ in 0..self.size.trailing_ones() {
            if let Some(left) = self.peaks.pop() {
                hash = node_hash(&left, &hash);
            }
        }
        self.peaks.push(hash);
        self.size += 1;
    }

    /// The RFC 6962 root; [`EMPTY_ROOT`] for the empty tree.
    #[must_use]
    pub fn root(&self) -> Hash {
        let from_the_right = self.peaks.iter().rev().copied();
        from_the_right.reduce(|right, left| node_hash(&left, &right)).unwrap_or(EMPTY_ROOT)
    }

    /// Stable form for storage: the size as 8 big-endian bytes, then the hashes, largest subtree first.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(8 + self.peaks.len() * HASH_BYTES);
        bytes.extend_from_slice(&self.size.to_be_bytes());
        for peak in &self.peaks {
            bytes.extend_from_slice(&peak.0);
        }
        bytes
    }

    /// Reads what [`Frontier::to_bytes`] wrote.
    ///
    /// # Errors
    /// [`FrontierError`] if the length does not fit the size or the size is out of range. The hashes themselves
    /// cannot be checked here: compare [`Frontier::root`] with the root that was stored beside them.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, FrontierError> {
        let (head, rest) = bytes.split_first_chunk::<8>().ok_or(FrontierError::Length(bytes.len()))?;
        let size = u64::from_be_bytes(*head);
        if size > MAX_TREE_SIZE {
            return Err(FrontierError::Size(size));
        }
        let (hashes, tail) = rest.as_chunks::<HASH_BYTES>();
        if !tail.is_empty() || hashes.len() != size.count_ones() as usize {
            return Err(FrontierError::Length(bytes.len()));
        }
        Ok(Self { size, peaks: hashes.iter().copied().map(Hash).collect() })
    }
}

impl Extend<Hash> for Frontier {
    fn extend<I: IntoIterator<Item = Hash>>(&mut self, leaves: I) {
        for leaf in leaves {
            self.push(leaf);
        }
    }
}
