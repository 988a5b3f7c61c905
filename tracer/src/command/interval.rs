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

/// What the end of an interval took.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cost {
    /// To read what is open.
    pub(super) snapshot: Duration,
    /// Everything else, of which the share of the `open` among all the connections it judged is theirs.
    pub(super) rest: Duration,
    pub(super) open: usize,
    pub(super) ended: usize,
}

/// The length of the interval after one of length `last`: twice that at most, for what took long once
/// may have been the host that did other things.
pub(super) fn next(last: Duration, cost: &Cost) -> Duration {
    let Cost { snapshot, rest, open, ended } = *cost;
    let all = (open + ended).max(1) as f64;
    let cost = snapshot + rest.mul_f64(open as f64 / all);
    cost.saturating_mul(SHARE).min(2 * last).clamp(SHORTEST, LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn after(last: Duration, snapshot: Duration, rest: Duration, open: usize) -> Duration {
        next(last, &Cost { snapshot, rest, open, ended: 0 })
    }

    #[test]
    fn open_connections_cost_a_twentieth_of_the_time_at_most() {
        let (second, long) = (SHORTEST, LONGEST);
        assert_eq!(after(long, MS, MS, 10), SHORTEST);
        assert_eq!(after(long, 100 * MS, 150 * MS, 100_000), Duration::from_secs(5));
        assert_eq!(after(long, second, second, 1), 40 * SHORTEST);
        assert_eq!(after(long, 9 * second, Duration::MAX / 2, 0), LONGEST);
    }

    #[test]
    fn a_moment_at_which_the_host_stood_still_does_not_make_a_minute_of_it() {
        assert_eq!(after(SHORTEST, 3 * SHORTEST, MS, 10), 2 * SHORTEST);
        assert_eq!(after(2 * SHORTEST, MS, MS, 10), SHORTEST);
        let grown = (0..10).fold(SHORTEST, |last, _| after(last, 3 * SHORTEST, MS, 10));
        assert_eq!(grown, LONGEST);
    }

    #[test]
    fn what_ended_costs_once_and_slows_nothing_down() {
        let rest = Duration::from_secs(1);
        let cost = Cost { snapshot: MS, rest, open: 100, ended: 99_900 };
        assert_eq!(next(LONGEST, &cost), SHORTEST);
    }
}
