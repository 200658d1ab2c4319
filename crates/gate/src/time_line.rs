//! The time of records: never back, and never forward by more than the monotonic clock agrees with.

use countersign_evidence::record::ClockStepped;
use countersign_evidence::time::{Clock, Timestamp};

/// A wall clock that jumps forward by more than this against the monotonic clock is not believed.
const MOST_FORWARD_US: i64 = 5 * 60 * 1_000_000;
/// A leap that lasts so long is believed: the machine slept, or its clock was set right.
const PATIENCE_US: i64 = 60 * 1_000_000;
/// An envelope holds no larger integers.
const MOST_STEP_US: i64 = (1 << 53) - 1;
/// A step back by less than this is ordinary jitter: time stands still, and no record says so.
const LEAST_BACK_US: i64 = 1_000_000;

/// Turns what the clocks say into record times.
pub(crate) struct TimeLine {
    wall: Timestamp,
    monotonic_us: i64,
    /// Whether the current deviation has been told already.
    told: bool,
    /// When the wall clock leapt ahead, on the monotonic clock.
    leapt_at: Option<i64>,
}

impl TimeLine {
    /// Begins now. `last` is the time of the latest record, however long ago.
    pub(crate) fn begin(clock: &dyn Clock, last: Timestamp) -> Self {
        TimeLine { wall: clock.now().max(last), monotonic_us: clock.monotonic_us(), told: false, leapt_at: None }
    }

    /// The time for the next records, not before `last`, and what to record about the clock.
    pub(crate) fn next(&mut self, clock: &dyn Clock, last: Timestamp) -> (Timestamp, Option<ClockStepped>) {
        let (wall, monotonic_us) = (clock.now(), clock.monotonic_us());
        let elapsed = monotonic_us.saturating_sub(self.monotonic_us);
        let expected = Timestamp::from_micros(self.wall.as_micros().saturating_add(elapsed));
        let off = wall.since(expected);
        let since = *self.leapt_at.get_or_insert(monotonic_us);
        let believed = off <= MOST_FORWARD_US || monotonic_us.saturating_sub(since) > PATIENCE_US;
        let time = if believed {
            self.leapt_at = None;
            // Slow drift and small corrections are followed.
            self.wall = wall.max(last);
            self.monotonic_us = monotonic_us;
            wall
        } else {
            expected
        };
        let behind = last.since(wall);
        let deviates = off > MOST_FORWARD_US || behind > LEAST_BACK_US;
        let step_us = wall.since(last).clamp(-MOST_STEP_US, MOST_STEP_US);
        let stepped = (deviates && !self.told).then_some(ClockStepped { clock: wall, step_us });
        self.told &= deviates;
        (time.max(last), stepped)
    }

    /// What was to be recorded about the clock is on record.
    pub(crate) fn recorded(&mut self) {
        self.told = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicI64, Ordering::Relaxed};

    struct Hands(AtomicI64, AtomicI64);

    impl Clock for Hands {
        fn now(&self) -> Timestamp {
            Timestamp::from_micros(self.0.load(Relaxed))
        }

        fn monotonic_us(&self) -> i64 {
            self.1.load(Relaxed)
        }
    }

    fn set(hands: &Hands, wall_s: i64, monotonic_s: i64) {
        hands.0.store(wall_s * 1_000_000, Relaxed);
        hands.1.store(monotonic_s * 1_000_000, Relaxed);
    }

    fn seconds(time: Timestamp) -> i64 {
        time.as_micros() / 1_000_000
    }

    #[test]
    fn time_stands_still_when_the_clock_steps_back_and_says_so_once() {
        let hands = Hands(0.into(), 0.into());
        set(&hands, 1000, 0);
        let mut line = TimeLine::begin(&hands, Timestamp::default());
        set(&hands, 900, 1);
        let last = Timestamp::from_micros(1_000_000_000);
        let (time, stepped) = line.next(&hands, last);
        assert_eq!(time, last);
        assert!(stepped.is_some_and(|stepped| stepped.step_us == -100_000_000));
        assert!(line.next(&hands, last).1.is_some(), "not on record yet");
        line.recorded();
        assert_eq!(line.next(&hands, last).1, None);
        set(&hands, 1001, 102);
        assert_eq!(line.next(&hands, last), (Timestamp::from_micros(1_001_000_000), None));
    }

    #[test]
    fn a_leap_forward_is_not_believed() {
        let hands = Hands(0.into(), 0.into());
        set(&hands, 1000, 0);
        let mut line = TimeLine::begin(&hands, Timestamp::default());
        set(&hands, 1000 + 86_400, 10);
        let (time, stepped) = line.next(&hands, Timestamp::default());
        assert_eq!(seconds(time), 1010);
        assert!(stepped.is_some());
        set(&hands, 1030, 30);
        assert_eq!(seconds(line.next(&hands, time).0), 1030);
    }
}
