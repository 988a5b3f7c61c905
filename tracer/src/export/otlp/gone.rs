//! Gauges that were told and are no more: a finding that ended, the open connections of a process that
//! is gone. A scrape shows that by their absence; by OTLP a collector goes on with the last value, for
//! five minutes as a rule, until a point says that there is none.
//!
//! Counters are left out: one that grows no more harms nobody.

use std::collections::HashSet;

use crate::metrics::{Family, Kind, Sample};

/// The gauges that a collector has.
#[derive(Debug, Default)]
pub struct Told(Vec<Family>);

impl Told {
    /// Those of them that are not among `families`, with the values that they had.
    #[must_use]
    pub fn gone(&self, families: &[Family]) -> Vec<Family> {
        let gone = self.0.iter().filter_map(|told| {
            let now = families.iter().filter(|family| family.name == told.name);
            let now: HashSet<_> = now.flat_map(|family| &family.samples).map(labels).collect();
            let is_gone = |sample: &&Sample| !now.contains(labels(sample));
            let samples: Vec<_> = told.samples.iter().filter(is_gone).cloned().collect();
            (!samples.is_empty()).then_some(Family { samples, ..*told })
        });
        gone.collect()
    }

    /// From now on it has those of `families`, and of these alone.
    pub fn replace(&mut self, families: Vec<Family>) {
        self.0 = families;
        self.0.retain(|family| family.kind == Kind::Gauge && !family.samples.is_empty());
    }
}

fn labels(sample: &Sample) -> &[(&'static str, String)] {
    &sample.labels
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::Value;

    fn family(name: &'static str, kind: Kind, codes: &[&str]) -> Family {
        let sample = |code: &&str| Sample {
            labels: vec![("code", (*code).to_owned())],
            value: Value::Number(1.0),
        };
        Family { name, help: "Some.", kind, samples: codes.iter().map(sample).collect() }
    }

    #[test]
    fn a_gauge_that_is_no_more_is_gone_until_the_collector_has_taken_that() {
        let mut told = Told::default();
        let both = [family("g", Kind::Gauge, &["a", "b"]), family("c", Kind::Counter, &["a"])];
        assert!(told.gone(&both).is_empty(), "nothing was told before");
        told.replace(both.to_vec());
        assert!(told.gone(&both).is_empty());
        let one = [family("g", Kind::Gauge, &["b"])];
        for _ in 0..2 {
            assert_eq!(told.gone(&one), [family("g", Kind::Gauge, &["a"])], "no counter");
        }
        assert_eq!(told.gone(&[]), [family("g", Kind::Gauge, &["a", "b"])]);
        told.replace(one.to_vec());
        assert!(told.gone(&one).is_empty());
    }
}
