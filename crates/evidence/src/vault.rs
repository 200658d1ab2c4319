//! Vault entries: the values behind an envelope's sealed fields, encrypted (`docs/evidence-format.md` §4).
//!
//! ```text
//! entry    := 0x01 sections:u8 section*
//! section  := 0x00 ciphertext                                  under K_action, wrapped in the action's first entry
//!           | 0x01 key_id:16 wrapped:72 ciphertext             under a key wrapped here
//! ciphertext := length:u32be nonce:24 sealed                   of 0x00 json | 0x01 zstd(json)
//! ```
//! The JSON is the canonical object of field name to value; disclosures follow from it, the key and the labels.

use std::cell::RefCell;

use uuid::Uuid;
use zstd::bulk::{Compressor, Decompressor};

use crate::json::{self, Limits, Object, Value};
use crate::key::{Key, OpenError, Random, WRAPPED_LEN};

const VERSION: u8 = 1;
const PURPOSE: &str = "vault/v1";
const UNDER_ACTION_KEY: u8 = 0;
const UNDER_WRAPPED_KEY: u8 = 1;
const PLAIN: u8 = 0;
const ZSTD: u8 = 1;
/// Below this, compression does not pay.
const COMPRESS_FROM: usize = 200;
/// Most bytes that a section may hold when opened.
const MOST_SECTION: usize = 16 << 20;

/// Fields to seal under one key.
pub struct Section<'a> {
    /// The key that the fields are sealed under.
    pub key: &'a Key,
    /// Where that key is wrapped in this entry: the wrapping key's id and the wrapping key. `None`: it is the action's
    /// key, and the action's first entry has it.
    pub wrapped_by: Option<(Uuid, &'a Key)>,
    /// Field name to value.
    pub fields: Object,
}

/// A section as stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoredSection<'a> {
    /// Id of the wrapping key, and the wrapped key, where the key is wrapped here.
    pub wrapped: Option<(Uuid, &'a [u8])>,
    ciphertext: &'a [u8],
    index: u8,
}

/// Why a vault entry is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VaultError {
    /// The bytes are not an entry.
    #[error("not a vault entry: {0}")]
    Malformed(&'static str),
    /// The ciphertext does not open.
    #[error(transparent)]
    Open(#[from] OpenError),
}

fn associated(origin: &str, record: Uuid, index: u8) -> Vec<u8> {
    [origin.as_bytes(), &[0], record.as_bytes(), &[index]].concat()
}

/// Encrypts the sections of one record.
pub fn seal(origin: &str, record: Uuid, sections: &[Section<'_>], random: &dyn Random) -> Vec<u8> {
    let mut out = vec![VERSION, u8::try_from(sections.len()).unwrap_or(u8::MAX)];
    for (index, section) in (0..u8::MAX).zip(sections) {
        let associated = associated(origin, record, index);
        match section.wrapped_by {
            None => out.push(UNDER_ACTION_KEY),
            Some((key_id, wrapping)) => {
                out.push(UNDER_WRAPPED_KEY);
                out.extend_from_slice(key_id.as_bytes());
                out.extend(wrapping.wrap(section.key, &associated, random));
            }
        }
        let plaintext = compress(&section.fields);
        let ciphertext = section.key.derive(PURPOSE).seal(&plaintext, &associated, random);
        out.extend_from_slice(&u32::try_from(ciphertext.len()).unwrap_or(u32::MAX).to_be_bytes());
        out.extend(ciphertext);
    }
    out
}

thread_local! {
    /// Setting up a compressor costs more than compressing a record.
    static COMPRESSOR: RefCell<Option<Compressor<'static>>> = RefCell::new(Compressor::new(1).ok());
    static DECOMPRESSOR: RefCell<Option<Decompressor<'static>>> = RefCell::new(Decompressor::new().ok());
}

fn compress(fields: &Object) -> Vec<u8> {
    let mut json = String::with_capacity(1024);
    fields.write_canonical(&mut json);
    if json.len() >= COMPRESS_FROM
        && let Some(packed) =
            COMPRESSOR.with_borrow_mut(|compressor| compressor.as_mut()?.compress(json.as_bytes()).ok())
        && packed.len() < json.len()
    {
        return [&[ZSTD], packed.as_slice()].concat();
    }
    [&[PLAIN], json.as_bytes()].concat()
}

/// The frame says how large its content is; what says nothing, or too much, is not ours.
fn decompress(packed: &[u8]) -> Option<Vec<u8>> {
    let size = zstd::zstd_safe::get_frame_content_size(packed).ok().flatten()?;
    let size = usize::try_from(size).ok().filter(|size| *size <= MOST_SECTION)?;
    DECOMPRESSOR.with_borrow_mut(|decompressor| decompressor.as_mut()?.decompress(packed, size).ok())
}

/// Reads the clear structure of an entry.
///
/// # Errors
/// [`VaultError::Malformed`].
pub fn sections(entry: &[u8]) -> Result<Vec<StoredSection<'_>>, VaultError> {
    let mut rest = entry;
    let mut take = |count: usize| -> Result<&[u8], VaultError> {
        let (taken, left) = rest.split_at_checked(count).ok_or(VaultError::Malformed("it ends early"))?;
        rest = left;
        Ok(taken)
    };
    if take(1)? != [VERSION] {
        return Err(VaultError::Malformed("its version is unknown"));
    }
    let count = take(1)?.first().copied().unwrap_or_default();
    let mut found = Vec::with_capacity(usize::from(count));
    for index in 0..count {
        let wrapped = match take(1)? {
            [UNDER_ACTION_KEY] => None,
            [UNDER_WRAPPED_KEY] => {
                let id = Uuid::from_slice(take(16)?).map_err(|_| VaultError::Malformed("its key id is no UUID"))?;
                Some((id, take(WRAPPED_LEN)?))
            }
            _ => return Err(VaultError::Malformed("its key kind is unknown")),
        };
        let length = take(4)?.try_into().map(u32::from_be_bytes).unwrap_or_default();
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        found.push(StoredSection { wrapped, ciphertext: take(length)?, index });
    }
    if rest.is_empty() { Ok(found) } else { Err(VaultError::Malformed("bytes follow its last section")) }
}

impl StoredSection<'_> {
    /// Unwraps the section's key with the wrapping key that [`StoredSection::wrapped`] names.
    ///
    /// # Errors
    /// [`VaultError`] where no key is wrapped here, or it does not open.
    pub fn unwrap_key(&self, wrapping: &Key, origin: &str, record: Uuid) -> Result<Key, VaultError> {
        let (_, wrapped) = self.wrapped.ok_or(VaultError::Malformed("no key is wrapped in this section"))?;
        Ok(wrapping.unwrap_key(wrapped, &associated(origin, record, self.index))?)
    }

    /// Opens the fields.
    ///
    /// # Errors
    /// [`VaultError`] where the ciphertext does not open or holds no JSON object of fields.
    pub fn open(&self, key: &Key, origin: &str, record: Uuid) -> Result<Object, VaultError> {
        let plaintext = key.derive(PURPOSE).open(self.ciphertext, &associated(origin, record, self.index))?;
        let unpacked;
        let json = match plaintext.split_first() {
            Some((&PLAIN, json)) => json,
            Some((&ZSTD, packed)) => {
                unpacked = decompress(packed).ok_or(VaultError::Malformed("its compression is broken"))?;
                unpacked.as_slice()
            }
            _ => return Err(VaultError::Malformed("its content kind is unknown")),
        };
        let limits = Limits { bytes: MOST_SECTION, depth: 128 };
        match json::parse(json, limits) {
            Ok(Value::Object(fields)) => Ok(fields),
            _ => Err(VaultError::Malformed("its content is no JSON object")),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    struct Counter(std::sync::atomic::AtomicU8);

    impl Random for Counter {
        fn fill(&self, out: &mut [u8]) {
            out.fill(self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed));
        }
    }

    #[test]
    fn sections_open_under_their_own_keys_only() {
        let random = Counter(1.into());
        let (action, person, wrapping) = (Key::generate(&random), Key::generate(&random), Key::generate(&random));
        let long = "x".repeat(1000);
        let fields = [Object::from_iter([("payload", long.as_str())]), Object::from_iter([("reason", "fine")])];
        let (record, key_id) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let entry = seal(
            "o/1",
            record,
            &[
                Section { key: &action, wrapped_by: None, fields: fields[0].clone() },
                Section { key: &person, wrapped_by: Some((key_id, &wrapping)), fields: fields[1].clone() },
            ],
            &random,
        );
        assert!(entry.len() < 400, "compressed");
        let stored = sections(&entry).unwrap();
        assert_eq!(stored[0].wrapped, None);
        assert_eq!(stored[0].open(&action, "o/1", record).unwrap(), fields[0]);
        assert_eq!(stored[1].wrapped.unwrap().0, key_id);
        let key = stored[1].unwrap_key(&wrapping, "o/1", record).unwrap();
        assert_eq!(stored[1].open(&key, "o/1", record).unwrap(), fields[1]);
        assert!(stored[0].open(&person, "o/1", record).is_err());
        assert!(stored[0].open(&action, "o/2", record).is_err());
        assert!(stored[0].open(&action, "o/1", key_id).is_err());
        for cut in 0..entry.len() {
            assert!(sections(&entry[..cut]).is_err());
        }
    }
}
