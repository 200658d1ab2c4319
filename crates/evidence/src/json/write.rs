//! Serializable values as canonical text, written at once: no [`super::Value`] is built on the way.

use std::borrow::Cow;
use std::fmt::Write;

use serde::ser::{Serialize, SerializeMap, SerializeSeq, SerializeStruct, Serializer};
use serde::ser::{SerializeStructVariant, SerializeTuple, SerializeTupleStruct};

use super::canonical::write_string;
use super::check::{Anything, Check};
use super::number::EXACT_INTEGERS;
use super::object::utf16_order;
use super::ser::{EXACT_NUMBER, float, to_value};
use super::{ConvertError, Number};

/// Any serializable value as canonical text.
///
/// # Errors
/// As [`to_value`].
pub fn to_string<T: Serialize + ?Sized>(value: &T) -> Result<String, ConvertError> {
    to_string_checked(Anything, value)
}

/// Any serializable value as canonical text, under this check.
///
/// # Errors
/// As [`to_value`], and whatever the check refuses.
pub fn to_string_checked<T: Serialize + ?Sized>(check: impl Check, value: &T) -> Result<String, ConvertError> {
    let mut out = String::with_capacity(1024);
    value.serialize(Writer { out: &mut out, check })?;
    Ok(out)
}

struct Writer<'a, C> {
    out: &'a mut String,
    check: C,
}

impl<C: Check> Writer<'_, C> {
    fn number(self, number: &Number) -> Result<(), ConvertError> {
        self.check.number(number.as_str())?;
        self.out.push_str(number.as_str());
        Ok(())
    }

    fn integer(self, value: i64) -> Result<(), ConvertError> {
        if value.unsigned_abs() > EXACT_INTEGERS {
            return self.number(&Number::from(value));
        }
        let from = self.out.len();
        // A string takes whatever is written to it.
        let _ = write!(self.out, "{value}");
        self.check.number(self.out.get(from..).unwrap_or_default())
    }
}

impl<'a, C: Check> Writer<'a, C> {
    fn items(self) -> Items<'a, C> {
        self.out.push('[');
        Items { out: self.out, check: self.check, any: false }
    }

    fn members(self, size: usize, within: bool) -> Members<'a, C> {
        self.out.push('{');
        let begin = self.out.len();
        Members { out: self.out, check: self.check, begin, members: Vec::with_capacity(size), sorted: true, within }
    }

    /// `{"variant":`, to which a second brace belongs at the end.
    fn variant(self, variant: &str) -> Result<Self, ConvertError> {
        self.check.name(variant)?;
        self.out.push('{');
        write_string(variant, self.out);
        self.out.push(':');
        Ok(self)
    }
}

struct Items<'a, C> {
    out: &'a mut String,
    check: C,
    any: bool,
}

struct Members<'a, C> {
    out: &'a mut String,
    check: C,
    /// Where the first member begins.
    begin: usize,
    /// Each member's name, and where it begins.
    members: Vec<(Cow<'static, str>, usize)>,
    sorted: bool,
    /// Whether the object is the value of an enum's variant.
    within: bool,
}

impl<C: Check> Members<'_, C> {
    fn value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), ConvertError> {
        value.serialize(Writer { out: self.out, check: self.check })
    }

    fn name(&mut self, name: Cow<'static, str>) -> Result<(), ConvertError> {
        self.check.name(&name)?;
        if let Some((last, _)) = self.members.last() {
            self.out.push(',');
            self.sorted &= utf16_order(last, &name).is_lt();
        }
        let at = self.out.len();
        write_string(&name, self.out);
        self.out.push(':');
        self.members.push((name, at));
        Ok(())
    }

    fn finish(mut self) -> Result<(), ConvertError> {
        if !self.sorted {
            self.sort()?;
        }
        self.out.push_str(if self.within { "}}" } else { "}" });
        Ok(())
    }

    /// Brings the members, as they were written, into canonical order.
    fn sort(&mut self) -> Result<(), ConvertError> {
        let written = self.out.split_off(self.begin);
        let ends = self.members.iter().skip(1).map(|(_, next)| next - 1 - self.begin).chain([written.len()]);
        let mut members: Vec<_> = self.members.iter().zip(ends).collect();
        members.sort_by(|((a, _), _), ((b, _), _)| utf16_order(a, b));
        let mut last = None;
        for ((name, at), end) in members {
            if last == Some(name) {
                return Err(ConvertError(format!("the member {name:?} is serialized twice")));
            }
            if last.replace(name).is_some() {
                self.out.push(',');
            }
            self.out.push_str(written.get(at - self.begin..end).unwrap_or_default());
        }
        Ok(())
    }
}

macro_rules! integers {
    ($($method:ident: $integer:ty),*) => {$(
        fn $method(self, value: $integer) -> Result<(), ConvertError> {
            #[allow(clippy::cast_lossless)]
            self.integer(value as i64)
        }
    )*};
}

impl<'a, C: Check> Serializer for Writer<'a, C> {
    type Ok = ();
    type Error = ConvertError;
    type SerializeSeq = Items<'a, C>;
    type SerializeTuple = Items<'a, C>;
    type SerializeTupleStruct = Items<'a, C>;
    type SerializeTupleVariant = serde::ser::Impossible<(), ConvertError>;
    type SerializeMap = Members<'a, C>;
    type SerializeStruct = Members<'a, C>;
    type SerializeStructVariant = Members<'a, C>;

    integers!(serialize_i8: i8, serialize_i16: i16, serialize_i32: i32, serialize_i64: i64,
              serialize_u8: u8, serialize_u16: u16, serialize_u32: u32);

    fn serialize_u64(self, value: u64) -> Result<(), ConvertError> {
        match i64::try_from(value) {
            Ok(value) => self.integer(value),
            Err(_) => self.number(&Number::from(value)),
        }
    }

    fn serialize_bool(self, value: bool) -> Result<(), ConvertError> {
        self.out.push_str(if value { "true" } else { "false" });
        Ok(())
    }

    fn serialize_f32(self, value: f32) -> Result<(), ConvertError> {
        self.serialize_f64(f64::from(value))
    }

    fn serialize_f64(self, value: f64) -> Result<(), ConvertError> {
        self.number(&float(value)?)
    }

    fn serialize_char(self, value: char) -> Result<(), ConvertError> {
        self.serialize_str(value.encode_utf8(&mut [0; 4]))
    }

    fn serialize_str(self, value: &str) -> Result<(), ConvertError> {
        self.check.string(value)?;
        write_string(value, self.out);
        Ok(())
    }

    fn serialize_bytes(self, _: &[u8]) -> Result<(), ConvertError> {
        Err(ConvertError("bytes have no JSON form: encode them as base64url".to_owned()))
    }

    fn serialize_none(self) -> Result<(), ConvertError> {
        self.check.null()?;
        self.out.push_str("null");
        Ok(())
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), ConvertError> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), ConvertError> {
        self.serialize_none()
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), ConvertError> {
        self.serialize_none()
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result<(), ConvertError> {
        self.serialize_str(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        value: &T,
    ) -> Result<(), ConvertError> {
        if name != EXACT_NUMBER {
            return value.serialize(self);
        }
        match to_value(value)?.as_str().map(Number::parse) {
            Some(Ok(number)) => self.number(&number),
            _ => Err(ConvertError("an exact number is given as its text".to_owned())),
        }
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), ConvertError> {
        let Writer { out, check } = self.variant(variant)?;
        value.serialize(Writer { out, check })?;
        out.push('}');
        Ok(())
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Items<'a, C>, ConvertError> {
        Ok(self.items())
    }

    fn serialize_tuple(self, _: usize) -> Result<Items<'a, C>, ConvertError> {
        Ok(self.items())
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Items<'a, C>, ConvertError> {
        Ok(self.items())
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleVariant, ConvertError> {
        Err(ConvertError(format!("the tuple variant {variant} has no JSON form here: use a struct variant")))
    }

    fn serialize_map(self, size: Option<usize>) -> Result<Members<'a, C>, ConvertError> {
        Ok(self.members(size.unwrap_or_default(), false))
    }

    fn serialize_struct(self, _: &'static str, size: usize) -> Result<Members<'a, C>, ConvertError> {
        Ok(self.members(size, false))
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        size: usize,
    ) -> Result<Members<'a, C>, ConvertError> {
        Ok(self.variant(variant)?.members(size, true))
    }
}

macro_rules! sequence {
    ($($kind:ident: $method:ident),*) => {$(
        impl<C: Check> $kind for Items<'_, C> {
            type Ok = ();
            type Error = ConvertError;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), ConvertError> {
                if std::mem::replace(&mut self.any, true) {
                    self.out.push(',');
                }
                value.serialize(Writer { out: self.out, check: self.check })
            }

            fn end(self) -> Result<(), ConvertError> {
                self.out.push(']');
                Ok(())
            }
        }
    )*};
}
sequence!(SerializeSeq: serialize_element, SerializeTuple: serialize_element, SerializeTupleStruct: serialize_field);

impl<C: Check> SerializeMap for Members<'_, C> {
    type Ok = ();
    type Error = ConvertError;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), ConvertError> {
        match to_value(key)? {
            super::Value::String(name) => self.name(Cow::Owned(name)),
            _ => Err(ConvertError("a member name must be a string".to_owned())),
        }
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), ConvertError> {
        self.value(value)
    }

    fn end(self) -> Result<(), ConvertError> {
        self.finish()
    }
}

macro_rules! structure {
    ($($kind:ident),*) => {$(
        impl<C: Check> $kind for Members<'_, C> {
            type Ok = ();
            type Error = ConvertError;

            fn serialize_field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Result<(), ConvertError> {
                self.name(Cow::Borrowed(name))?;
                self.value(value)
            }

            fn end(self) -> Result<(), ConvertError> {
                self.finish()
            }
        }
    )*};
}
structure!(SerializeStruct, SerializeStructVariant);
