use std::fmt;
use std::str::FromStr;

use countersign_evidence::json::{Decimal, Number};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Decimal places that an [`Amount`] keeps: those of Cedar's `decimal`.
const PLACES: i64 = 4;

/// An exact decimal with up to four places, counted in ten-thousandths. Written as a string (`"120.5"`), so that no
/// reader rounds it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Amount(i64);

/// Why a number is no [`Amount`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AmountError {
    /// More than four decimal places: rounding would change what a rule sees.
    #[error("more than 4 decimal places: send at most 4")]
    TooManyPlaces,
    /// Beyond ±922337203685477.5807.
    #[error("beyond ±922337203685477.5807: send less")]
    TooLarge,
    /// No number at all.
    #[error("not a decimal number")]
    Syntax,
}

impl Amount {
    /// The sum, or `None` beyond the range.
    #[must_use]
    pub fn checked_add(self, other: Amount) -> Option<Amount> {
        self.0.checked_add(other.0).map(Amount)
    }

    /// The difference, or `None` beyond the range.
    #[must_use]
    pub fn checked_sub(self, other: Amount) -> Option<Amount> {
        self.0.checked_sub(other.0).map(Amount)
    }

    /// The value, where it has no decimal places.
    pub fn as_integer(self) -> Option<i64> {
        (self.0 % 10_i64.pow(4) == 0).then_some(self.0 / 10_i64.pow(4))
    }

    /// The form that Cedar's `decimal` reads: always with a point.
    pub(crate) fn to_cedar(self) -> String {
        let magnitude = self.0.unsigned_abs();
        let sign = if self.0 < 0 { "-" } else { "" };
        format!("{sign}{}.{:04}", magnitude / 10_000, magnitude % 10_000)
    }
}

impl TryFrom<&Decimal> for Amount {
    type Error = AmountError;

    fn try_from(decimal: &Decimal) -> Result<Self, AmountError> {
        let length = i64::try_from(decimal.digits.len()).map_err(|_| AmountError::TooLarge)?;
        if length > 0 && length - decimal.point > PLACES {
            return Err(AmountError::TooManyPlaces);
        }
        if length > 0 && decimal.point > 15 {
            return Err(AmountError::TooLarge);
        }
        let digits = decimal.digits.iter().fold(0i128, |sum, digit| sum * 10 + i128::from(digit.wrapping_sub(b'0')));
        let zeros = u32::try_from(PLACES - (length - decimal.point)).unwrap_or(0);
        let value = if length == 0 { 0 } else { digits * 10i128.pow(zeros) };
        let signed = if decimal.negative { -value } else { value };
        i64::try_from(signed).map(Amount).map_err(|_| AmountError::TooLarge)
    }
}

impl TryFrom<&Number> for Amount {
    type Error = AmountError;

    fn try_from(number: &Number) -> Result<Self, AmountError> {
        Amount::try_from(&number.decimal())
    }
}

impl From<u32> for Amount {
    fn from(value: u32) -> Self {
        Amount(i64::from(value) * 10_000)
    }
}

impl FromStr for Amount {
    type Err = AmountError;

    fn from_str(text: &str) -> Result<Self, AmountError> {
        let decimal = Decimal::parse(text).map_err(|_| AmountError::Syntax)?;
        Amount::try_from(&decimal)
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.to_cedar();
        f.write_str(text.trim_end_matches('0').trim_end_matches('.'))
    }
}

impl Serialize for Amount {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = Amount;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a decimal number with at most 4 places, best as a string")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Amount, E> {
                text.parse().map_err(E::custom)
            }
            fn visit_u64<E: de::Error>(self, value: u64) -> Result<Amount, E> {
                self.visit_str(&value.to_string())
            }
            fn visit_i64<E: de::Error>(self, value: i64) -> Result<Amount, E> {
                self.visit_str(&value.to_string())
            }
            fn visit_f64<E: de::Error>(self, value: f64) -> Result<Amount, E> {
                self.visit_str(&value.to_string())
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn exact_or_refused() {
        for (text, shown) in [
            ("0", "0"),
            ("-0.0", "0"),
            ("120", "120"),
            ("120.50", "120.5"),
            ("-0.0001", "-0.0001"),
            ("1e3", "1000"),
            ("922337203685477.5807", "922337203685477.5807"),
            ("-922337203685477.5808", "-922337203685477.5808"),
        ] {
            assert_eq!(text.parse::<Amount>().unwrap().to_string(), shown, "{text}");
        }
        assert_eq!("0.00001".parse::<Amount>(), Err(AmountError::TooManyPlaces));
        assert_eq!("1e-300".parse::<Amount>(), Err(AmountError::TooManyPlaces));
        assert_eq!("922337203685477.5808".parse::<Amount>(), Err(AmountError::TooLarge));
        assert_eq!("1e400".parse::<Amount>(), Err(AmountError::TooLarge));
        assert_eq!("ten".parse::<Amount>(), Err(AmountError::Syntax));
    }
}
