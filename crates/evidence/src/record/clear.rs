//! What may stand in the clear: names, identifiers, booleans and integers within ±(2^53 − 1); everything else is sealed.

use crate::id::is_identifier;
use crate::json::{Check, ConvertError, Value};

/// 2^53 − 1: envelopes hold no larger integers, and nothing but integers.
const MOST_INTEGER: u64 = (1 << 53) - 1;

/// The check of everything in an envelope.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clear;

fn wrong(what: String) -> Result<(), ConvertError> {
    Err(ConvertError(what))
}

impl Check for Clear {
    fn name(self, name: &str) -> Result<(), ConvertError> {
        match is_field_name(name) {
            true => Ok(()),
            false => wrong(format!("the member name {name:?} is not lower case ASCII ([a-z_]{{1,64}})")),
        }
    }

    fn string(self, text: &str) -> Result<(), ConvertError> {
        match is_identifier(text) {
            true => Ok(()),
            false => wrong(format!("{text:?} is not an identifier ([\\x21-\\x7e]{{1,128}}): seal it")),
        }
    }

    fn number(self, text: &str) -> Result<(), ConvertError> {
        match text.parse::<i64>().is_ok_and(|value| value.unsigned_abs() <= MOST_INTEGER) {
            true => Ok(()),
            false => wrong(format!("{text} is not an integer within ±(2^53 − 1)")),
        }
    }

    fn null(self) -> Result<(), ConvertError> {
        wrong("null: leave the member out".to_owned())
    }
}

impl Clear {
    /// Checks a value that was read.
    pub(super) fn value(self, value: &Value) -> Result<(), ConvertError> {
        match value {
            Value::Object(members) => members.iter().try_for_each(|(name, value)| {
                self.name(name)?;
                self.value(value)
            }),
            Value::Array(items) => items.iter().try_for_each(|item| self.value(item)),
            Value::String(text) => self.string(text),
            Value::Number(number) => self.number(number.as_str()),
            Value::Null => self.null(),
            Value::Bool(_) => Ok(()),
        }
    }
}

pub(super) fn is_field_name(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
}
