//! A distribution as scrapers take it: counts by fixed upper bounds, and the sum.

/// Upper bounds, seconds: from one round trip in a data centre to a day, some three for each power of
/// ten. Fixed, so that hosts and versions can be added up.
pub(super) const BOUNDS: [f64; 18] = [
    0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0,
    300.0, 3_600.0, 86_400.0,
];

/// How often which seconds occurred.
#[derive(Clone, Debug, PartialEq)]
pub struct Histogram {
    /// By upper bound, the last one without any. Not cumulative.
    counts: [u64; BOUNDS.len() + 1],
    sum: f64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self { counts: [0; BOUNDS.len() + 1], sum: 0.0 }
    }
}

impl Histogram {
    /// Counts one.
    pub fn observe(&mut self, seconds: f64) {
        self.counts[BOUNDS.partition_point(|bound| *bound < seconds)] += 1;
        self.sum += seconds;
    }

    /// Sum of all, seconds.
    #[must_use]
    pub const fn sum(&self) -> f64 {
        self.sum
    }

    /// How many.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Upper bound, infinite for the last, with the count of those up to it and above the one before.
    pub fn buckets(&self) -> impl Iterator<Item = (f64, u64)> {
        BOUNDS.into_iter().chain([f64::INFINITY]).zip(self.counts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_at_a_bound_is_below_it_and_one_beyond_all_is_counted() {
        let mut histogram = Histogram::default();
        for seconds in [0.0, 0.001, 0.001_1, 86_400.0, 1e9] {
            histogram.observe(seconds);
        }
        let counted = |bound: f64| histogram.buckets().find(|(at, _)| *at >= bound).unwrap().1;
        assert_eq!([counted(0.000_5), counted(0.001), counted(0.002_5)], [1, 1, 1]);
        assert_eq!([counted(86_400.0), counted(f64::INFINITY)], [1, 1]);
        assert_eq!(histogram.count(), 5);
        assert!(histogram.sum() > 1e9);
    }

    #[test]
    fn bounds_ascend() {
        assert!(BOUNDS.is_sorted_by(|left, right| left < right));
    }
}
