//! How a batch lies in a row: magic, first position, count, the entries with their lengths, CRC-32 over all of it.
//!
//! Not compressed: the envelopes are mostly digests and the vault entries ciphertext, and rows live only until published.
//! The CRC tells a damaged row from a mistake in this program; what protects the history is the tree over the envelopes.

use bytes::Bytes;

use crate::error::Error;
use crate::journal::Entry;

const MAGIC: &[u8; 4] = b"CSJ1";
const HEADER: usize = 4 + 8 + 4;

/// The row of `entries`, of which the first has position `first`.
pub(crate) fn encode(first: u64, entries: &[Entry]) -> Vec<u8> {
    let content: usize = entries.iter().map(|entry| 8 + entry.envelope.len() + entry.vault.len()).sum();
    let mut frame = Vec::with_capacity(HEADER + content + 4);
    frame.extend_from_slice(MAGIC);
    frame.extend_from_slice(&first.to_be_bytes());
    // Limits on batch and entries keep every length far below 2^32.
    frame.extend_from_slice(&(entries.len() as u32).to_be_bytes());
    for part in entries.iter().flat_map(|entry| [&entry.envelope, &entry.vault]) {
        frame.extend_from_slice(&(part.len() as u32).to_be_bytes());
        frame.extend_from_slice(part);
    }
    let checksum = crc32fast::hash(&frame);
    frame.extend_from_slice(&checksum.to_be_bytes());
    frame
}

/// The entries of the row that begins at `first`, sharing its memory.
pub(crate) fn decode(first: u64, frame: Vec<u8>) -> Result<Vec<Entry>, Error> {
    let corrupt = |what: &str| Error::corrupt(format!("the journal's batch at position {first} {what}"));
    let Some((content, checksum)) = frame.split_last_chunk::<4>() else { return Err(corrupt("is cut short")) };
    if crc32fast::hash(content) != u32::from_be_bytes(*checksum) {
        return Err(corrupt("has changed (its checksum does not fit)"));
    }
    let mut rest = Bytes::from(frame);
    rest.truncate(rest.len() - 4);
    let header = (take(&mut rest, 4), take(&mut rest, 8), take_u32(&mut rest));
    let (Some(magic), Some(position), Some(count)) = header else { return Err(corrupt("is cut short")) };
    if magic != MAGIC[..] || position != first.to_be_bytes()[..] {
        return Err(corrupt("is not a batch of that position"));
    }
    let mut entries = Vec::new();
    for _ in 0..count {
        let parts = (take_part(&mut rest), take_part(&mut rest));
        let (Some(envelope), Some(vault)) = parts else { return Err(corrupt("is cut short")) };
        entries.push(Entry { envelope, vault });
    }
    if rest.is_empty() { Ok(entries) } else { Err(corrupt("has bytes after its last entry")) }
}

fn take(rest: &mut Bytes, length: usize) -> Option<Bytes> {
    (length <= rest.len()).then(|| rest.split_to(length))
}

fn take_u32(rest: &mut Bytes) -> Option<u32> {
    Some(u32::from_be_bytes(take(rest, 4)?.as_ref().try_into().ok()?))
}

fn take_part(rest: &mut Bytes) -> Option<Bytes> {
    let length = take_u32(rest)?;
    take(rest, usize::try_from(length).ok()?)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    fn entries() -> impl Strategy<Value = Vec<Entry>> {
        let bytes = || proptest::collection::vec(any::<u8>(), 0..40);
        let entry =
            (bytes(), bytes()).prop_map(|(envelope, vault)| Entry { envelope: envelope.into(), vault: vault.into() });
        proptest::collection::vec(entry, 0..8)
    }

    proptest! {
        #[test]
        fn round_trip(first: u64, entries in entries()) {
            prop_assert_eq!(decode(first, encode(first, &entries)).unwrap(), entries);
        }

        #[test]
        fn any_changed_bit_is_seen(entries in entries(), place: prop::sample::Index, bit in 0..8u8) {
            let mut frame = encode(7, &entries);
            let at = place.index(frame.len());
            frame[at] ^= 1u8 << bit;
            prop_assert!(decode(7, frame).is_err());
        }

        #[test]
        fn nothing_panics(mut bytes in proptest::collection::vec(any::<u8>(), 0..80), valid_sum: bool) {
            if valid_sum {
                bytes.splice(0..bytes.len().min(12), MAGIC.iter().copied().chain(7u64.to_be_bytes()));
                bytes.extend(crc32fast::hash(&bytes).to_be_bytes());
            }
            let _ = decode(7, bytes);
        }
    }

    #[test]
    fn a_row_of_another_position_is_refused() {
        assert!(decode(8, encode(7, &[Entry::default()])).is_err());
    }
}
