//! Pairs each close with the dial that followed it: the dial that a kept connection would have
//! spared. One dial answers for one close only, the newest before it, so that many closes followed
//! by one dial are one redial.

use crate::aggregate::{Distribution, Slice};
use crate::connection::{Close, Connection, Role, seconds};

/// Closes and dials that wait for their counterpart. A record can come a tick late (its close is
/// told when the peer's FIN has come), so dials wait too. More than this is a burst, not a loop.
const WAITING: usize = 256;

#[derive(Clone, Debug, Default)]
pub(super) struct Redials {
    closes: Vec<u64>,
    dials: Vec<u64>,
    /// Time from a close to its redial.
    pub(super) gaps: Distribution,
    /// Redials within the bound.
    pub(super) quick: u64,
}

/// The client's closes in one tick that `is_close` takes for such, and all its dials: monotonic
/// nanoseconds.
pub(super) fn closes_and_dials(
    slice: &Slice<'_>,
    mut is_close: impl FnMut(&Connection, &Close) -> bool,
) -> (Vec<u64>, Vec<u64>) {
    let is_client = |connection: &Connection| connection.role == Some(Role::Client);
    let ended = slice.ended.iter().filter(|connection| is_client(connection));
    let closes = ended
        .filter_map(|connection| Some((connection, connection.close()?)))
        .filter(|(connection, close)| is_close(connection, close))
        .map(|(_, close)| close.at_ns)
        .collect();
    let opened = slice.opened().filter(|(_, connection)| is_client(connection));
    (closes, opened.map(|(opened_ns, _)| opened_ns).collect())
}

impl Redials {
    /// Takes in the closes and dials of one tick, monotonic nanoseconds, in any order.
    pub(super) fn observe(&mut self, closes: &[u64], dials: &[u64], quick_s: f64) {
        // At one instant the close comes first.
        let mut moments: Vec<_> = closes.iter().map(|at_ns| (*at_ns, false)).collect();
        moments.extend(dials.iter().map(|at_ns| (*at_ns, true)));
        moments.sort_unstable();
        for (at_ns, is_dial) in moments {
            if is_dial {
                self.dial(at_ns, quick_s);
            } else {
                self.close(at_ns, quick_s);
            }
        }
    }

    fn dial(&mut self, at_ns: u64, quick_s: f64) {
        match self.closes.partition_point(|close_ns| *close_ns <= at_ns).checked_sub(1) {
            Some(newest) => {
                let close_ns = self.closes.remove(newest);
                self.pair(close_ns, at_ns, quick_s);
            }
            None => wait(&mut self.dials, at_ns),
        }
    }

    fn close(&mut self, at_ns: u64, quick_s: f64) {
        let next = self.dials.partition_point(|dial_ns| *dial_ns < at_ns);
        if next < self.dials.len() {
            let dial_ns = self.dials.remove(next);
            self.pair(at_ns, dial_ns, quick_s);
        } else {
            wait(&mut self.closes, at_ns);
        }
    }

    fn pair(&mut self, close_ns: u64, dial_ns: u64, quick_s: f64) {
        let gap_s = seconds(close_ns, dial_ns);
        self.gaps.record_seconds(gap_s);
        self.quick += u64::from(gap_s <= quick_s);
    }

    /// Median time to the redial over `closes` closes, seconds, where one without a redial counts as
    /// infinitely slow.
    pub(super) fn median_s(&self, closes: u64) -> Option<f64> {
        let (half, redials) = (closes.div_ceil(2), self.gaps.len());
        (redials > 0 && half <= redials)
            .then(|| self.gaps.quantile_seconds(half as f64 / redials as f64))
            .flatten()
    }

    /// Takes over what another process did; what waits there can find no counterpart here.
    pub(super) fn merge(&mut self, other: &Self) {
        self.gaps.merge(&other.gaps);
        self.quick = self.quick.saturating_add(other.quick);
    }
}

fn wait(waiting: &mut Vec<u64>, at_ns: u64) {
    let place = waiting.partition_point(|other_ns| *other_ns <= at_ns);
    waiting.insert(place, at_ns);
    if waiting.len() > WAITING {
        waiting.remove(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aggregate::support::{MILLI, SECOND};

    #[test]
    fn a_loop_of_close_and_dial_pairs_all_but_the_last() {
        let mut redials = Redials::default();
        let closes: Vec<_> = (1..=100).map(|n| n * 10 * MILLI).collect();
        let dials: Vec<_> = (0..100).map(|n| n * 10 * MILLI + MILLI).collect();
        redials.observe(&closes, &dials, 0.5);
        assert_eq!((redials.quick, redials.gaps.len()), (99, 99));
        assert!(redials.gaps.quantile_seconds(0.5).is_some_and(|gap_s| gap_s < 0.0011));
    }

    #[test]
    fn many_closes_and_one_dial_are_one_redial() {
        let mut redials = Redials::default();
        let closes: Vec<_> = (0..100).collect();
        redials.observe(&closes, &[MILLI], 0.5);
        assert_eq!(redials.quick, 1);
    }

    #[test]
    fn a_close_told_a_tick_late_still_finds_its_dial() {
        let mut redials = Redials::default();
        redials.observe(&[], &[2 * MILLI], 0.5);
        redials.observe(&[MILLI], &[], 0.5);
        assert_eq!(redials.quick, 1);
    }

    #[test]
    fn slow_redials_are_not_quick() {
        let mut redials = Redials::default();
        redials.observe(&[0, 2 * SECOND], &[SECOND, 3 * SECOND], 0.5);
        assert_eq!((redials.quick, redials.gaps.len()), (0, 2));
    }

    #[test]
    fn the_median_counts_a_close_without_a_redial_as_infinitely_slow() {
        let mut redials = Redials::default();
        redials.observe(&[0, 2 * SECOND, 4 * SECOND], &[10, 2 * SECOND + 20], 0.5);
        assert_eq!(redials.median_s(2), Some(0.0));
        assert!(redials.median_s(3).is_some() && redials.median_s(4).is_some());
        assert_eq!(redials.median_s(5), None);
        assert_eq!(Redials::default().median_s(0), None);
    }

    #[test]
    fn what_waits_is_bounded() {
        let mut redials = Redials::default();
        let many: Vec<_> = (0..10_000).collect();
        redials.observe(&many, &[], 0.5);
        assert_eq!(redials.closes.len(), WAITING);
    }
}
