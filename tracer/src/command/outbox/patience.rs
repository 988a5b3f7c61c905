//! How long lines may wait for room while the observation goes on. An interval with tens of thousands of
//! ends is written all at once, and its reader, quick as it may be, needs a moment: what waits for it is
//! the judge, not the reader of the kernel's records. One that takes nothing is not waited for.

use std::time::{Duration, Instant};

/// At most so long in each [`WINDOW`]: an interval leaves the judge some time.
const MOST: Duration = Duration::from_millis(300);
const WINDOW: Duration = Duration::from_secs(1);

/// What is left of it.
#[derive(Debug)]
pub(super) struct Patience {
    /// At most so long in each window.
    most: Duration,
    since: Instant,
    left: Duration,
    /// A wait in which nothing was taken, after so many bytes.
    stuck_at: Option<u64>,
}

impl Patience {
    pub(super) fn new() -> Self {
        Self { most: MOST, since: Instant::now(), left: MOST, stuck_at: None }
    }

    /// Never any.
    pub(super) fn none() -> Self {
        Self { most: Duration::ZERO, left: Duration::ZERO, ..Self::new() }
    }

    /// How long to wait, the reader having taken so many bytes in all.
    pub(super) fn left(&mut self, taken: u64) -> Duration {
        if self.since.elapsed() >= WINDOW {
            (self.since, self.left) = (Instant::now(), self.most);
        }
        let rest = WINDOW.saturating_sub(self.since.elapsed());
        if self.stuck_at == Some(taken) { Duration::ZERO } else { self.left.min(rest) }
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
        assert_eq!(patience.left(5), MOST);
        patience.spend(MOST / 3, 5, 5);
        assert_eq!(patience.left(5), Duration::ZERO);
        assert_eq!(patience.left(6) + MOST / 3, MOST);
        patience.spend(MOST, 6, 7);
        assert_eq!(patience.left(8), Duration::ZERO, "all of it is spent");
        patience.since = Instant::now().checked_sub(WINDOW).unwrap();
        assert_eq!(patience.left(8), MOST, "until the next second");
    }
}
