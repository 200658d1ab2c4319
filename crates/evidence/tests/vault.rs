//! Vault entries: what was changed never opens, and nothing panics.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod values;

use std::sync::atomic::{AtomicU8, Ordering};

use countersign_evidence::json::{Object, Value};
use countersign_evidence::key::{Key, Random};
use countersign_evidence::vault::{Section, seal, sections};
use proptest::prelude::*;
use uuid::Uuid;
use values::value;

struct Counter(AtomicU8);

impl Random for Counter {
    fn fill(&self, out: &mut [u8]) {
        out.iter_mut().for_each(|byte| *byte = self.0.fetch_add(1, Ordering::Relaxed));
    }
}

const RECORD: Uuid = Uuid::from_u128(77);

fn entry(fields: &Object, more: &Object) -> (Vec<u8>, Key, Key) {
    let random = Counter(1.into());
    let (action, person) = (Key::generate(&random), Key::generate(&random));
    let wrapping = Key::from_bytes([3; 32]);
    let sections = [
        Section { key: &action, wrapped_by: None, fields: fields.clone() },
        Section { key: &person, wrapped_by: Some((Uuid::from_u128(8), &wrapping)), fields: more.clone() },
    ];
    (seal("o/1", RECORD, &sections, &random), action, wrapping)
}

/// Opens both sections, where they open.
fn open(entry: &[u8], action: &Key, wrapping: &Key, origin: &str, record: Uuid) -> Option<(Object, Object)> {
    let stored = sections(entry).ok()?;
    let [first, second] = stored.as_slice() else { return None };
    let inner = second.unwrap_key(wrapping, origin, record).ok()?;
    Some((first.open(action, origin, record).ok()?, second.open(&inner, origin, record).ok()?))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(120))]

    #[test]
    fn fields_come_back_and_any_changed_bit_is_noticed(one in value(), two in value(), at in any::<prop::sample::Index>(), bit in 0u8..8) {
        let (fields, more) = (Object::from_iter([("payload", one)]), Object::from_iter([("reason", two.clone()), ("name", two)]));
        let (mut entry, action, wrapping) = entry(&fields, &more);
        prop_assert_eq!(open(&entry, &action, &wrapping, "o/1", RECORD), Some((fields, more)));
        prop_assert_eq!(open(&entry, &action, &wrapping, "o/2", RECORD), None);
        prop_assert_eq!(open(&entry, &action, &wrapping, "o/1", Uuid::from_u128(78)), None);
        prop_assert_eq!(open(&entry, &wrapping, &action, "o/1", RECORD), None);
        let at = at.index(entry.len());
        entry[at] ^= 1 << bit;
        let key_id = sections(&entry).ok().and_then(|stored| stored.get(1).and_then(|section| section.wrapped)).map(|(id, _)| id);
        // The id of the wrapping key is not authenticated here: it is in the digest that the envelope holds.
        if key_id == Some(Uuid::from_u128(8)) {
            prop_assert_eq!(open(&entry, &action, &wrapping, "o/1", RECORD), None);
        }
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let key = Key::from_bytes([1; 32]);
        for section in sections(&bytes).unwrap_or_default() {
            prop_assert!(section.open(&key, "o/1", RECORD).is_err());
        }
        let shaped = [&[1, 1, 0, 0, 0, 0, 60][..], &[7; 60]].concat();
        prop_assert_eq!(sections(&shaped).unwrap().len(), 1);
    }
}

#[test]
fn sections_do_not_change_places() {
    let fields = Object::from_iter([("a", Value::from("b"))]);
    let random = Counter(1.into());
    let key = Key::generate(&random);
    let section = |fields: &Object| Section { key: &key, wrapped_by: None, fields: fields.clone() };
    let entry = seal("o/1", RECORD, &[section(&fields), section(&fields)], &random);
    let half = (entry.len() - 2) / 2;
    let swapped = [&entry[..2], &entry[2 + half..], &entry[2..2 + half]].concat();
    assert!(sections(&entry).unwrap()[0].open(&key, "o/1", RECORD).is_ok());
    assert!(sections(&swapped).unwrap()[0].open(&key, "o/1", RECORD).is_err());
}
