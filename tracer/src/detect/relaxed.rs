//! Thresholds as they would be if little were enough. Owns which of them ask for a number of things
//! and not for a kind of behaviour: those named `<code>.min-<things>` that are counts.

use super::{Code, Threshold, Thresholds, Unit};

/// How many of its things a verdict takes for each one that is open at a time. It tells a loop from
/// a burst, so it is not given up; but few connections cannot reach more than their number.
const TURNOVER: &str = "turnover";

impl Threshold {
    /// What the least number is of, in words; `None` if it is no least number.
    #[must_use]
    pub fn minimum_of(&self) -> Option<String> {
        let (_, things) = self.name.split_once(".min-")?;
        (self.unit == Unit::Count).then(|| things.replace('-', " "))
    }

    /// Whether it says of itself how much there has to be. A turnover follows from other counts.
    pub(super) fn is_amount(&self) -> bool {
        self.minimum_of().is_some_and(|things| things != TURNOVER)
    }

    /// Its least value that still means something.
    fn least(&self) -> Option<u64> {
        let things = self.minimum_of()?;
        Some(if things == TURNOVER { 2 } else { 1 })
    }
}

impl Thresholds {
    /// The same where one thing is as good as many.
    pub(super) fn relaxed(&self) -> Self {
        let mut relaxed = self.clone();
        for threshold in Self::ALL {
            if let Some(least) = threshold.least() {
                relaxed.set_count(threshold, self.count(threshold).min(least));
            }
        }
        relaxed
    }

    /// The value in force of one that is a count.
    pub(super) fn count(&self, threshold: &Threshold) -> u64 {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates")]
        self.get(threshold.name).map_or(0, |value| value as u64)
    }

    /// Sets one that is a count.
    pub(super) fn set_count(&mut self, threshold: &Threshold, count: u64) {
        let set = self.set(threshold.name, &count.to_string());
        debug_assert!(set.is_ok(), "{} is no count", threshold.name);
    }

    /// Those of one verdict.
    pub(super) fn of(code: Code) -> impl Iterator<Item = &'static Threshold> {
        let is_its = move |threshold: &&Threshold| {
            threshold.name.split_once('.').is_some_and(|(of, _)| of == code.name())
        };
        Self::ALL.iter().filter(is_its)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_least_numbers_are_relaxed() {
        let (strict, relaxed) = (Thresholds::default(), Thresholds::default().relaxed());
        for threshold in Thresholds::ALL {
            let (name, least) = (threshold.name, relaxed.get(threshold.name));
            if name.ends_with("turnover") {
                assert_eq!(least, Some(2.0), "{name}");
            } else if name.contains(".min-") && threshold.unit == Unit::Count {
                assert_eq!(least, Some(1.0), "{name}");
            } else {
                assert_eq!(least, strict.get(name), "{name}");
            }
        }
    }

    #[test]
    fn what_was_less_by_wish_stays_so() {
        let mut wished = Thresholds::default();
        wished.set("one-shot.min-connections", "0").unwrap();
        assert_eq!(wished.relaxed().one_shot_min_connections, 0);
    }
}
