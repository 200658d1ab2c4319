use std::fmt;

/// Most significant digits a number may have.
const MOST_DIGITS: usize = 1024;
/// Largest magnitude of a number's scientific exponent.
const MOST_EXPONENT: i64 = 9999;
/// An inexact integer is written out in plain digits up to this many of them.
const MOST_PLAIN_DIGITS: i64 = 128;
/// 2^53: doubles hold every integer up to here.
pub(super) const EXACT_INTEGERS: u64 = 1 << 53;

/// Why a syntactically right number is refused: it could not be kept exactly within the limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NumberError {
    /// More than 1,024 significant digits.
    #[error("it has more than 1,024 significant digits: send it as a string")]
    TooManyDigits,
    /// A scientific exponent beyond ±9,999.
    #[error("its exponent is beyond ±9,999: send it as a string")]
    ExponentTooLarge,
    /// Not a JSON number.
    #[error("it is not a JSON number (RFC 8259 §6)")]
    Syntax,
}

/// An exact JSON number. Two numbers are equal exactly when their values are.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Number(Box<str>);

/// The value of a number as `±0.d₁d₂… × 10^point`: digits without leading or trailing zeros, none for zero.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decimal {
    /// Whether the value is below zero.
    pub negative: bool,
    /// Significant digits, `'0'..='9'` as ASCII.
    pub digits: Vec<u8>,
    /// Where the decimal point stands, counted in digits from the first one: `12.5` has digits `125` and point 2.
    pub point: i64,
}

impl Number {
    /// Reads a number of RFC 8259 §6 and brings it to canonical form.
    ///
    /// # Errors
    /// [`NumberError`] where the text is no number or cannot be kept exactly within the limits.
    pub fn parse(text: &str) -> Result<Self, NumberError> {
        if let Some(integer) = small_integer(text) {
            return Ok(Number::from(integer));
        }
        let decimal = Decimal::parse(text)?;
        Ok(Number(decimal.to_canonical()?.into_boxed_str()))
    }

    /// The canonical text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The value, where it is an integer that an `i64` holds.
    pub fn as_i64(&self) -> Option<i64> {
        self.0.parse().ok().or_else(|| i64::try_from(self.integer()?).ok())
    }

    /// The value, where it is an integer that a `u64` holds.
    pub fn as_u64(&self) -> Option<u64> {
        self.0.parse().ok().or_else(|| u64::try_from(self.integer()?).ok())
    }

    /// The nearest double; infinite beyond its range.
    pub fn as_f64(&self) -> f64 {
        self.0.parse().unwrap_or(f64::NAN)
    }

    /// The exact value.
    pub fn decimal(&self) -> Decimal {
        // The text is canonical, so it parses.
        Decimal::parse(&self.0).unwrap_or(Decimal { negative: false, digits: Vec::new(), point: 0 })
    }

    fn integer(&self) -> Option<i128> {
        let decimal = self.decimal();
        let length = i64::try_from(decimal.digits.len()).ok()?;
        if decimal.point < length || decimal.point > 38 {
            return (decimal.digits.is_empty()).then_some(0);
        }
        let digits = decimal
            .digits
            .iter()
            .try_fold(0i128, |sum, digit| sum.checked_mul(10)?.checked_add(i128::from(digit - b'0')));
        let zeros = u32::try_from(decimal.point - length).ok()?;
        let value = digits?.checked_mul(10i128.checked_pow(zeros)?)?;
        Some(if decimal.negative { -value } else { value })
    }
}

impl Decimal {
    /// Reads a number of RFC 8259 §6.
    ///
    /// # Errors
    /// [`NumberError`] as for [`Number::parse`].
    pub fn parse(text: &str) -> Result<Self, NumberError> {
        let (negative, rest) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (mantissa, exponent) = match rest.find(['e', 'E']) {
            Some(at) => (rest.get(..at).unwrap_or_default(), Some(rest.get(at + 1..).unwrap_or_default())),
            None => (rest, None),
        };
        let (whole, fraction) = match mantissa.split_once('.') {
            Some((whole, fraction)) if !fraction.is_empty() => (whole, fraction),
            Some(_) => return Err(NumberError::Syntax),
            None => (mantissa, ""),
        };
        let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty()
            || (whole.len() > 1 && whole.starts_with('0'))
            || !all_digits(whole)
            || !all_digits(fraction)
        {
            return Err(NumberError::Syntax);
        }
        let exponent = exponent.map_or(Ok(Some(0)), parse_exponent)?;
        Self::normal(negative, whole, fraction, exponent)
    }

    fn normal(negative: bool, whole: &str, fraction: &str, exponent: Option<i64>) -> Result<Self, NumberError> {
        let mut digits: Vec<u8> = whole.bytes().chain(fraction.bytes()).collect();
        let leading = digits.iter().take_while(|digit| **digit == b'0').count();
        digits.drain(..leading);
        while digits.last() == Some(&b'0') {
            digits.pop();
        }
        if digits.is_empty() {
            return Ok(Decimal { negative: false, digits, point: 0 });
        }
        if digits.len() > MOST_DIGITS {
            return Err(NumberError::TooManyDigits);
        }
        let length = |count: usize| i64::try_from(count).map_err(|_| NumberError::ExponentTooLarge);
        let point = exponent
            .and_then(|exponent| exponent.checked_add(length(whole.len()).ok()? - length(leading).ok()?))
            .filter(|point| (point - 1).abs() <= MOST_EXPONENT)
            .ok_or(NumberError::ExponentTooLarge)?;
        Ok(Decimal { negative, digits, point })
    }

    /// `docs/evidence-format.md` §2: JCS where JCS is exact, else plain digits for an integer of up to 128 digits, else
    /// scientific with the number's own digits.
    fn to_canonical(&self) -> Result<String, NumberError> {
        let scientific = self.scientific();
        let double: f64 = scientific.parse().map_err(|_| NumberError::Syntax)?;
        if double.is_finite() {
            let mut buffer = ryu_js::Buffer::new();
            let jcs = buffer.format(double);
            if Decimal::parse(jcs)? == *self {
                return Ok(jcs.to_owned());
            }
        }
        let length = i64::try_from(self.digits.len()).map_err(|_| NumberError::TooManyDigits)?;
        if self.point >= length && self.point <= MOST_PLAIN_DIGITS {
            return Ok(self.plain_integer());
        }
        Ok(scientific)
    }

    fn digits(&self) -> &str {
        std::str::from_utf8(&self.digits).unwrap_or_default()
    }

    fn sign(&self) -> &'static str {
        if self.negative { "-" } else { "" }
    }

    fn plain_integer(&self) -> String {
        let width = usize::try_from(self.point).unwrap_or_default();
        format!("{}{:0<width$}", self.sign(), self.digits())
    }

    fn scientific(&self) -> String {
        let digits = self.digits();
        let Some((first, rest)) = digits.split_at_checked(1) else {
            return "0".to_owned();
        };
        let dot = if rest.is_empty() { "" } else { "." };
        format!("{}{first}{dot}{rest}e{:+}", self.sign(), self.point - 1)
    }
}

/// `None` inside for an exponent too long for an `i64`: an error unless the number is zero.
fn parse_exponent(text: &str) -> Result<Option<i64>, NumberError> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(NumberError::Syntax);
    }
    Ok(text.parse().ok())
}

/// The common case at a glance: an integer of up to 15 digits is its own canonical form.
fn small_integer(text: &str) -> Option<i64> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let plain = digits.len() <= 15 && digits.bytes().all(|byte| byte.is_ascii_digit());
    let leading_zero = digits.len() > 1 && digits.starts_with('0');
    if plain && !leading_zero { text.parse().ok() } else { None }
}

macro_rules! from_integers {
    ($($integer:ty),*) => {$(
        impl From<$integer> for Number {
            fn from(value: $integer) -> Self {
                let text = value.to_string();
                #[allow(unused_comparisons, clippy::cast_lossless)]
                let magnitude = if value < 0 { (value as i128).unsigned_abs() } else { value as u128 };
                if magnitude <= u128::from(EXACT_INTEGERS) {
                    return Number(text.into_boxed_str());
                }
                let canonical = Decimal::parse(&text).and_then(|decimal| decimal.to_canonical());
                Number(canonical.unwrap_or(text).into_boxed_str())
            }
        }
    )*};
}
from_integers!(i64, u64, i32, u32, u16, u8);

impl fmt::Debug for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn canonical(text: &str) -> String {
        Number::parse(text).unwrap().as_str().to_owned()
    }

    #[test]
    fn exact_values_are_written_as_jcs_writes_them() {
        for (text, expected) in [
            ("0", "0"),
            ("-0", "0"),
            ("-0.0", "0"),
            ("1.0", "1"),
            ("1e2", "100"),
            ("0.1", "0.1"),
            ("1E-7", "1e-7"),
            ("1e21", "1e+21"),
            ("100000000000000000000", "100000000000000000000"),
            ("-12.50", "-12.5"),
            ("5e-324", "5e-324"),
            ("9007199254740992", "9007199254740992"),
            ("0e999999999999999999999", "0"),
            ("0.000001", "0.000001"),
        ] {
            assert_eq!(canonical(text), expected, "{text}");
        }
    }

    #[test]
    fn what_a_double_cannot_hold_keeps_its_own_digits() {
        for (text, expected) in [
            ("9007199254740993", "9007199254740993"),
            ("12345678901234567890123", "12345678901234567890123"),
            ("1.2345678901234567890123e22", "12345678901234567890123"),
            ("9223372036854775808", "9223372036854775808"),
            ("-18446744073709551615", "-18446744073709551615"),
            ("0.1000000000000000055511151231257827", "1.000000000000000055511151231257827e-1"),
            ("1e400", "1e+400"),
            ("-1.5e-400", "-1.5e-400"),
            ("4e-324", "4e-324"),
        ] {
            assert_eq!(canonical(text), expected, "{text}");
        }
    }

    #[test]
    fn limits_and_syntax_have_their_own_errors() {
        assert_eq!(Number::parse(&"7".repeat(1025)), Err(NumberError::TooManyDigits));
        assert_eq!(canonical(&"7".repeat(1024)).len(), 1024 + 1 + "e+1023".len());
        assert_eq!(Number::parse("1e10000"), Err(NumberError::ExponentTooLarge));
        assert_eq!(Number::parse("1e99999999999999999999"), Err(NumberError::ExponentTooLarge));
        assert_eq!(canonical("1e9999"), "1e+9999");
        for text in ["", "-", "01", "1.", ".5", "1e", "1e+", "+1", "0x1", "NaN", "1 "] {
            assert_eq!(Number::parse(text), Err(NumberError::Syntax), "{text}");
        }
    }

    #[test]
    fn integers_come_back() {
        assert_eq!(Number::from(u64::MAX).as_u64(), Some(u64::MAX));
        assert_eq!(Number::from(i64::MIN).as_i64(), Some(i64::MIN));
        assert_eq!(Number::parse("1e3").unwrap().as_i64(), Some(1000));
        assert_eq!(Number::parse("1.5").unwrap().as_i64(), None);
        assert_eq!(Number::from(u64::MAX).as_i64(), None);
    }
}
