//! Strict JSON with exact numbers, and its one canonical form.
//!
//! Everything that is hashed, sealed or sent on passes through here. [`parse`] refuses what two parsers could read in two
//! ways (duplicate keys, lone surrogates, …); [`Value::to_canonical`] writes the form of `docs/evidence-format.md` §2:
//! RFC 8785 (JCS) with exact numbers.

mod canonical;
mod check;
mod de;
mod error;
mod number;
mod object;
mod parse;
mod ser;
mod write;

pub(crate) use canonical::write_string;
pub use check::Check;
pub use de::from_value;
pub use error::{ConvertError, JsonError};
pub use number::{Decimal, Number, NumberError};
pub use object::Object;
pub use parse::{Limits, is_canonical, parse};
pub use ser::to_value;
pub use write::{to_string, to_string_checked};

/// A JSON value whose numbers are exact and whose objects are in canonical order.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum Value {
    /// `null`
    #[default]
    Null,
    /// `true` or `false`
    Bool(bool),
    /// An exact decimal number.
    Number(Number),
    /// A string of Unicode scalar values.
    String(String),
    /// An ordered list.
    Array(Vec<Value>),
    /// Members with unique names.
    Object(Object),
}

impl Value {
    /// The member `name`, where this is an object that has it.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.as_object()?.get(name)
    }

    /// The text of a string.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Value::String(text) => Some(text),
            _ => None,
        }
    }

    /// The value of a boolean.
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Value::Bool(value) => Some(*value),
            _ => None,
        }
    }

    /// The exact number.
    pub fn as_number(&self) -> Option<&Number> {
        match self {
            Value::Number(number) => Some(number),
            _ => None,
        }
    }

    /// The elements of an array.
    pub fn as_array(&self) -> Option<&[Value]> {
        match self {
            Value::Array(items) => Some(items),
            _ => None,
        }
    }

    /// The members of an object.
    pub fn as_object(&self) -> Option<&Object> {
        match self {
            Value::Object(object) => Some(object),
            _ => None,
        }
    }

    /// The members of an object, to be changed.
    pub fn as_object_mut(&mut self) -> Option<&mut Object> {
        match self {
            Value::Object(object) => Some(object),
            _ => None,
        }
    }

    /// Whether this is `null`.
    pub fn is_null(&self) -> bool {
        matches!(self, Value::Null)
    }

    /// The canonical text.
    pub fn to_canonical(&self) -> String {
        let mut out = String::with_capacity(256);
        self.write_canonical(&mut out);
        out
    }

    /// Appends the canonical text to `out`.
    pub fn write_canonical(&self, out: &mut String) {
        canonical::write_value(self, out);
    }
}

macro_rules! from_integers {
    ($($integer:ty),*) => {$(
        impl From<$integer> for Value {
            fn from(value: $integer) -> Self {
                Value::Number(Number::from(value))
            }
        }
    )*};
}
from_integers!(i64, u64, i32, u32, u16, u8);

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Value::Bool(value)
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Value::String(value.to_owned())
    }
}

impl From<String> for Value {
    fn from(value: String) -> Self {
        Value::String(value)
    }
}

impl From<Object> for Value {
    fn from(value: Object) -> Self {
        Value::Object(value)
    }
}

impl From<Vec<Value>> for Value {
    fn from(value: Vec<Value>) -> Self {
        Value::Array(value)
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Value::Null, Into::into)
    }
}
