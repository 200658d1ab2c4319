//! Bundles of vault entries: beside each entry bundle one file with the same position and width, in which every vault
//! entry follows its length in 32 bits, big-endian. Length 0 stands for none, and for one that was deleted.

use bytes::Bytes;

use crate::error::Error;
use crate::journal::Entry;

/// The bytes of a bundle.
pub(crate) fn encode<'a>(vaults: impl Iterator<Item = &'a Bytes>) -> Vec<u8> {
    let mut bundle = Vec::new();
    for vault in vaults {
        // A vault entry has at most `MOST_VAULT` bytes.
        bundle.extend_from_slice(&(vault.len() as u32).to_be_bytes());
        bundle.extend_from_slice(vault);
    }
    bundle
}

/// The vault entries of a bundle; `None` unless there are exactly `expected`, with nothing after them.
pub(crate) fn decode(mut bundle: Bytes, expected: u16) -> Option<Vec<Bytes>> {
    let mut vaults = Vec::with_capacity(usize::from(expected));
    for _ in 0..expected {
        let length = u32::from_be_bytes(*bundle.first_chunk::<4>()?);
        let end = usize::try_from(length).ok()?.checked_add(4)?;
        if end > bundle.len() {
            return None;
        }
        vaults.push(bundle.split_to(end).split_off(4));
    }
    bundle.is_empty().then_some(vaults)
}

/// What must lie at `path`, given what lies there already: the same, or what was deleted in between stays deleted.
pub(crate) fn merge(path: &str, old: Bytes, new: Bytes, width: u16) -> Result<Vec<u8>, Error> {
    let corrupt = |what| Error::corrupt(format!("{path} {what}"));
    let old = decode(old, width).ok_or_else(|| corrupt("is not a vault bundle of its width"))?;
    let new = decode(new, width).ok_or_else(|| corrupt("would not be a vault bundle"))?;
    if old.iter().zip(&new).any(|(old, new)| !old.is_empty() && !new.is_empty() && old != new) {
        return Err(corrupt("holds other bytes than the journal"));
    }
    let none = Bytes::new();
    Ok(encode(old.iter().zip(&new).map(|(old, new)| if old.is_empty() { &none } else { new })))
}

/// Puts the envelopes of an entry bundle and the vault entries beside them together again.
pub(crate) fn join(envelopes: Vec<Bytes>, vaults: Vec<Bytes>) -> Vec<Entry> {
    envelopes.into_iter().zip(vaults).map(|(envelope, vault)| Entry { envelope, vault }).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    fn vaults() -> impl Strategy<Value = Vec<Bytes>> {
        let vault = proptest::collection::vec(any::<u8>(), 0..20).prop_map(Bytes::from);
        proptest::collection::vec(vault, 0..20)
    }

    proptest! {
        #[test]
        fn round_trip(vaults in vaults()) {
            let bundle = Bytes::from(encode(vaults.iter()));
            let count = vaults.len() as u16;
            prop_assert_eq!(decode(bundle.clone(), count).unwrap(), vaults);
            prop_assert_eq!(decode(bundle.clone(), count + 1), None);
            if count > 0 {
                prop_assert_eq!(decode(bundle, count - 1), None);
            }
        }

        #[test]
        fn nothing_panics(bytes in proptest::collection::vec(any::<u8>(), 0..40), expected: u16) {
            let _ = decode(bytes.into(), expected);
        }
    }

    #[test]
    fn what_was_deleted_stays_deleted_and_other_bytes_are_refused() {
        let bundle = |parts: [&'static str; 2]| encode(parts.map(|part| Bytes::from_static(part.as_bytes())).iter());
        let merge = |old, new| merge("vault/000", Bytes::from(bundle(old)), bundle(new).into(), 2);
        assert_eq!(merge(["a", ""], ["a", "b"]).unwrap(), bundle(["a", ""]));
        assert_eq!(merge(["a", "b"], ["", "b"]).unwrap(), bundle(["", "b"]));
        assert!(merge(["a", "b"], ["a", "c"]).is_err());
    }
}
