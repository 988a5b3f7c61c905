//! When an interval ends: about once a second, and less often where that would cost too much.

use std::time::Duration;

/// Shortest interval between snapshots of the open connections.
pub(super) const SHORTEST: Duration = Duration::from_secs(1);
/// Longest: as long as `watch` looks back by default.
const LONGEST: Duration = Duration::from_mins(1);
/// One in this many parts of the time may go into open connections, which cost anew each time they
/// are looked at: with very many of them that happens less often.
const SHARE: u32 = 20;
/// Records that wait for the end of their interval, 300 bytes each: from then on it ends whatever it
/// costs, at most once a second.
pub(super) const MANY: usize = 262_144;

/// The length of the next interval. `snapshot`: how long it took to read what is open. `rest`: how
/// long everything else took at the end of the last interval, of which the share of the `open` among
/// all the connections it judged is theirs.
pub(super) fn next(snapshot: Duration, rest: Duration, open: usize, ended: usize) -> Duration {
    let all = (open + ended).max(1) as f64;
    let cost = snapshot + rest.mul_f64(open as f64 / all);
    cost.saturating_mul(SHARE).clamp(SHORTEST, LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn open_connections_cost_a_twentieth_of_the_time_at_most() {
        assert_eq!(next(MS, MS, 10, 0), SHORTEST);
        assert_eq!(next(100 * MS, 150 * MS, 100_000, 0), Duration::from_secs(5));
        assert_eq!(next(Duration::from_secs(1), Duration::from_secs(1), 1, 0), 40 * SHORTEST);
        assert_eq!(next(Duration::from_secs(9), Duration::MAX / 2, 0, 0), LONGEST);
    }

    #[test]
    fn what_ended_costs_once_and_slows_nothing_down() {
        assert_eq!(next(MS, Duration::from_secs(1), 100, 99_900), SHORTEST);
    }
}
