//! A bounded distribution of durations or sizes. Must stay small: there is one per key and measure.

/// Values below this have a bucket each; above, each power of two has half as many.
const EXACT: u64 = 32;

/// Largest value kept, in units: 2^36 µs are 19 hours; larger ones count as this.
const LARGEST: u64 = 1 << 36;

/// Counts samples in buckets; exact up to 31 units, within 1/16 above. Made with the first sample:
/// most keys never get one.
///
/// The buckets are those of `hdrhistogram` with one digit. It keeps all of them from 0 on; here it is
/// those from the first to the last with a sample, a few dozen bytes mostly and 2 kB at most.
#[derive(Clone, Debug, Default)]
pub struct Distribution(Option<Box<Samples>>);

#[derive(Clone, Debug, Default)]
struct Samples {
    /// Number of the first bucket that is kept.
    first: usize,
    counts: Vec<u32>,
    total: u64,
    largest: u64,
}

/// Number of the bucket that `value` falls into.
#[expect(clippy::cast_possible_truncation, reason = "there are a few hundred buckets")]
const fn bucket(value: u64) -> usize {
    let value = if value < LARGEST { value } else { LARGEST };
    // So many low bits are left out: what remains is below EXACT, and above 0 at least half of it.
    let left_out = (EXACT - 1).leading_zeros().saturating_sub((value | 1).leading_zeros());
    (left_out as u64 * (EXACT / 2) + (value >> left_out)) as usize
}

/// Largest value of a bucket.
const fn largest_of(bucket: usize) -> u64 {
    let (number, half) = (bucket as u64, EXACT / 2);
    if number < EXACT {
        return number;
    }
    let left_out = number / half - 1;
    ((number - left_out * half + 1) << left_out) - 1
}

impl Samples {
    /// The count of a bucket, which is kept from now on.
    fn count(&mut self, bucket: usize) -> Option<&mut u32> {
        if self.counts.is_empty() {
            self.first = bucket;
        }
        if bucket < self.first {
            let more = self.first - bucket;
            self.counts.splice(..0, std::iter::repeat_n(0, more));
            self.first = bucket;
        }
        let place = bucket - self.first;
        if place >= self.counts.len() {
            // Not twice as much: there are many of these.
            self.counts.reserve_exact(place + 1 - self.counts.len());
            self.counts.resize(place + 1, 0);
        }
        self.counts.get_mut(place)
    }
}

impl Distribution {
    /// Adds one sample, in whole units.
    pub fn record(&mut self, value: u64) {
        let samples = self.0.get_or_insert_default();
        if let Some(count) = samples.count(bucket(value)) {
            *count = count.saturating_add(1);
        }
        samples.total = samples.total.saturating_add(1);
        samples.largest = samples.largest.max(value);
    }

    /// Adds a duration, kept in microseconds; negative and NaN count as 0.
    pub fn record_seconds(&mut self, seconds: f64) {
        let micros = seconds * 1e6;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a float cast saturates, and LARGEST bounds it"
        )]
        let whole = micros as u64;
        // Rounds as `f64::round` does, which is a call.
        let is_more = micros - whole as f64 >= 0.5;
        self.record(whole.saturating_add(u64::from(is_more)));
    }

    /// Adds all samples of `other`.
    pub fn merge(&mut self, other: &Self) {
        let Some(theirs) = &other.0 else { return };
        let Some(own) = &mut self.0 else {
            self.0 = Some(theirs.clone());
            return;
        };
        // The last first: then there is room for all.
        for (place, count) in theirs.counts.iter().enumerate().rev().filter(|(_, n)| **n > 0) {
            if let Some(own) = own.count(theirs.first + place) {
                *own = own.saturating_add(*count);
            }
        }
        own.total = own.total.saturating_add(theirs.total);
        own.largest = own.largest.max(theirs.largest);
    }

    /// Number of samples.
    #[must_use]
    pub const fn len(&self) -> u64 {
        match &self.0 {
            Some(samples) => samples.total,
            None => 0,
        }
    }

    /// Whether there is no sample.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The sample at quantile `q` (above 0, up to 1) in units; `None` without samples.
    #[must_use]
    pub fn quantile(&self, q: f64) -> Option<u64> {
        let samples = self.0.as_ref().filter(|samples| samples.total > 0)?;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a share of a count is a count"
        )]
        let wanted = ((q.min(1.0) * samples.total as f64).ceil() as u64).max(1);
        let mut seen = 0_u64;
        let place = samples.counts.iter().position(|count| {
            seen += u64::from(*count);
            seen >= wanted
        });
        let bucket = samples.first + place.unwrap_or(samples.counts.len());
        // The bucket's upper edge can lie above every sample.
        Some(largest_of(bucket).min(samples.largest))
    }

    /// The same in seconds, of a distribution of durations.
    #[must_use]
    pub fn quantile_seconds(&self, q: f64) -> Option<f64> {
        self.quantile(q).map(|micros| micros as f64 / 1e6)
    }
}

#[cfg(test)]
mod tests {
    use hdrhistogram::Histogram;
    use proptest::prelude::*;

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

    #[test]
    fn half_a_microsecond_is_rounded_as_floats_are() {
        for micros in [0.0, 0.4, 0.5, 0.499_999_999_999_999_94, 1.5, 2.5, 1e15 + 0.5, 1e300, -0.7] {
            let mut distribution = Distribution::default();
            distribution.record_seconds(micros / 1e6);
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "as meant")]
            let rounded = (micros / 1e6 * 1e6).round() as u64;
            assert_eq!(distribution.0.map(|samples| samples.largest), Some(rounded), "{micros}");
        }
    }

    proptest! {
        #[test]
        fn quantiles_are_those_of_hdrhistogram(
            samples in proptest::collection::vec((0..64_u32, any::<u64>()), 1..200),
            q in 0.001..=1.0,
            split in 0..200_usize,
        ) {
            let values: Vec<_> = samples.iter().map(|(shift, value)| value >> shift).collect();
            let mut whole = Histogram::<u32>::new(1).unwrap();
            for value in &values {
                whole.record((*value).min(LARGEST)).unwrap();
            }
            let largest = values.iter().max().copied().unwrap();
            let mut parts = [Distribution::default(), Distribution::default()];
            for (index, value) in values.iter().enumerate() {
                parts[usize::from(index >= split)].record(*value);
            }
            let [mut left, right] = parts;
            left.merge(&right);
            prop_assert_eq!(left.quantile(q), Some(whole.value_at_quantile(q).min(largest)));
            prop_assert_eq!(left.len(), values.len() as u64);
        }
    }
}
