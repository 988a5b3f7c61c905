//! Whether samples are one value, as a timer or a counter keeps it, and which.

use crate::aggregate::Distribution;

/// One value that most samples have, in the units of the distribution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Steady {
    /// Median.
    pub(super) value: u64,
    /// A tenth lies below.
    pub(super) low: u64,
    /// A tenth lies above.
    pub(super) high: u64,
}

impl Steady {
    /// The value that the middle eight tenths of the samples have, at most `max_spread` of it apart.
    /// A distribution rounds by up to a sixteenth: less than that cannot be told apart above 31
    /// units.
    pub(super) fn of(samples: &Distribution, max_spread: f64) -> Option<Self> {
        let value = samples.quantile(0.5)?;
        let (low, high) = (samples.quantile(0.1)?, samples.quantile(0.9)?);
        let is_steady = high.saturating_sub(low) as f64 <= max_spread * value as f64;
        is_steady.then_some(Self { value, low, high })
    }

    /// Of durations: value, low and high in seconds.
    pub(super) fn seconds(self) -> (f64, f64, f64) {
        (self.value as f64 / 1e6, self.low as f64 / 1e6, self.high as f64 / 1e6)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(samples: impl IntoIterator<Item = u64>, max_spread: f64) -> Option<u64> {
        let mut distribution = Distribution::default();
        samples.into_iter().for_each(|sample| distribution.record(sample));
        Steady::of(&distribution, max_spread).map(|steady| steady.value)
    }

    #[test]
    fn equal_samples_are_steady_and_a_tenth_may_stray() {
        assert_eq!(of([100; 3], 0.1), Some(100));
        assert_eq!(of([vec![7; 18], vec![1, 99]].concat(), 0.1), Some(7));
        assert_eq!(of([vec![7; 16], vec![1, 1, 1, 99]].concat(), 0.1), None);
    }

    #[test]
    fn samples_of_every_size_are_not_steady() {
        assert_eq!(of(1..100, 0.25), None);
        assert_eq!(of([5, 5, 6], 0.1), None);
        assert_eq!(of([], 0.1), None);
    }

    #[test]
    fn a_timer_that_is_coarse_is_steady_within_its_spread() {
        assert_eq!(of([5_000_000, 5_300_000, 5_900_000], 0.25).map(|us| us / 1_000_000), Some(5));
    }
}
