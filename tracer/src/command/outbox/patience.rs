//! How long lines may wait for room while the observation goes on. An interval with tens of thousands of
//! ends is written all at once, and its reader, quick as it may be, needs a moment: what waits for it is
//! the judge, not the reader of the kernel's records. One that takes nothing is not waited for.
//!
//! What was spent comes back with time, evenly: of intervals that follow each other each has its share,
//! whenever it begins.

use std::time::{Duration, Instant};

/// At most so long at a time: an interval leaves the judge some time.
const MOST: Duration = Duration::from_millis(300);
/// After so long all of it is there again.
const WINDOW: Duration = Duration::from_secs(1);

/// What is left of it.
#[derive(Debug)]
pub(super) struct Patience {
    at: Instant,
    left: Duration,
    /// A wait in which nothing was taken, after so many bytes.
    stuck_at: Option<u64>,
}

impl Patience {
    pub(super) fn new() -> Self {
        Self { at: Instant::now(), left: MOST, stuck_at: None }
    }

    /// How long to wait, the reader having taken so many bytes in all.
    pub(super) fn left(&mut self, taken: u64) -> Duration {
        self.left_at(Instant::now(), taken)
    }

    fn left_at(&mut self, now: Instant, taken: u64) -> Duration {
        let back = now.duration_since(self.at).min(WINDOW).mul_f64(MOST.div_duration_f64(WINDOW));
        (self.at, self.left) = (now, (self.left + back).min(MOST));
        if self.stuck_at == Some(taken) { Duration::ZERO } else { self.left }
    }

    /// It was waited so long, in which the count of bytes went up from one to the other.
    pub(super) fn spend(&mut self, waited: Duration, from: u64, to: u64) {
        self.left = self.left.saturating_sub(waited);
        self.stuck_at = (from == to).then_some(to);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_that_took_nothing_is_waited_for_again_only_once_it_has() {
        let mut patience = Patience::new();
        let now = patience.at;
        assert_eq!(patience.left_at(now, 5), MOST);
        patience.spend(MOST / 3, 5, 5);
        assert_eq!(patience.left_at(now, 5), Duration::ZERO);
        assert_eq!(patience.left_at(now, 6) + MOST / 3, MOST);
    }

    #[test]
    fn an_interval_has_its_share_whenever_it_begins() {
        let mut patience = Patience::new();
        let now = patience.at;
        patience.spend(MOST, 6, 7);
        assert_eq!(patience.left_at(now, 8), Duration::ZERO, "all of it is spent");
        assert_eq!(patience.left_at(now + WINDOW / 2, 8), MOST / 2);
        assert_eq!(patience.left_at(now + 10 * WINDOW, 9), MOST, "and no more than that");
    }
}
