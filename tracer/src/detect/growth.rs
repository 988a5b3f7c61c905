//! How a number seen at each tick has grown since the first tick.

/// Remembers a handful of numbers, whatever the number of ticks.
#[derive(Clone, Debug, Default)]
pub(super) struct Growth {
    /// At the first tick of the observation; 0 for a key that came later.
    pub(super) baseline: u64,
    /// At the last tick.
    pub(super) current: u64,
    /// Ticks after the first at which it was higher than ever before.
    pub(super) rises: u64,
    /// The last of them, monotonic nanoseconds.
    pub(super) last_rise_ns: u64,
    highest: u64,
}

impl Growth {
    /// Takes in the number at `now_ns`.
    pub(super) fn observe(&mut self, count: u64, is_first: bool, now_ns: u64) {
        self.current = count;
        if is_first {
            self.baseline = count;
        } else if count > self.highest {
            self.rises += 1;
            self.last_rise_ns = now_ns;
        }
        self.highest = self.highest.max(count);
    }

    /// Takes over the number of another part of the same process.
    pub(super) fn merge(&mut self, other: &Self) {
        self.baseline += other.baseline;
        self.current += other.current;
        self.rises = self.rises.max(other.rises);
        self.last_rise_ns = self.last_rise_ns.max(other.last_rise_ns);
        self.highest += other.highest;
    }

    /// Above the first tick.
    pub(super) const fn grown(&self) -> u64 {
        self.current.saturating_sub(self.baseline)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_new_heights_after_the_first_tick_are_rises() {
        let mut growth = Growth::default();
        for (tick, count) in [4, 4, 6, 5, 6, 7].into_iter().enumerate() {
            growth.observe(count, tick == 0, tick as u64);
        }
        assert_eq!((growth.rises, growth.grown(), growth.last_rise_ns), (2, 3, 5));
    }

    #[test]
    fn a_key_that_comes_later_began_at_nothing() {
        let mut growth = Growth::default();
        growth.observe(3, false, 9);
        assert_eq!((growth.rises, growth.grown()), (1, 3));
    }
}
