//! Times as the format writes them: UTC with six fractional digits.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A point in time in microseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(i64);

/// Where the time comes from: clocks are parameters.
pub trait Clock: Send + Sync {
    /// The time now.
    fn now(&self) -> Timestamp;

    /// Microseconds since some fixed moment; never steps.
    fn monotonic_us(&self) -> i64;
}

/// The text is not a time of this format.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a time like 2026-01-02T03:04:05.000006Z")]
pub struct TimeError(String);

impl Timestamp {
    /// From microseconds since the epoch.
    pub const fn from_micros(micros: i64) -> Self {
        Timestamp(micros)
    }

    /// Microseconds since the epoch.
    pub const fn as_micros(self) -> i64 {
        self.0
    }

    /// This time plus (or minus) whole seconds.
    pub const fn plus_seconds(self, seconds: i64) -> Self {
        Timestamp(self.0.saturating_add(seconds.saturating_mul(1_000_000)))
    }

    /// Microseconds from `earlier` to this time.
    pub const fn since(self, earlier: Timestamp) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    /// The same instant for calendar arithmetic, where jiff can hold it.
    pub fn to_jiff(self) -> Option<jiff::Timestamp> {
        jiff::Timestamp::from_microsecond(self.0).ok()
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.to_jiff() {
            Some(time) => write!(f, "{time:.6}"),
            None => f.write_str("out of range"),
        }
    }
}

impl FromStr for Timestamp {
    type Err = TimeError;

    /// Reads exactly what `Display` writes, and nothing else.
    fn from_str(text: &str) -> Result<Self, TimeError> {
        let refused = || TimeError(text.chars().take(40).collect());
        let time: jiff::Timestamp = text.parse().map_err(|_| refused())?;
        let time = Timestamp(time.as_microsecond());
        if time.to_string() == text { Ok(time) } else { Err(refused()) }
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        crate::text::read(deserializer, "a time")
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn one_time_has_one_text() {
        let time = Timestamp::from_micros(1_700_000_000_000_001);
        assert_eq!(time.to_string(), "2023-11-14T22:13:20.000001Z");
        assert_eq!(time.to_string().parse::<Timestamp>().unwrap(), time);
        for other in
            ["2023-11-14T22:13:20Z", "2023-11-14T23:13:20.000001+01:00", "2023-11-14 22:13:20.000001Z", "", "x"]
        {
            assert!(other.parse::<Timestamp>().is_err(), "{other}");
        }
    }
}
