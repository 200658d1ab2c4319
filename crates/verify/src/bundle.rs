//! Vault bundles: up to 256 vault entries, each after its length (§8).

use countersign_tlog::TILE_WIDTH;

/// Why bytes are not a vault bundle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum VaultBundleError {
    /// The bytes end within a length or an entry.
    #[error("it ends in the middle of vault entry {0}")]
    Truncated(usize),
    /// More or fewer entries than its width.
    #[error("it does not hold {0} vault entries")]
    Count(u16),
}

/// Appends one vault entry with its length to a bundle under construction; an empty one says that there is none.
pub fn append_vault_entry(bundle: &mut Vec<u8>, entry: &[u8]) {
    bundle.extend_from_slice(&u32::try_from(entry.len()).unwrap_or(u32::MAX).to_be_bytes());
    bundle.extend_from_slice(entry);
}

/// All entries of a vault bundle, borrowed from it; there must be exactly `expected` (at most 256).
///
/// # Errors
/// [`VaultBundleError`].
pub fn decode_vault_bundle(bytes: &[u8], expected: u16) -> Result<Vec<&[u8]>, VaultBundleError> {
    let mut found = Vec::with_capacity(usize::from(expected.min(TILE_WIDTH)));
    let mut rest = bytes;
    while !rest.is_empty() {
        let split = rest.split_first_chunk::<4>().and_then(|(length, rest)| {
            let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
            rest.split_at_checked(length)
        });
        let (entry, left) = split.ok_or(VaultBundleError::Truncated(found.len()))?;
        if found.len() == usize::from(expected) {
            return Err(VaultBundleError::Count(expected));
        }
        found.push(entry);
        rest = left;
    }
    if found.len() == usize::from(expected) { Ok(found) } else { Err(VaultBundleError::Count(expected)) }
}
