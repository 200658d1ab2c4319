use serde::ser::{Serialize, SerializeMap, SerializeSeq, SerializeStruct, Serializer};
use serde::ser::{SerializeStructVariant, SerializeTuple, SerializeTupleStruct};

use super::{ConvertError, Number, Object, Value};

/// Name under which a [`Number`] passes through serde without losing digits, between [`to_value`] and
/// [`super::from_value`]. Other formats see its text.
pub(super) const EXACT_NUMBER: &str = "countersign::Number";

/// Any serializable value as a [`Value`].
///
/// # Errors
/// Where the type has no JSON form (a map with non-string keys, a NaN).
pub fn to_value<T: Serialize + ?Sized>(value: &T) -> Result<Value, ConvertError> {
    value.serialize(ToValue)
}

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_newtype_struct(EXACT_NUMBER, self.as_str())
    }
}

impl Serialize for Object {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Value::Null => serializer.serialize_unit(),
            Value::Bool(value) => serializer.serialize_bool(*value),
            Value::Number(number) => number.serialize(serializer),
            Value::String(text) => serializer.serialize_str(text),
            Value::Array(items) => serializer.collect_seq(items),
            Value::Object(object) => object.serialize(serializer),
        }
    }
}

struct ToValue;

struct Items(Vec<Value>);

struct Members {
    members: Vec<(String, Value)>,
    name: Option<String>,
    variant: Option<&'static str>,
}

impl Members {
    fn new(variant: Option<&'static str>, size: usize) -> Self {
        Members { members: Vec::with_capacity(size), name: None, variant }
    }

    fn finish(self) -> Result<Value, ConvertError> {
        let object = Object::from_members(self.members)
            .map_err(|name| ConvertError(format!("the member {name:?} is serialized twice")))?;
        Ok(match self.variant {
            Some(variant) => tagged(variant, Value::Object(object)),
            None => Value::Object(object),
        })
    }
}

fn tagged(variant: &str, value: Value) -> Value {
    Value::Object(Object::from_iter([(variant, value)]))
}

/// A number's canonical form; NaN and the infinities have none.
pub(super) fn float(value: f64) -> Result<Number, ConvertError> {
    if !value.is_finite() {
        return Err(ConvertError(format!("{value} has no JSON form")));
    }
    // Of two shortest texts JCS takes the even one; Rust's own formatting does not.
    let mut jcs = ryu_js::Buffer::new();
    Number::parse(jcs.format_finite(value)).map_err(|error| ConvertError(error.to_string()))
}

macro_rules! integers {
    ($($method:ident: $integer:ty),*) => {$(
        fn $method(self, value: $integer) -> Result<Value, ConvertError> {
            #[allow(clippy::cast_lossless)]
            Ok(Value::from(value as i64))
        }
    )*};
}

impl Serializer for ToValue {
    type Ok = Value;
    type Error = ConvertError;
    type SerializeSeq = Items;
    type SerializeTuple = Items;
    type SerializeTupleStruct = Items;
    type SerializeTupleVariant = serde::ser::Impossible<Value, ConvertError>;
    type SerializeMap = Members;
    type SerializeStruct = Members;
    type SerializeStructVariant = Members;

    integers!(serialize_i8: i8, serialize_i16: i16, serialize_i32: i32, serialize_i64: i64,
              serialize_u8: u8, serialize_u16: u16, serialize_u32: u32);

    fn serialize_u64(self, value: u64) -> Result<Value, ConvertError> {
        Ok(Value::from(value))
    }

    fn serialize_bool(self, value: bool) -> Result<Value, ConvertError> {
        Ok(Value::Bool(value))
    }

    fn serialize_f32(self, value: f32) -> Result<Value, ConvertError> {
        float(f64::from(value)).map(Value::Number)
    }

    fn serialize_f64(self, value: f64) -> Result<Value, ConvertError> {
        float(value).map(Value::Number)
    }

    fn serialize_char(self, value: char) -> Result<Value, ConvertError> {
        Ok(Value::String(value.to_string()))
    }

    fn serialize_str(self, value: &str) -> Result<Value, ConvertError> {
        Ok(Value::String(value.to_owned()))
    }

    fn serialize_bytes(self, _: &[u8]) -> Result<Value, ConvertError> {
        Err(ConvertError("bytes have no JSON form: encode them as base64url".to_owned()))
    }

    fn serialize_none(self) -> Result<Value, ConvertError> {
        Ok(Value::Null)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<Value, ConvertError> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<Value, ConvertError> {
        Ok(Value::Null)
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<Value, ConvertError> {
        Ok(Value::Null)
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result<Value, ConvertError> {
        Ok(Value::from(variant))
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        value: &T,
    ) -> Result<Value, ConvertError> {
        let inner = value.serialize(ToValue)?;
        match (name, &inner) {
            (EXACT_NUMBER, Value::String(text)) => {
                Number::parse(text).map(Value::Number).map_err(|error| ConvertError(error.to_string()))
            }
            _ => Ok(inner),
        }
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<Value, ConvertError> {
        Ok(tagged(variant, value.serialize(ToValue)?))
    }

    fn serialize_seq(self, size: Option<usize>) -> Result<Items, ConvertError> {
        Ok(Items(Vec::with_capacity(size.unwrap_or_default())))
    }

    fn serialize_tuple(self, size: usize) -> Result<Items, ConvertError> {
        self.serialize_seq(Some(size))
    }

    fn serialize_tuple_struct(self, _: &'static str, size: usize) -> Result<Items, ConvertError> {
        self.serialize_seq(Some(size))
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

    fn serialize_map(self, size: Option<usize>) -> Result<Members, ConvertError> {
        Ok(Members::new(None, size.unwrap_or_default()))
    }

    fn serialize_struct(self, _: &'static str, size: usize) -> Result<Members, ConvertError> {
        Ok(Members::new(None, size))
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        size: usize,
    ) -> Result<Members, ConvertError> {
        Ok(Members::new(Some(variant), size))
    }
}

macro_rules! sequence {
    ($($kind:ident: $method:ident),*) => {$(
        impl $kind for Items {
            type Ok = Value;
            type Error = ConvertError;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), ConvertError> {
                self.0.push(value.serialize(ToValue)?);
                Ok(())
            }

            fn end(self) -> Result<Value, ConvertError> {
                Ok(Value::Array(self.0))
            }
        }
    )*};
}
sequence!(SerializeSeq: serialize_element, SerializeTuple: serialize_element, SerializeTupleStruct: serialize_field);

impl SerializeMap for Members {
    type Ok = Value;
    type Error = ConvertError;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), ConvertError> {
        match key.serialize(ToValue)? {
            Value::String(name) => self.name = Some(name),
            _ => return Err(ConvertError("a member name must be a string".to_owned())),
        }
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), ConvertError> {
        let name = self.name.take().ok_or_else(|| ConvertError("a value came before its name".to_owned()))?;
        self.members.push((name, value.serialize(ToValue)?));
        Ok(())
    }

    fn end(self) -> Result<Value, ConvertError> {
        self.finish()
    }
}

macro_rules! structure {
    ($($kind:ident),*) => {$(
        impl $kind for Members {
            type Ok = Value;
            type Error = ConvertError;

            fn serialize_field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Result<(), ConvertError> {
                self.members.push((name.to_owned(), value.serialize(ToValue)?));
                Ok(())
            }

            fn end(self) -> Result<Value, ConvertError> {
                self.finish()
            }
        }
    )*};
}
structure!(SerializeStruct, SerializeStructVariant);
