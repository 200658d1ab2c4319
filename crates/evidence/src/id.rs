//! Identifiers: our own are UUIDv7, those from outside are visible ASCII.

use uuid::{Builder, Uuid};

use crate::key::Random;
use crate::time::Timestamp;

/// Most characters of an identifier from outside.
pub const MOST_IDENTIFIER: usize = 128;

/// A UUIDv7 (RFC 9562 §5.7) of the given time, with random bits from `random`.
pub fn uuid_v7(time: Timestamp, random: &dyn Random) -> Uuid {
    let mut bits = [0; 10];
    random.fill(&mut bits);
    let millis = u64::try_from(time.as_micros() / 1000).unwrap_or_default();
    Builder::from_unix_timestamp_millis(millis, &bits).into_uuid()
}

/// Whether an identifier from outside may stand in the clear: `[\x21-\x7e]{1,128}`.
pub fn is_identifier(text: &str) -> bool {
    (1..=MOST_IDENTIFIER).contains(&text.len()) && text.bytes().all(|byte| (0x21..=0x7e).contains(&byte))
}
