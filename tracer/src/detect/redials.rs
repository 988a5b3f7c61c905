//! Pairs each close with the dial that followed it: the dial that a kept connection would have
//! spared. One dial answers for one close only, the newest before it, so that many closes followed
//! by one dial are one redial.

use std::collections::VecDeque;

use super::interval::Interval;
use crate::aggregate::Distribution;
use crate::connection::{Close, Connection, Role, seconds};

/// Closes and dials that wait for their counterpart. A record can come a tick late (its close is
/// told when the peer's FIN has come), so dials wait too. More than this is a burst, not a loop.
const WAITING: usize = 256;

/// The newest moments, monotonic nanoseconds, ascending.
#[derive(Clone, Debug, Default)]
pub(super) struct Window(VecDeque<u64>);

impl Window {
    /// Adds moments in ascending order.
    pub(super) fn extend(&mut self, moments: &[u64]) {
        let newest = &moments[moments.len().saturating_sub(WAITING)..];
        let is_later = match (self.0.back(), newest.first()) {
            (Some(last), Some(first)) => last <= first,
            _ => true,
        };
        if is_later {
            let surplus = (self.0.len() + newest.len()).saturating_sub(WAITING);
            self.0.drain(..surplus);
            self.0.extend(newest);
        } else {
            for at_ns in newest {
                self.wait(*at_ns);
            }
        }
    }

    fn wait(&mut self, at_ns: u64) {
        let is_last = self.0.back().is_none_or(|last_ns| *last_ns <= at_ns);
        if is_last {
            self.0.push_back(at_ns);
        } else {
            let place = self.0.partition_point(|other_ns| *other_ns <= at_ns);
            self.0.insert(place, at_ns);
        }
        if self.0.len() > WAITING {
            self.0.pop_front();
        }
    }
}

/// What waits for its counterpart.
#[derive(Clone, Debug, Default)]
struct Waiting {
    closes: Window,
    dials: Window,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Redials {
    /// Made with the first close: until then the dials that wait are all there were, whoever asks.
    waiting: Option<Box<Waiting>>,
    /// Time from a close to its redial.
    pub(super) gaps: Distribution,
    /// Redials within the bound.
    pub(super) quick: u64,
}

/// The client's closes in one tick that `is_close` takes for such, monotonic nanoseconds, ascending.
pub(super) fn closes(
    slice: &Interval<'_>,
    mut is_close: impl FnMut(&Connection, &Close) -> bool,
) -> Vec<u64> {
    let is_client = |connection: &Connection| connection.role == Some(Role::Client);
    let ended = slice.ended.iter().filter(|connection| is_client(connection));
    ended
        .filter_map(|connection| Some((connection, connection.close()?)))
        .filter(|(connection, close)| is_close(connection, close))
        .map(|(_, close)| close.at_ns)
        .collect()
}

impl Redials {
    /// Takes in the closes and dials of one tick, monotonic nanoseconds, ascending. `before` are the
    /// newest dials of earlier ticks.
    pub(super) fn observe(
        &mut self,
        closes: &[u64],
        (before, dials): (&Window, &[u64]),
        quick_s: f64,
    ) {
        if self.waiting.is_none() && closes.is_empty() {
            return;
        }
        let first = || Box::new(Waiting { closes: Window::default(), dials: before.clone() });
        let mut waiting = self.waiting.take().unwrap_or_else(first);
        if closes.is_empty() && waiting.closes.0.is_empty() {
            waiting.dials.extend(dials);
        } else {
            self.pair_all(&mut waiting, closes, dials, quick_s);
        }
        self.waiting = Some(waiting);
    }

    fn pair_all(&mut self, waiting: &mut Waiting, closes: &[u64], dials: &[u64], quick_s: f64) {
        let (mut closes, mut dials) = (closes, dials);
        loop {
            // At one instant the close comes first.
            match (closes.split_first(), dials.split_first()) {
                (Some((at_ns, rest)), dial) if dial.is_none_or(|(dial_ns, _)| at_ns <= dial_ns) => {
                    closes = rest;
                    self.close(waiting, *at_ns, quick_s);
                }
                (_, Some((at_ns, rest))) => {
                    dials = rest;
                    self.dial(waiting, *at_ns, quick_s);
                }
                _ => return,
            }
        }
    }

    fn dial(&mut self, waiting: &mut Waiting, at_ns: u64, quick_s: f64) {
        let closes = &mut waiting.closes.0;
        let before = closes.partition_point(|close_ns| *close_ns <= at_ns);
        match before.checked_sub(1).and_then(|newest| closes.remove(newest)) {
            Some(close_ns) => self.pair(close_ns, at_ns, quick_s),
            None => waiting.dials.wait(at_ns),
        }
    }

    fn close(&mut self, waiting: &mut Waiting, at_ns: u64, quick_s: f64) {
        let next = waiting.dials.0.partition_point(|dial_ns| *dial_ns < at_ns);
        match waiting.dials.0.remove(next) {
            Some(dial_ns) => self.pair(at_ns, dial_ns, quick_s),
            None => waiting.closes.wait(at_ns),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aggregate::support::{MILLI, SECOND};

    fn observe(redials: &mut Redials, closes: &[u64], dials: &[u64]) {
        redials.observe(closes, (&Window::default(), dials), 0.5);
    }

    #[test]
    fn a_loop_of_close_and_dial_pairs_all_but_the_last() {
        let mut redials = Redials::default();
        let closes: Vec<_> = (1..=100).map(|n| n * 10 * MILLI).collect();
        let dials: Vec<_> = (0..100).map(|n| n * 10 * MILLI + MILLI).collect();
        observe(&mut redials, &closes, &dials);
        assert_eq!((redials.quick, redials.gaps.len()), (99, 99));
        assert!(redials.gaps.quantile_seconds(0.5).is_some_and(|gap_s| gap_s < 0.0011));
    }

    #[test]
    fn many_closes_and_one_dial_are_one_redial() {
        let mut redials = Redials::default();
        let closes: Vec<_> = (0..100).collect();
        observe(&mut redials, &closes, &[MILLI]);
        assert_eq!(redials.quick, 1);
    }

    #[test]
    fn a_close_told_a_tick_late_still_finds_its_dial() {
        let mut redials = Redials::default();
        observe(&mut redials, &[0], &[1]);
        observe(&mut redials, &[], &[2 * MILLI]);
        observe(&mut redials, &[MILLI], &[]);
        assert_eq!(redials.quick, 2);
    }

    #[test]
    fn the_first_close_finds_a_dial_from_before() {
        let mut before = Window::default();
        before.extend(&[2 * MILLI]);
        let mut redials = Redials::default();
        redials.observe(&[MILLI], (&before, &[]), 0.5);
        assert_eq!(redials.quick, 1);
    }

    #[test]
    fn slow_redials_are_not_quick() {
        let mut redials = Redials::default();
        observe(&mut redials, &[0, 2 * SECOND], &[SECOND, 3 * SECOND]);
        assert_eq!((redials.quick, redials.gaps.len()), (0, 2));
    }

    #[test]
    fn the_median_counts_a_close_without_a_redial_as_infinitely_slow() {
        let mut redials = Redials::default();
        observe(&mut redials, &[0, 2 * SECOND, 4 * SECOND], &[10, 2 * SECOND + 20]);
        assert_eq!(redials.median_s(2), Some(0.0));
        assert!(redials.median_s(3).is_some() && redials.median_s(4).is_some());
        assert_eq!(redials.median_s(5), None);
        assert_eq!(Redials::default().median_s(0), None);
    }

    #[test]
    fn what_waits_is_bounded() {
        let mut redials = Redials::default();
        let many: Vec<_> = (0..10_000).collect();
        observe(&mut redials, &many, &[]);
        let waits =
            |redials: &Redials| redials.waiting.as_ref().map(|waiting| waiting.closes.0.len());
        assert_eq!(waits(&redials), Some(WAITING));
    }

    #[test]
    fn a_window_holds_the_newest_in_order_however_they_come() {
        let mut at_once = Window::default();
        at_once.extend(&(0..1000).collect::<Vec<_>>());
        let mut mixed = Window::default();
        mixed.extend(&(900..1000).collect::<Vec<_>>());
        mixed.extend(&(0..900).collect::<Vec<_>>());
        assert_eq!(at_once.0, mixed.0);
        assert_eq!(at_once.0.front(), Some(&(1000 - WAITING as u64)));
    }
}
