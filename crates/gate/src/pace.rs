//! How fast the log may grow when the index cannot follow: until it has read an action, the gate holds it in memory.

use std::time::Duration;

/// Records that the index may be behind without slowing anybody down; twice as many as it lets gather by itself.
const FREE: u64 = 100_000;
/// For each so many records more, a commit waits so long.
const STEP: u64 = 1_000;
const PAUSE: Duration = Duration::from_millis(1);
/// Longest pause: an index that does not move at all slows the gate down, and does not stop it.
const LONGEST: Duration = Duration::from_secs(1);

/// How long the writer waits before its next commit, while the index is so many records behind. What comes in meanwhile
/// goes into that commit, so that the log grows as fast as the index reads, and no faster.
pub(crate) fn pause(behind: u64) -> Duration {
    let steps = u32::try_from(behind.saturating_sub(FREE) / STEP).unwrap_or(u32::MAX);
    PAUSE.saturating_mul(steps).min(LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_waits_until_the_index_is_far_behind_and_nobody_waits_long() {
        for (behind, millis) in
            [(0, 0), (50_000, 0), (100_999, 0), (110_000, 10), (200_000, 100), (1_100_000, 1_000), (u64::MAX, 1_000)]
        {
            assert_eq!(pause(behind), Duration::from_millis(millis), "{behind}");
        }
    }
}
