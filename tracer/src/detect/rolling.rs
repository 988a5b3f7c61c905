//! Judges what happened of late, in an observation without an end.
//!
//! Two judges take in every tick. The newer one begins in the middle of the older one's window; at
//! its end it takes over, and another begins. So the verdicts rest on half a window to a whole one,
//! and what is older than a window is forgotten for good: totals, verdicts, and processes that are
//! gone. An observation with an end has one judge for all of it.

use std::collections::BTreeMap;

use super::{Coverage, Finding, Judge, NotEnough, Thresholds};
use crate::aggregate::{Identities, Key, Limits, Sorted, Totals};
use crate::connection::Tick;
use crate::probe::Ports;

/// A judge, and where there is a window the one that follows it.
#[derive(Debug)]
pub struct Rolling {
    limits: Limits,
    thresholds: Thresholds,
    ports: Ports,
    boot_minus_monotonic_ns: i64,
    window_ns: Option<u64>,
    older: Judge,
    newer: Option<Judge>,
    /// As of the last tick, and as of the begin of each judge.
    coverage: Coverage,
    /// The same as of the last tick that was folded: what a judge that begins then has not seen.
    folded: Coverage,
    evicted: u64,
    older_begins: Coverage,
    newer_begins: Coverage,
    now_ns: u64,
}

impl Rolling {
    /// Begins at `start_ns`, monotonic nanoseconds. `window_ns` is how far verdicts look back at
    /// most; `None` is to the start.
    #[must_use]
    pub fn new(
        start_ns: u64,
        limits: Limits,
        thresholds: Thresholds,
        window_ns: Option<u64>,
    ) -> Self {
        let older = Judge::new(start_ns, limits, thresholds.clone());
        let ports = Ports::default();
        Self {
            limits,
            thresholds,
            ports,
            boot_minus_monotonic_ns: 0,
            window_ns,
            older,
            newer: None,
            coverage: Coverage::default(),
            folded: Coverage::default(),
            evicted: 0,
            older_begins: Coverage::default(),
            newer_begins: Coverage::default(),
            now_ns: start_ns,
        }
    }

    /// Knows what can be dialled from, before the first tick.
    #[must_use]
    pub fn with_ports(mut self, ports: Ports) -> Self {
        self.ports = ports;
        self.older = self.older.with_ports(ports);
        self
    }

    /// Judges something short that is over as if it went on, before the first tick.
    pub const fn never_settle(&mut self) {
        self.older.never_settle();
    }

    /// Knows how long the host was suspended, before the first tick.
    #[must_use]
    pub fn with_boot_offset(mut self, boot_minus_monotonic_ns: i64) -> Self {
        self.boot_minus_monotonic_ns = boot_minus_monotonic_ns;
        self.older = self.older.with_boot_offset(boot_minus_monotonic_ns);
        self
    }

    /// Changes how far verdicts look back, from the next tick on.
    pub const fn set_window(&mut self, window_ns: Option<u64>) {
        self.window_ns = window_ns;
    }

    /// Knows how much was seen and lost since the start, before the tick that follows.
    pub const fn cover(&mut self, coverage: Coverage) {
        self.coverage = coverage;
    }

    /// Takes in one tick.
    pub fn fold(&mut self, tick: &Tick, identities: &dyn Identities) {
        if let Some(window_ns) = self.window_ns {
            self.turn(window_ns);
        }
        let sorted = Sorted::of(tick);
        let before = self.older.evicted();
        self.older.fold_sorted(&sorted, identities);
        self.evicted += self.older.evicted() - before;
        if let Some(newer) = &mut self.newer {
            newer.fold_sorted(&sorted, identities);
        }
        self.now_ns = self.now_ns.max(tick.now_ns);
        self.folded = self.coverage;
    }

    /// Between two ticks: hands over at the end of the window, begins the next in its middle.
    fn turn(&mut self, window_ns: u64) {
        let age_ns = self.now_ns.saturating_sub(self.older.start_ns());
        if age_ns >= window_ns
            && let Some(newer) = self.newer.take()
        {
            self.older = newer;
            self.older_begins = self.newer_begins;
        }
        if self.newer.is_none() && age_ns >= window_ns / 2 {
            self.newer_begins = self.folded;
            let newer = Judge::new(self.now_ns, self.limits, self.thresholds.clone());
            self.newer =
                Some(newer.with_ports(self.ports).with_boot_offset(self.boot_minus_monotonic_ns));
        }
    }

    /// Where the window of [`Self::totals`] and [`Self::findings`] begins, monotonic nanoseconds.
    #[must_use]
    pub const fn start_ns(&self) -> u64 {
        self.older.start_ns()
    }

    /// Totals per key over the window.
    #[must_use]
    pub fn totals(&self) -> BTreeMap<Key, Totals> {
        self.older.totals()
    }

    /// Connections counted under no key because the table was full, since the start: a judge that is
    /// dropped takes its count with it.
    #[must_use]
    pub const fn evicted(&self) -> u64 {
        self.evicted
    }

    /// Longest time between two looks at what is open, over the window, seconds; 0 before the first.
    #[must_use]
    pub fn longest_interval_s(&self) -> f64 {
        self.older.longest_interval_s()
    }

    /// The verdicts over the window, worst first.
    #[must_use]
    pub fn findings(&self) -> Vec<Finding> {
        self.older.findings(self.coverage.since(self.older_begins))
    }
}

impl Rolling {
    /// The verdicts for which there is not enough yet, over the window.
    #[must_use]
    pub fn not_enough(&self) -> Vec<NotEnough> {
        self.older.not_enough(self.coverage.since(self.older_begins))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aggregate::support::{Build, MILLI, SECOND, ticks};
    use crate::connection::Connection;
    use crate::detect::Code;
    use crate::process::{Identity, ProcessId};

    const WINDOW: u64 = 20 * SECOND;

    /// Redials ten times a second from `from_s` to `until_s`.
    fn redials(from_s: u64, until_s: u64) -> Vec<Connection> {
        (from_s * 10..until_s * 10)
            .map(|n| {
                let at_ns = n * 100 * MILLI + 1;
                Build::client().at(at_ns, at_ns + MILLI).end()
            })
            .collect()
    }

    /// Codes and the oldest evidence, in nanoseconds of age, at each tick.
    fn over(history: &[Connection], until_s: u64, window_ns: Option<u64>) -> Vec<(Vec<Code>, u64)> {
        let nobody = BTreeMap::<ProcessId, Identity>::new();
        let mut rolling = Rolling::new(0, Limits::default(), Thresholds::default(), window_ns);
        let tick = |tick: &Tick| {
            rolling.fold(tick, &nobody);
            let codes = rolling.findings().iter().map(|finding| finding.code).collect();
            (codes, tick.now_ns - rolling.start_ns())
        };
        ticks(history, until_s * SECOND).iter().map(tick).collect()
    }

    #[test]
    fn a_verdict_comes_within_seconds_and_goes_within_a_window() {
        let told = over(&redials(30, 60), 120, Some(WINDOW));
        let holds: Vec<_> = (1..=120).filter(|second| !told[second - 1].0.is_empty()).collect();
        assert!(holds.first().is_some_and(|first| *first <= 33), "{holds:?}");
        assert!(holds.last().is_some_and(|last| (60..=80).contains(last)), "{holds:?}");
        assert!(holds.windows(2).all(|pair| pair[1] == pair[0] + 1), "without a gap: {holds:?}");
    }

    #[test]
    fn verdicts_rest_on_half_a_window_to_a_whole_one() {
        let told = over(&redials(0, 100), 100, Some(WINDOW));
        for (second, (codes, age_ns)) in told.iter().enumerate().skip(10) {
            assert_eq!(*codes, [Code::OneShot], "at {second}");
            assert!((WINDOW / 2..=WINDOW + SECOND).contains(age_ns), "{age_ns} at {second}");
        }
    }

    #[test]
    fn the_longest_interval_is_that_of_the_window() {
        let nobody = BTreeMap::<ProcessId, Identity>::new();
        let mut rolling = Rolling::new(0, Limits::default(), Thresholds::default(), Some(WINDOW));
        assert!(rolling.longest_interval_s() <= 0.0);
        let mut longest = |second: u64| {
            rolling.fold(&Tick { now_ns: second * SECOND, ..Tick::default() }, &nobody);
            rolling.longest_interval_s()
        };
        let told: Vec<_> = (1..=9).chain(17..=90).map(&mut longest).collect();
        assert!((told[8] - 1.0).abs() < 1e-9 && (told[9] - 8.0).abs() < 1e-9, "{told:?}");
        assert!(told.last().is_some_and(|last| (last - 1.0).abs() < 1e-9), "forgotten: {told:?}");
    }

    #[test]
    fn what_was_lost_before_the_window_is_no_doubt_any_more() {
        let nobody = BTreeMap::<ProcessId, Identity>::new();
        let window = Some(WINDOW);
        let mut rolling = Rolling::new(0, Limits::default(), Thresholds::default(), window);
        let mut doubted = Vec::new();
        for tick in ticks(&redials(0, 100), 100 * SECOND) {
            let second = tick.now_ns / SECOND;
            let lost = if second > 40 { 30 } else { 0 };
            rolling.cover(Coverage { seen: second * 10, lost_connections: lost, lost });
            rolling.fold(&tick, &nobody);
            let findings = rolling.findings();
            if findings.iter().any(|finding| finding.doubts.iter().any(|why| why.contains("lost")))
            {
                doubted.push(second);
            }
        }
        assert_eq!(doubted.first(), Some(&41));
        assert!(doubted.last().is_some_and(|last| (50..=61).contains(last)), "{doubted:?}");
    }

    #[test]
    fn without_a_window_nothing_is_forgotten() {
        let told = over(&redials(0, 10), 200, None);
        assert_eq!(told.last(), Some(&(vec![Code::OneShot], 200 * SECOND)));
    }
}
