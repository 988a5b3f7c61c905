//! What a verdict would be said about if there were more of it. Judges a second time with least
//! numbers of one; changes no finding.

use super::{Judge, judge};
use crate::aggregate::{Entry, Key};
use crate::detect::{Code, Coverage, Detectors, Threshold, Thresholds, View, causes};

/// A verdict that holds for what was seen, of which there is too little.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotEnough {
    /// Which verdict.
    pub code: Code,
    /// About whom.
    pub key: Key,
    /// Number of processes it is about.
    pub processes: u64,
    /// Name of the threshold that is not reached.
    pub threshold: &'static str,
    /// What it counts, in words.
    pub things: String,
    /// How many were seen.
    pub have: u64,
    /// How many it takes.
    pub need: u64,
}

impl Judge {
    /// As of the last tick, in the order of the keys; one for each threshold that is not reached.
    /// Nothing that is a finding, and nothing that another verdict explains, is among it.
    #[must_use]
    pub fn not_enough(&self, coverage: impl Into<Coverage>) -> Vec<NotEnough> {
        let relaxed = self.thresholds.relaxed();
        let mut all = Vec::new();
        self.each(coverage.into(), &mut |entry, view| {
            let found: Vec<_> = judge(entry, view).iter().map(|finding| finding.code).collect();
            let held = causes::one_each(judge(entry, &View { thresholds: &relaxed, ..*view }));
            for finding in held.iter().filter(|finding| !found.contains(&finding.code)) {
                let amounts = Thresholds::of(finding.code).filter(|least| least.is_amount());
                all.extend(amounts.filter_map(|least| {
                    let need = view.thresholds.count(least);
                    let have = reached(entry, view, finding.code, least, &relaxed);
                    (have < need).then(|| NotEnough {
                        code: finding.code,
                        key: finding.key.clone(),
                        processes: finding.processes,
                        threshold: least.name,
                        things: least.minimum_of().unwrap_or_default(),
                        have,
                        need,
                    })
                }));
            }
        });
        all
    }
}

/// The largest value of `least` up to that in force with which the verdict holds, all other least
/// numbers being relaxed: how many there are. Detectors need not tell.
fn reached(
    entry: &Entry<Detectors>,
    view: &View<'_>,
    code: Code,
    least: &Threshold,
    relaxed: &Thresholds,
) -> u64 {
    let mut thresholds = relaxed.clone();
    let mut holds = |count: u64| {
        thresholds.set_count(least, count);
        let view = View { thresholds: &thresholds, ..*view };
        judge(entry, &view).iter().any(|finding| finding.code == code)
    };
    // With `low` it holds; above `high` nothing is asked.
    let (mut low, mut high) = (relaxed.count(least), view.thresholds.count(least));
    while low < high {
        let middle = low + (high - low).div_ceil(2);
        if holds(middle) {
            low = middle;
        } else {
            high = middle - 1;
        }
    }
    low
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use crate::aggregate::support::{Build, MILLI};
    use crate::connection::Connection;
    use crate::detect::support::{judge as judged, one_by_one};
    use crate::process::{Identity, ProcessId};

    /// Threshold, have, need.
    fn lacks(history: &[Connection]) -> Vec<(&'static str, u64, u64)> {
        let judge = judged(history, 10, &BTreeMap::<ProcessId, Identity>::new());
        let all = judge.not_enough(0);
        all.into_iter().map(|lack| (lack.threshold, lack.have, lack.need)).collect()
    }

    #[test]
    fn a_few_one_shot_connections_are_counted() {
        for count in 2..10 {
            let history = one_by_one(count, 50, |build| build);
            assert_eq!(lacks(&history), [("one-shot.min-connections", count, 10)]);
        }
    }

    #[test]
    fn what_is_found_is_not_said_again() {
        assert_eq!(lacks(&one_by_one(40, 50, |build| build)), []);
        assert_eq!(lacks(&one_by_one(40, 50, Build::refused)), []);
    }

    #[test]
    fn one_connection_is_no_pattern() {
        assert_eq!(lacks(&one_by_one(1, 50, |build| build)), []);
    }

    #[test]
    fn good_behaviour_is_not_on_its_way_to_a_verdict() {
        assert_eq!(lacks(&one_by_one(8, 50, |build| build.exchanges(500))), []);
        assert_eq!(lacks(&one_by_one(5, 2000, |build| build)), [], "a slow poller");
        let burst = |n| Build::client().at(n * MILLI + 1, 500 * MILLI + n);
        assert_eq!(lacks(&(0..8).map(|n| burst(n).end()).collect::<Vec<_>>()), [], "a burst");
    }

    #[test]
    fn refused_dials_are_counted_up_to_the_least_number() {
        let history = one_by_one(3, 900, Build::refused);
        assert_eq!(lacks(&history), [("connect-refused.min-dials", 3, 5)]);
    }

    #[test]
    fn a_cause_hides_its_effects_here_too() {
        let history = one_by_one(4, 50, |build| build.unread(99));
        assert_eq!(lacks(&history), [("unread-close.min-connections", 4, 5)]);
    }

    #[test]
    fn processes_are_counted_where_they_are_the_number() {
        let history: Vec<_> = (0..7)
            .map(|n| {
                let at = u64::from(n) * 100 * MILLI + 1;
                Build::client().pid(n + 1).at(at, at + MILLI).end()
            })
            .collect();
        assert_eq!(lacks(&history), [("short-lived-process.min-processes", 7, 10)]);
    }
}
