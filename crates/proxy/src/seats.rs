//! How many calls are under way: in all, and by key, so that no key locks the others out.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use countersign_gate::GateError;
use uuid::Uuid;

/// In all.
const MOST: usize = 1_024;
/// By one key.
const MOST_BY_KEY: usize = 256;

/// The calls that are under way, by key.
#[derive(Clone, Default)]
pub(crate) struct Seats(Arc<Mutex<HashMap<Uuid, usize>>>);

/// A call that is under way, until this is dropped.
pub(crate) struct Seat {
    seats: Seats,
    key: Uuid,
}

impl Seats {
    /// A place for one more call of this key.
    pub(crate) fn take(&self, key: Uuid) -> Result<Seat, GateError> {
        let mut taken = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let all: usize = taken.values().sum();
        let own = taken.get(&key).copied().unwrap_or_default();
        if all >= MOST || own >= MOST_BY_KEY {
            return Err(GateError::TooMany(format!(
                "{MOST_BY_KEY} calls of one key, and {MOST} in all, may be under way: end some first"
            )));
        }
        taken.insert(key, own + 1);
        Ok(Seat { seats: self.clone(), key })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut taken = self.seats.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(own) = taken.get_mut(&self.key) {
            *own -= 1;
            if *own == 0 {
                taken.remove(&self.key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_key_takes_all_seats() {
        let seats = Seats::default();
        let key = Uuid::from_u128(1);
        let held: Vec<_> = (0..MOST_BY_KEY).filter_map(|_| seats.take(key).ok()).collect();
        assert_eq!(held.len(), MOST_BY_KEY);
        assert!(seats.take(key).is_err());
        assert!(seats.take(Uuid::from_u128(2)).is_ok());
        drop(held);
        assert!(seats.take(key).is_ok());
        assert!(seats.0.lock().is_ok_and(|taken| taken.is_empty()));
    }
}
