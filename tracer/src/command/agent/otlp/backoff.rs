//! When to ask a collector again that took nothing.

use std::time::{Duration, Instant};

const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(30);

/// Doubles from one time to the next, up to half a minute.
#[derive(Debug)]
pub(super) struct Backoff {
    next: Duration,
    failed_at: Option<Instant>,
    not_before: Option<Instant>,
}

impl Backoff {
    /// Nothing went wrong yet.
    pub(super) const fn new() -> Self {
        Self { next: FIRST, failed_at: None, not_before: None }
    }

    /// Whether it may be asked now; `is_awaited` if somebody waits for that and will not wait long.
    pub(super) fn is_due(&self, now: Instant, is_awaited: bool) -> bool {
        let is_first_due = || self.failed_at.is_none_or(|at| now >= at + FIRST);
        self.not_before.is_none_or(|at| now >= at) || is_awaited && is_first_due()
    }

    /// It took nothing, and asks us to stay away for so long.
    pub(super) fn fail(&mut self, now: Instant, after: Option<Duration>) {
        self.failed_at = Some(now);
        self.not_before = Some(now + after.unwrap_or_default().max(self.next));
        self.next = (self.next * 2).min(LONGEST);
    }

    /// It took something.
    pub(super) fn succeed(&mut self) {
        *self = Self::new();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_waits_longer_each_time_up_to_half_a_minute_and_from_the_start_after_a_success() {
        let (mut backoff, mut now) = (Backoff::new(), Instant::now());
        assert!(backoff.is_due(now, false));
        for seconds in [1, 2, 4, 8, 16, 30, 30] {
            backoff.fail(now, None);
            now += Duration::from_secs(seconds);
            assert!(!backoff.is_due(now.checked_sub(Duration::from_millis(1)).unwrap(), false));
            assert!(backoff.is_due(now, false));
        }
        backoff.succeed();
        backoff.fail(now, None);
        assert!(backoff.is_due(now + FIRST, false));
    }

    #[test]
    fn the_time_that_a_collector_asks_for_is_kept_unless_somebody_waits() {
        let (mut backoff, now) = (Backoff::new(), Instant::now());
        backoff.fail(now, Some(Duration::from_secs(50)));
        let soon = now + Duration::from_secs(10);
        assert!(!backoff.is_due(soon, false));
        assert!(backoff.is_due(now + Duration::from_secs(50), false));
        assert!(backoff.is_due(soon, true));
        assert!(!backoff.is_due(now, true), "but it is never asked without a pause");
    }
}
