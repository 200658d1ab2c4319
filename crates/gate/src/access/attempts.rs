//! Failed attempts to sign in: who fails often waits, longer each time.

use std::collections::HashMap;

use countersign_evidence::time::Timestamp;
use parking_lot::Mutex;

/// Failures that cost nothing.
const FREE: u32 = 5;
/// Longest wait in seconds.
const MOST_WAIT_S: i64 = 900;
/// Seconds after which failures are forgotten.
const MEMORY_S: i64 = 3_600;
/// Names and addresses remembered at a time.
const MOST_KNOWN: usize = 20_000;

/// Failures by name and by address, in memory.
#[derive(Default)]
pub(crate) struct Attempts(Mutex<HashMap<String, Failures>>);

#[derive(Clone, Copy)]
struct Failures {
    count: u32,
    last: Timestamp,
}

impl Failures {
    fn wait_s(self) -> i64 {
        match self.count.checked_sub(FREE) {
            None => 0,
            Some(over) => 1_i64.checked_shl(over.min(20)).unwrap_or(MOST_WAIT_S).min(MOST_WAIT_S),
        }
    }

    fn blocked_until(self) -> Timestamp {
        self.last.plus_seconds(self.wait_s())
    }
}

impl Attempts {
    /// Until when attempts of this kind are not looked at, where that is after `now`.
    pub(crate) fn blocked(&self, of: &str, now: Timestamp) -> Option<Timestamp> {
        let failures = self.0.lock().get(of).copied()?;
        Some(failures.blocked_until()).filter(|until| failures.wait_s() > 0 && *until > now)
    }

    /// Notes a failure; until when further attempts are not looked at, where that has begun now.
    pub(crate) fn failed(&self, of: &str, now: Timestamp) -> Option<Timestamp> {
        let mut known = self.0.lock();
        if known.len() >= MOST_KNOWN {
            known.retain(|_, failures| now.since(failures.last) < MEMORY_S * 1_000_000);
            // Whoever tries with ever new names must not make the gate forget the others for free.
            if known.len() >= MOST_KNOWN {
                known.retain(|_, failures| failures.count >= FREE);
            }
            if known.len() >= MOST_KNOWN {
                known.clear();
            }
        }
        let failures = known.entry(of.to_owned()).or_insert(Failures { count: 0, last: now });
        if now.since(failures.last) > MEMORY_S * 1_000_000 {
            failures.count = 0;
        }
        *failures = Failures { count: failures.count.saturating_add(1), last: now };
        (failures.wait_s() > 0).then(|| failures.blocked_until())
    }

    /// Somebody proved who it is.
    pub(crate) fn succeeded(&self, of: &str) {
        self.0.lock().remove(of);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_micros(second * 1_000_000)
    }

    #[test]
    fn waits_double_up_to_a_quarter_of_an_hour() {
        let attempts = Attempts::default();
        for second in 0..4 {
            assert_eq!(attempts.failed("name", at(second)), None);
        }
        assert_eq!(attempts.failed("name", at(4)), Some(at(5)));
        assert_eq!(attempts.blocked("name", at(4)), Some(at(5)));
        assert_eq!(attempts.blocked("name", at(5)), None);
        assert_eq!(attempts.failed("name", at(5)), Some(at(7)));
        assert_eq!(attempts.blocked("another", at(5)), None);
        let waits: Vec<Timestamp> = (6..20).filter_map(|second| attempts.failed("name", at(second))).collect();
        assert_eq!(waits.last(), Some(&at(19 + MOST_WAIT_S)));
        attempts.succeeded("name");
        assert_eq!(attempts.blocked("name", at(20)), None);
        assert_eq!(attempts.failed("name", at(20)), None);
    }

    #[test]
    fn an_hour_forgives() {
        let attempts = Attempts::default();
        for _ in 0..9 {
            attempts.failed("name", at(0));
        }
        assert!(attempts.blocked("name", at(1)).is_some());
        assert_eq!(attempts.failed("name", at(MEMORY_S + 1)), None);
    }
}
