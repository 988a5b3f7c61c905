//! A bounded distribution of durations or sizes. Must stay small: there is one per key and measure.

use hdrhistogram::Histogram;

/// One significant decimal digit: quantiles are up to 1/16 above the sample they stand for, and a
/// histogram stays near 2 kB. Two digits would cost eight times that, for every key.
const DIGITS: u8 = 1;

/// Largest value kept, in units: 2^36 µs are 19 hours; larger ones count as this.
const LARGEST: u64 = 1 << 36;

/// Counts samples in buckets; exact up to 31 units, within 1/16 above.
#[derive(Clone, Debug, Default)]
pub struct Distribution {
    /// Made with the first sample: most keys never get one.
    histogram: Option<Histogram<u32>>,
    total: u64,
    largest: u64,
}

impl Distribution {
    /// Adds one sample, in whole units.
    pub fn record(&mut self, value: u64) {
        if self.histogram.is_none() {
            self.histogram = Histogram::new(DIGITS).ok();
        }
        if let Some(histogram) = &mut self.histogram {
            // Below LARGEST a resizing histogram takes every value.
            let taken = histogram.record(value.min(LARGEST)).is_ok();
            self.total = self.total.saturating_add(u64::from(taken));
            self.largest = self.largest.max(value);
        }
    }

    /// Adds a duration, kept in microseconds; negative and NaN count as 0.
    pub fn record_seconds(&mut self, seconds: f64) {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a float cast saturates, and LARGEST bounds it"
        )]
        self.record((seconds * 1e6).round() as u64);
    }

    /// Adds all samples of `other`.
    pub fn merge(&mut self, other: &Self) {
        match (&mut self.histogram, &other.histogram) {
            (_, None) => {}
            (own @ None, Some(theirs)) => *own = Some(theirs.clone()),
            (Some(own), Some(theirs)) => {
                if own.add(theirs).is_err() {
                    return;
                }
            }
        }
        self.total = self.total.saturating_add(other.total);
        self.largest = self.largest.max(other.largest);
    }

    /// Number of samples.
    #[must_use]
    pub const fn len(&self) -> u64 {
        self.total
    }

    /// Whether there is no sample.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.total == 0
    }

    /// The sample at quantile `q` (0 to 1) in units; `None` without samples.
    #[must_use]
    pub fn quantile(&self, q: f64) -> Option<u64> {
        let histogram = self.histogram.as_ref().filter(|_| self.total > 0)?;
        // The bucket's upper edge can lie above every sample.
        Some(histogram.value_at_quantile(q).min(self.largest))
    }

    /// The same in seconds, of a distribution of durations.
    #[must_use]
    pub fn quantile_seconds(&self, q: f64) -> Option<f64> {
        self.quantile(q).map(|micros| micros as f64 / 1e6)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_within_a_sixteenth() {
        let mut distribution = Distribution::default();
        for millis in 1..=1000_u32 {
            distribution.record_seconds(f64::from(millis) / 1e3);
        }
        let median = distribution.quantile_seconds(0.5).unwrap_or_default();
        assert!((0.5..0.5 * (1.0 + 1.0 / 16.0)).contains(&median), "{median}");
        assert_eq!(distribution.quantile_seconds(1.0), Some(1.0));
    }

    #[test]
    fn extreme_samples_are_bounded_and_counted() {
        let mut distribution = Distribution::default();
        for seconds in [f64::NAN, f64::INFINITY, -1.0, f64::MAX, 0.0] {
            distribution.record_seconds(seconds);
        }
        assert_eq!(distribution.len(), 5);
        assert_eq!(distribution.quantile(0.5), Some(0));
    }

    #[test]
    fn nothing_recorded_has_no_quantile() {
        assert_eq!(Distribution::default().quantile(0.5), None);
    }

    #[test]
    fn merging_equals_recording_all() {
        let (mut left, mut right, mut all) = Default::default();
        for (index, sample) in (0..500_u64).map(|n| n * n).enumerate() {
            let half: &mut Distribution = if index % 2 == 0 { &mut left } else { &mut right };
            half.record(sample);
            Distribution::record(&mut all, sample);
        }
        left.merge(&right);
        assert_eq!(left.len(), all.len());
        assert_eq!(left.quantile(0.9), all.quantile(0.9));
    }
}
