//! Time and randomness that tests move.

use std::sync::atomic::{AtomicI64, Ordering};

use countersign_evidence::key::Random;
use countersign_evidence::time::{Clock, Timestamp};
use parking_lot::Mutex;

/// A clock with two hands that only tests move.
#[derive(Debug)]
pub struct TestClock {
    wall: AtomicI64,
    monotonic: AtomicI64,
}

impl TestClock {
    /// At a fixed moment of 2026.
    pub fn new() -> Self {
        TestClock { wall: AtomicI64::new(1_780_000_000_000_000), monotonic: AtomicI64::new(0) }
    }

    /// Time passes.
    pub fn advance(&self, seconds: i64) {
        self.monotonic.fetch_add(seconds * 1_000_000, Ordering::SeqCst);
        self.step(seconds);
    }

    /// The wall clock alone is set forward, or back where `seconds` is negative.
    pub fn step(&self, seconds: i64) {
        self.wall.fetch_add(seconds * 1_000_000, Ordering::SeqCst);
    }
}

impl Default for TestClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.wall.load(Ordering::SeqCst))
    }

    fn monotonic_us(&self) -> i64 {
        self.monotonic.load(Ordering::SeqCst)
    }
}

/// SplitMix64: the same seed gives the same bytes.
#[derive(Debug)]
pub struct SeededRandom(Mutex<u64>);

impl SeededRandom {
    /// Begins at `seed`.
    pub fn new(seed: u64) -> Self {
        SeededRandom(Mutex::new(seed))
    }

    /// The next 64 bits.
    pub fn next(&self) -> u64 {
        let mut state = self.0.lock();
        *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = *state;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }
}

impl Random for SeededRandom {
    fn fill(&self, out: &mut [u8]) {
        for chunk in out.chunks_mut(8) {
            chunk.copy_from_slice(&self.next().to_le_bytes()[..chunk.len()]);
        }
    }
}
