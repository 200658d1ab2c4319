//! I-JSON: strict, exact, and with one canonical form.

use countersign_evidence::json::{
    JsonError, Limits, Number, NumberError, Value, from_value, is_canonical, parse, to_value,
};
use serde_json::Value as Other;

/// A name that serde_json gives a meaning of its own.
const RESERVED: &[u8] = b"$serde_json::private";

/// What is accepted has one canonical form and means the same to serde_json; what is refused, serde_json refuses too,
/// unless a rule of ours beyond RFC 8259 names the reason.
pub fn json(data: &[u8]) {
    let read = parse(data, Limits::default());
    if let Ok(value) = &read {
        has_one_form(data, value);
        assert_eq!(to_value(value).as_ref(), Ok(value), "written through serde");
        assert_eq!(from_value::<Value>(value.clone()).as_ref(), Ok(value), "read through serde");
    }
    if data.windows(RESERVED.len()).any(|part| part == RESERVED) {
        return;
    }
    match (read, serde_json::from_slice::<Other>(data)) {
        (Ok(value), Ok(other)) => assert!(is_same(&value, &other), "{value:?} is not {other:?}"),
        (Ok(value), Err(error)) => panic!("accepted as {value:?}, but serde_json says: {error}"),
        (Err(error), Ok(other)) => assert!(is_stricter(&error), "{other:?} refused: {error}"),
        (Err(_), Err(_)) => {}
    }
}

pub(crate) fn has_one_form(data: &[u8], value: &Value) {
    let text = value.to_canonical();
    // An exponent can stand for 128 digits, so the canonical text may be longer than what was read.
    let limits = Limits { bytes: usize::MAX, ..Limits::default() };
    let again = parse(text.as_bytes(), limits).expect("the canonical text is JSON");
    assert_eq!(&again, value, "the canonical text means the same");
    assert_eq!(again.to_canonical(), text, "the canonical text is its own canonical text");
    assert!(is_canonical(text.as_bytes(), value));
    assert_eq!(is_canonical(data, value), data == text.as_bytes());
}

/// Beyond RFC 8259: names are unique, numbers stay exact within limits, size and depth are limited.
fn is_stricter(error: &JsonError) -> bool {
    match error {
        JsonError::DuplicateKey { .. } | JsonError::TooDeep { .. } | JsonError::TooLarge { .. } => true,
        JsonError::Number { source, .. } => *source != NumberError::Syntax,
        _ => false,
    }
}

fn is_same(ours: &Value, other: &Other) -> bool {
    match (ours, other) {
        (Value::Null, Other::Null) => true,
        (Value::Bool(a), Other::Bool(b)) => a == b,
        (Value::String(a), Other::String(b)) => a == b,
        (Value::Number(a), Other::Number(b)) => Number::parse(&b.to_string()).as_ref() == Ok(a),
        (Value::Array(a), Other::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| is_same(a, b)),
        (Value::Object(a), Other::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(name, value)| b.get(name).is_some_and(|b| is_same(value, b)))
        }
        _ => false,
    }
}
