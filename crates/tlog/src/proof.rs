//! Inclusion and consistency proofs (RFC 6962, sections 2.1.1 and 2.1.2).
//!
//! Proving and verifying walk the same way down from the root: at each node one child lies on the way and the other
//! contributes one hash. Only what is done with those hashes differs.

use crate::hash::{EMPTY_ROOT, Hash, node_hash};

/// Largest tree that this crate handles: readers with signed 64-bit integers can follow.
pub const MAX_TREE_SIZE: u64 = i64::MAX as u64;

/// Why a proof cannot be made or does not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// The leaf index is not below the tree size.
    #[error("index {index} is not in a tree of {size} leaves")]
    Index {
        /// Leaf index asked for.
        index: u64,
        /// Number of leaves.
        size: u64,
    },
    /// The old size is above the new one.
    #[error("a tree of {new} leaves cannot continue one of {old}")]
    Shrunk {
        /// Old number of leaves.
        old: u64,
        /// New number of leaves.
        new: u64,
    },
    /// Size above [`MAX_TREE_SIZE`].
    #[error("tree size {0} is above 2^63-1")]
    Size(u64),
    /// Too few or too many hashes.
    #[error("a proof has {found} hashes where {expected} belong")]
    Length {
        /// Number of hashes that index and size demand.
        expected: usize,
        /// Number of hashes found.
        found: usize,
    },
    /// The proof leads to another root than the one given.
    #[error("a proof does not lead to the given root: entry, position, proof or root was changed")]
    Root,
}

/// The leaves from `start` up to `end`, exclusive; never empty.
#[derive(Debug, Clone, Copy)]
struct Range {
    start: u64,
    end: u64,
}

/// The child off the way, and on which side of it.
#[derive(Debug, Clone, Copy)]
enum Sibling {
    Left(Range),
    Right(Range),
}

impl Sibling {
    fn range(self) -> Range {
        match self {
            Self::Left(range) | Self::Right(range) => range,
        }
    }
}

impl Range {
    /// Where RFC 6962 cuts a subtree in two: after the largest power of two below its length (which is above 1).
    fn cut(self) -> u64 {
        let length = self.end - self.start;
        self.start + (1 << (length - 1).ilog2())
    }

    /// One step down towards leaf `leaf`: the child on the way, and the one off it.
    fn towards(self, leaf: u64) -> (Self, Sibling) {
        let cut = self.cut();
        let (left, right) = (Self { end: cut, ..self }, Self { start: cut, ..self });
        if leaf < cut { (left, Sibling::Right(right)) } else { (right, Sibling::Left(left)) }
    }
}

/// Siblings on the way from leaf `index` up to the root: the leaf's first.
fn inclusion_siblings(index: u64, size: u64) -> Result<Vec<Sibling>, ProofError> {
    check_size(size)?;
    if index >= size {
        return Err(ProofError::Index { index, size });
    }
    let mut siblings = Vec::new();
    let mut range = Range { start: 0, end: size };
    while range.end - range.start > 1 {
        let (child, sibling) = range.towards(index);
        siblings.push(sibling);
        range = child;
    }
    siblings.reverse();
    Ok(siblings)
}

/// The largest subtree that ends where the old tree ended, and the siblings on the way up from it.
fn consistency_siblings(old: u64, new: u64) -> Result<(Range, Vec<Sibling>), ProofError> {
    check_size(new)?;
    if old > new {
        return Err(ProofError::Shrunk { old, new });
    }
    let mut siblings = Vec::new();
    let mut range = Range { start: 0, end: new };
    while range.end != old {
        let (child, sibling) = range.towards(old - 1);
        siblings.push(sibling);
        range = child;
    }
    siblings.reverse();
    Ok((range, siblings))
}

fn check_size(size: u64) -> Result<(), ProofError> {
    if size > MAX_TREE_SIZE { Err(ProofError::Size(size)) } else { Ok(()) }
}

/// The root that an inclusion proof leads to (RFC 6962, section 2.1.1).
///
/// # Errors
/// [`ProofError::Index`], [`ProofError::Size`] or [`ProofError::Length`].
pub fn root_from_inclusion(leaf: &Hash, index: u64, size: u64, proof: &[Hash]) -> Result<Hash, ProofError> {
    let siblings = inclusion_siblings(index, size)?;
    if siblings.len() != proof.len() {
        return Err(ProofError::Length { expected: siblings.len(), found: proof.len() });
    }
    Ok(siblings.iter().zip(proof).fold(*leaf, |hash, (side, sibling)| match side {
        Sibling::Left(_) => node_hash(sibling, &hash),
        Sibling::Right(_) => node_hash(&hash, sibling),
    }))
}

/// Checks that a leaf hash is at `index` of the tree of `size` leaves with this root.
///
/// # Errors
/// [`ProofError`]; anything but `Ok` means: not proven.
pub fn verify_inclusion(leaf: &Hash, index: u64, size: u64, root: &Hash, proof: &[Hash]) -> Result<(), ProofError> {
    if root_from_inclusion(leaf, index, size, proof)? == *root { Ok(()) } else { Err(ProofError::Root) }
}

/// Checks that the new tree begins with all leaves of the old one, in order (RFC 6962, section 2.1.2).
///
/// From size 0, or between equal sizes, the proof is empty.
///
/// # Errors
/// [`ProofError`]; anything but `Ok` means: not proven.
pub fn verify_consistency(
    old_size: u64,
    old_root: &Hash,
    new_size: u64,
    new_root: &Hash,
    proof: &[Hash],
) -> Result<(), ProofError> {
    let roots_hold = if old_size == 0 {
        check_size(new_size)?;
        check_length(0, proof)?;
        *old_root == EMPTY_ROOT && (new_size > 0 || *new_root == EMPTY_ROOT)
    } else {
        consistency_roots(old_size, old_root, new_size, proof)? == (*old_root, *new_root)
    };
    if roots_hold { Ok(()) } else { Err(ProofError::Root) }
}

/// The old and the new root that a consistency proof leads to; `old_size` is above 0.
fn consistency_roots(old: u64, old_root: &Hash, new: u64, proof: &[Hash]) -> Result<(Hash, Hash), ProofError> {
    let (kept, siblings) = consistency_siblings(old, new)?;
    // Where the old tree is itself a subtree of the new one, the verifier knows its root and the proof omits it.
    let (seed, rest) = if kept.start == 0 {
        (old_root, proof)
    } else {
        proof.split_first().ok_or(ProofError::Length { expected: siblings.len() + 1, found: 0 })?
    };
    check_length(siblings.len(), rest)?;
    Ok(siblings.iter().zip(rest).fold((*seed, *seed), |(old, new), (side, sibling)| match side {
        Sibling::Left(_) => (node_hash(sibling, &old), node_hash(sibling, &new)),
        Sibling::Right(_) => (old, node_hash(&new, sibling)),
    }))
}

fn check_length(expected: usize, proof: &[Hash]) -> Result<(), ProofError> {
    if proof.len() == expected { Ok(()) } else { Err(ProofError::Length { expected, found: proof.len() }) }
}

/// Makes an inclusion proof. `node(level, index)` gives the hash of the perfect subtree of 2^level leaves that starts
/// at leaf `index * 2^level`; only subtrees within the tree are asked for.
///
/// # Errors
/// [`ProofError`] for an index outside the tree, and whatever `node` returns.
pub fn prove_inclusion<E, N>(index: u64, size: u64, mut node: N) -> Result<Vec<Hash>, E>
where
    E: From<ProofError>,
    N: FnMut(u8, u64) -> Result<Hash, E>,
{
    let siblings = inclusion_siblings(index, size)?;
    siblings.iter().map(|sibling| range_root(sibling.range(), &mut node)).collect()
}

/// Makes a consistency proof from `old_size` to `new_size`; empty from size 0 and between equal sizes. For `node` see
/// [`prove_inclusion`].
///
/// # Errors
/// [`ProofError`] for sizes out of order, and whatever `node` returns.
pub fn prove_consistency<E, N>(old_size: u64, new_size: u64, mut node: N) -> Result<Vec<Hash>, E>
where
    E: From<ProofError>,
    N: FnMut(u8, u64) -> Result<Hash, E>,
{
    if old_size == 0 {
        check_size(new_size)?;
        return Ok(Vec::new());
    }
    let (kept, siblings) = consistency_siblings(old_size, new_size)?;
    let seed = (kept.start != 0).then_some(kept);
    let ranges = seed.into_iter().chain(siblings.iter().map(|sibling| sibling.range()));
    ranges.map(|range| range_root(range, &mut node)).collect()
}

/// The root of the tree of the first `size` leaves. For `node` see [`prove_inclusion`].
///
/// # Errors
/// [`ProofError::Size`], and whatever `node` returns.
pub fn tree_root<E, N>(size: u64, mut node: N) -> Result<Hash, E>
where
    E: From<ProofError>,
    N: FnMut(u8, u64) -> Result<Hash, E>,
{
    check_size(size)?;
    if size == 0 { Ok(EMPTY_ROOT) } else { range_root(Range { start: 0, end: size }, &mut node) }
}

/// Root of a subtree that RFC 6962 has, from the perfect subtrees in it, smallest (rightmost) first.
fn range_root<E>(range: Range, node: &mut impl FnMut(u8, u64) -> Result<Hash, E>) -> Result<Hash, E> {
    let mut end = range.end;
    let mut root = None;
    while end > range.start {
        let level = (end - range.start).trailing_zeros();
        end -= 1 << level;
        let left = node(level as u8, end >> level)?;
        root = Some(root.map_or(left, |right| node_hash(&left, &right)));
    }
    Ok(root.unwrap_or(EMPTY_ROOT))
}
