//! The one place that asks the operating system for the time and for randomness; everything else takes them as parameters.

use std::cell::RefCell;
use std::sync::OnceLock;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use countersign_evidence::key::Random;
use countersign_evidence::time::{Clock, Timestamp};

/// Random bytes kept in advance, per thread.
const POOL_BYTES: usize = 4096;

/// The system's clock.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct SystemClock;

impl Clock for SystemClock {
    #[allow(clippy::disallowed_methods)]
    fn now(&self) -> Timestamp {
        // A clock before 1970 reads as 1970: the gate then refuses to go back behind its last record.
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_micros(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
    }

    #[allow(clippy::disallowed_methods)]
    fn monotonic_us(&self) -> i64 {
        static START: OnceLock<Instant> = OnceLock::new();
        i64::try_from(START.get_or_init(Instant::now).elapsed().as_micros()).unwrap_or(i64::MAX)
    }
}

/// The system's generator.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct SystemRandom;

impl Random for SystemRandom {
    fn fill(&self, out: &mut [u8]) {
        POOL.with_borrow_mut(|pool| pool.take(out));
    }
}

thread_local! {
    static POOL: RefCell<Pool> = const { RefCell::new(Pool { bytes: [0; POOL_BYTES], used: POOL_BYTES }) };
}

/// Random bytes asked for in advance: one call of the system for many nonces. What was handed out is wiped.
struct Pool {
    bytes: [u8; POOL_BYTES],
    used: usize,
}

impl Pool {
    fn take(&mut self, out: &mut [u8]) {
        if out.len() > POOL_BYTES {
            return ask_system(out);
        }
        if self.used + out.len() > POOL_BYTES {
            ask_system(&mut self.bytes);
            self.used = 0;
        }
        if let Some(source) = self.bytes.get_mut(self.used..self.used + out.len()) {
            out.copy_from_slice(source);
            source.fill(0);
            self.used += out.len();
        }
    }
}

/// Ends the process where the system has no randomness: nothing here may go on with predictable keys.
#[allow(clippy::disallowed_methods)]
fn ask_system(out: &mut [u8]) {
    if let Err(error) = getrandom::fill(out) {
        eprintln!("countersign: the system gives no random numbers: {error}");
        std::process::abort();
    }
}
