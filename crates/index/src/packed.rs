//! Compact forms: lists of integers as varints, and ids from outside that are UUIDs or hex as their bytes.

use rusqlite::types::{Value, ValueRef};
use uuid::Uuid;

/// LEB128 varints.
pub(crate) fn pack(numbers: impl IntoIterator<Item = u64>) -> Vec<u8> {
    let mut out = Vec::new();
    for mut number in numbers {
        while number >= 0x80 {
            out.push(number as u8 | 0x80);
            number >>= 7;
        }
        out.push(number as u8);
    }
    out
}

/// What [`pack`] wrote; anything after broken bytes is left out.
pub(crate) fn unpack(bytes: &[u8]) -> Vec<u64> {
    let mut numbers = Vec::new();
    let (mut number, mut shift) = (0u64, 0u32);
    for byte in bytes {
        let Some(part) = u64::from(byte & 0x7f).checked_shl(shift) else { return numbers };
        number |= part;
        shift += 7;
        if byte & 0x80 == 0 {
            numbers.push(number);
            (number, shift) = (0, 0);
        }
    }
    numbers
}

/// Rising positions as their differences; the first is the row's own number and is left out.
pub(crate) fn pack_positions(positions: &[u64]) -> Vec<u8> {
    pack(positions.windows(2).map(|pair| match pair {
        [before, after] => after.saturating_sub(*before),
        _ => 0,
    }))
}

pub(crate) fn unpack_positions(first: u64, bytes: &[u8]) -> Vec<u64> {
    let mut positions = vec![first];
    let mut at = first;
    for step in unpack(bytes) {
        at = at.saturating_add(step);
        positions.push(at);
    }
    positions
}

const HEX: u8 = 1;

/// An id from outside: a UUID in its usual form as 16 bytes, 32 hexadecimal digits (a W3C trace id) as 17, else as text.
pub(crate) fn pack_id(text: &str) -> Value {
    match Uuid::try_parse(text) {
        Ok(id) if id.hyphenated().to_string() == text => Value::Blob(id.as_bytes().to_vec()),
        Ok(id) if id.simple().to_string() == text => Value::Blob([&[HEX], id.as_bytes().as_slice()].concat()),
        _ => Value::Text(text.to_owned()),
    }
}

pub(crate) fn unpack_id(value: ValueRef<'_>) -> Option<String> {
    match value {
        ValueRef::Text(text) => Some(String::from_utf8_lossy(text).into_owned()),
        ValueRef::Blob([HEX, bytes @ ..]) if bytes.len() == 16 => {
            Some(Uuid::from_slice(bytes).ok()?.simple().to_string())
        }
        ValueRef::Blob(bytes) => Some(Uuid::from_slice(bytes).ok()?.hyphenated().to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn numbers_survive(numbers: Vec<u64>) {
            prop_assert_eq!(unpack(&pack(numbers.iter().copied())), numbers);
        }

        #[test]
        fn foreign_bytes_do_not_panic(bytes: Vec<u8>) {
            unpack_positions(u64::MAX - 5, &bytes);
        }

        #[test]
        fn ids_survive(text in "[0-9a-f]{32}|[!-~]{1,128}|[0-9A-Fa-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}") {
            let value = pack_id(&text);
            prop_assert_eq!(unpack_id(ValueRef::from(&value)).unwrap(), text);
        }
    }

    #[test]
    fn usual_ids_are_short() {
        assert!(matches!(pack_id("0193b1f0-0000-7000-8000-000000000001"), Value::Blob(bytes) if bytes.len() == 16));
        assert!(matches!(pack_id("4bf92f3577b34da6a3ce929d0e0e4736"), Value::Blob(bytes) if bytes.len() == 17));
        assert!(matches!(pack_id("{0193b1f0-0000-7000-8000-000000000001}"), Value::Text(_)));
    }

    #[test]
    fn positions_are_steps() {
        let positions = [7, 8, 9, 1000];
        assert_eq!(unpack_positions(7, &pack_positions(&positions)), positions);
        assert_eq!(pack_positions(&positions).len(), 4);
    }
}
