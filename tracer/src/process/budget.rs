//! How much may be looked up in a time, however long or short ticks are. Owns no look-up.

use std::time::{Duration, Instant};

/// So many a second on average, and as many at once after a second of rest.
#[derive(Debug)]
pub(super) struct Budget {
    per_s: u32,
    /// When what was taken will have been given again; before now if nothing is owed.
    even: Instant,
}

impl Budget {
    /// A whole second's worth.
    pub(super) fn new(per_s: u32) -> Self {
        Self { per_s, even: Instant::now() }
    }

    /// Takes one, if there is one.
    pub(super) fn take(&mut self) -> bool {
        self.take_at(Instant::now())
    }

    fn take_at(&mut self, now: Instant) -> bool {
        let even = self.even.max(now) + Duration::from_secs(1) / self.per_s;
        let is_left = even <= now + Duration::from_secs(1);
        if is_left {
            self.even = even;
        }
        is_left
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    /// How many of `wanted` are given at `now`.
    fn given(budget: &mut Budget, now: Instant, wanted: usize) -> usize {
        (0..wanted).filter(|_| budget.take_at(now)).count()
    }

    #[test]
    fn a_slow_tick_allows_as_many_for_each_second_as_a_quick_one() {
        let mut budget = Budget::new(1_000);
        let start = Instant::now();
        assert_eq!(given(&mut budget, start, 5_000), 1_000);
        assert_eq!(given(&mut budget, start, 1), 0, "however many ticks there are in a moment");
        assert_eq!(given(&mut budget, start + 100 * MS, 5_000), 100);
        // A tick of a minute, in which they come evenly.
        let minute: usize = (1..=60).map(|s| given(&mut budget, start + s * 1_000 * MS, 900)).sum();
        assert_eq!(minute, 60 * 900);
    }

    #[test]
    fn rest_is_not_saved_up_beyond_a_second() {
        let mut budget = Budget::new(100);
        let later = Instant::now() + Duration::from_hours(1);
        assert_eq!(given(&mut budget, later, 5_000), 100);
    }
}
