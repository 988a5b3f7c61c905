//! Thresholds: what they measure, how they are listed and overridden by name. The table is in
//! `table`. Owns no judgement.

use thiserror::Error;

/// What a threshold measures, and so what values it takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// A whole number of things.
    Count,
    /// Whole bytes.
    Bytes,
    /// Seconds, not negative.
    Seconds,
    /// 0 to 1.
    Share,
    /// A multiple of something else, not negative.
    Ratio,
}

impl Unit {
    /// What a value must look like.
    #[must_use]
    pub const fn wants(self) -> &'static str {
        match self {
            Self::Count => "a whole number",
            Self::Bytes => "a whole number of bytes",
            Self::Seconds => "a number of seconds, 0 or more",
            Self::Share => "a number from 0 to 1",
            Self::Ratio => "a number, 0 or more",
        }
    }
}

/// One threshold, for listings.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Threshold {
    /// Stable name: `<finding code>.<what>`.
    pub name: &'static str,
    /// What it measures.
    pub unit: Unit,
    /// Value unless overridden.
    pub default: f64,
    /// Why this value.
    pub reason: &'static str,
}

/// Why a threshold was not set.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ThresholdError {
    /// There is none of that name.
    #[error("unknown threshold `{name}`; did you mean `{suggestion}`? Valid are: {}", names().join(", "))]
    Unknown {
        /// As given.
        name: String,
        /// The nearest valid name.
        suggestion: &'static str,
    },
    /// The value does not fit.
    #[error("threshold `{name}` wants {}, not `{value}`", unit.wants())]
    Invalid {
        /// Its name.
        name: &'static str,
        /// As given.
        value: String,
        /// What it measures.
        unit: Unit,
    },
}

fn names() -> Vec<&'static str> {
    Thresholds::ALL.iter().map(|threshold| threshold.name).collect()
}

/// How a value of a unit is read; `None` if it does not fit.
trait Value: Sized {
    fn read(text: &str, unit: Unit) -> Option<Self>;
}

impl Value for u64 {
    fn read(text: &str, _: Unit) -> Option<Self> {
        text.trim().parse().ok()
    }
}

impl Value for f64 {
    fn read(text: &str, unit: Unit) -> Option<Self> {
        let largest = if unit == Unit::Share { 1.0 } else { Self::MAX };
        text.trim().parse().ok().filter(|value| (0.0..=largest).contains(value))
    }
}

macro_rules! thresholds {
    ($($field:ident: $type:ty = $default:literal, $unit:ident, $name:literal, $reason:literal;)*) => {
        /// The values in force.
        #[derive(Clone, Debug, PartialEq)]
        pub struct Thresholds { $(#[doc = $reason] pub $field: $type,)* }

        impl Default for Thresholds {
            fn default() -> Self {
                Self { $($field: $default,)* }
            }
        }

        impl Thresholds {
            /// Every threshold, in the order of the detectors.
            pub const ALL: &[Threshold] = &[$(Threshold {
                name: $name,
                unit: Unit::$unit,
                default: $default as f64,
                reason: $reason,
            },)*];

            /// The value in force of the threshold `name`.
            #[must_use]
            pub fn get(&self, name: &str) -> Option<f64> {
                match name {
                    $($name => Some(self.$field as f64),)*
                    _ => None,
                }
            }

            /// Overrides the threshold `name` by the value written in `value`.
            pub fn set(&mut self, name: &str, value: &str) -> Result<(), ThresholdError> {
                match name {
                    $($name => {
                        self.$field = Value::read(value, Unit::$unit).ok_or_else(|| {
                            let value = value.to_owned();
                            ThresholdError::Invalid { name: $name, value, unit: Unit::$unit }
                        })?;
                    })*
                    _ => return Err(unknown(name)),
                }
                Ok(())
            }
        }
    };
}

fn unknown(name: &str) -> ThresholdError {
    let likeness = |candidate: &str| strsim::jaro_winkler(name, candidate);
    let suggestion = names()
        .into_iter()
        .max_by(|left, right| likeness(left).total_cmp(&likeness(right)))
        .unwrap_or_default();
    ThresholdError::Unknown { name: name.to_owned(), suggestion }
}

mod table;

pub use table::Thresholds;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_threshold_can_be_set_by_its_name() {
        for threshold in Thresholds::ALL {
            let mut thresholds = Thresholds::default();
            assert_eq!(thresholds.get(threshold.name), Some(threshold.default));
            assert_eq!(thresholds.set(threshold.name, "1"), Ok(()), "{}", threshold.name);
            assert_eq!(thresholds.get(threshold.name), Some(1.0), "{}", threshold.name);
            assert!(threshold.reason.ends_with('.'), "{}", threshold.name);
            assert_eq!(thresholds.set(threshold.name, "0"), Ok(()), "{}", threshold.name);
            assert_ne!(thresholds, Thresholds::default(), "{}", threshold.name);
        }
    }

    #[test]
    fn every_name_begins_with_a_code_and_is_its_own() {
        let codes: Vec<_> = crate::detect::Code::ALL.iter().map(|code| code.name()).collect();
        let mut names = names();
        for name in &names {
            assert!(name.split_once('.').is_some_and(|(code, _)| codes.contains(&code)), "{name}");
        }
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Thresholds::ALL.len());
    }

    #[test]
    fn a_misspelt_name_suggests_the_right_one() {
        let error = Thresholds::default().set("one-shot.min-conections", "20");
        let name = "one-shot.min-conections".to_owned();
        let suggestion = "one-shot.min-connections";
        assert_eq!(error, Err(ThresholdError::Unknown { name, suggestion }));
    }

    #[test]
    fn values_that_do_not_fit_are_refused_with_what_fits() {
        let mut thresholds = Thresholds::default();
        for (name, value) in [
            ("one-shot.min-connections", "-1"),
            ("one-shot.min-connections", "2.5"),
            ("one-shot.min-share", "1.1"),
            ("one-shot.max-idle", "NaN"),
            ("one-shot.max-idle", "-1"),
            ("one-shot.max-idle", "inf"),
            ("one-shot.max-idle", "soon"),
        ] {
            let error = thresholds.set(name, value).err().map(|error| error.to_string());
            assert!(error.is_some_and(|error| error.contains(value)), "{name} {value}");
        }
        assert_eq!(thresholds, Thresholds::default());
    }
}
