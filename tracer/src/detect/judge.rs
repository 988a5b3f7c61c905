//! Runs every detector on every key, keeps one finding per cause and ranks them.

mod not_enough;

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::net::SocketAddr;

use super::dials::Answers;
use super::{Coverage, Detectors, Finding, Thresholds, View, causes, looks, port_use, same};
use crate::aggregate::{Aggregate, Entry, Identities, Key, Limits, Shown, Sorted, Totals, Who};
use crate::connection::{Role, Tick, seconds};
use crate::probe::Ports;

pub use not_enough::NotEnough;

/// The aggregate and detect stages together: ticks in, totals and findings out.
#[derive(Debug)]
pub struct Judge {
    aggregate: Aggregate<Detectors>,
    thresholds: Thresholds,
    ports: Ports,
    settles: bool,
    boot_minus_monotonic_ns: i64,
    /// Longest interval so far.
    longest_ns: u64,
}

impl Judge {
    /// Begins an observation at `start_ns`, monotonic nanoseconds.
    #[must_use]
    pub fn new(start_ns: u64, limits: Limits, thresholds: Thresholds) -> Self {
        let aggregate = Aggregate::new(start_ns, limits);
        Self {
            aggregate,
            thresholds,
            ports: Ports::default(),
            settles: true,
            boot_minus_monotonic_ns: 0,
            longest_ns: 0,
        }
    }

    /// Knows what can be dialled from; without it, what a new network namespace begins with.
    #[must_use]
    pub const fn with_ports(mut self, ports: Ports) -> Self {
        self.ports = ports;
        self
    }

    /// Judges something short that is over as if it went on: who runs a command wants to know what it
    /// did, whenever in its life.
    pub const fn never_settle(&mut self) {
        self.settles = false;
    }

    /// Knows how long the host was suspended: by that much start times of processes are ahead.
    #[must_use]
    pub const fn with_boot_offset(mut self, boot_minus_monotonic_ns: i64) -> Self {
        self.boot_minus_monotonic_ns = boot_minus_monotonic_ns;
        self
    }

    /// Start of the observation, monotonic nanoseconds.
    #[must_use]
    pub const fn start_ns(&self) -> u64 {
        self.aggregate.start_ns()
    }

    /// Takes in one tick.
    pub fn fold(&mut self, tick: &Tick, identities: &dyn Identities) {
        self.fold_sorted(&Sorted::of(tick), identities);
    }

    /// Takes in one tick that another judge takes in too.
    pub(super) fn fold_sorted(&mut self, sorted: &Sorted<'_>, identities: &dyn Identities) {
        let before_ns = self.aggregate.now_ns();
        self.aggregate.fold_sorted(sorted, identities, &self.thresholds);
        self.longest_ns = self.longest_ns.max(self.aggregate.now_ns().saturating_sub(before_ns));
    }

    /// Longest time between two looks at what is open, seconds; 0 before the first.
    #[must_use]
    pub fn longest_interval_s(&self) -> f64 {
        seconds(0, self.longest_ns)
    }

    /// Totals per key, small processes folded, in the order of the keys.
    #[must_use]
    pub fn totals(&self) -> BTreeMap<Key, Totals> {
        self.aggregate.totals()
    }

    /// Connections counted under [`Who::Other`] because the table was full.
    #[must_use]
    pub const fn evicted(&self) -> u64 {
        self.aggregate.evicted()
    }

    /// The verdicts as of the last tick, worst first, then by number of connections. `coverage`
    /// tells how much was seen.
    #[must_use]
    pub fn findings(&self, coverage: impl Into<Coverage>) -> Vec<Finding> {
        let mut findings = Vec::new();
        self.each(coverage.into(), &mut |entry, view| {
            let mut found = judge(entry, view);
            for finding in &mut found {
                looks::doubt(finding, self.longest_interval_s());
            }
            findings.extend(causes::one_each(found));
        });
        findings.sort_by(|left, right| {
            let rank =
                |finding: &Finding| (Reverse(finding.severity), Reverse(finding.connections));
            rank(left)
                .cmp(&rank(right))
                .then_with(|| left.key.cmp(&right.key))
                .then_with(|| left.code.cmp(&right.code))
        });
        same::together(findings)
    }

    /// Shows every key as of the last tick.
    fn each(&self, coverage: Coverage, look: &mut dyn FnMut(&Entry<Detectors>, &View<'_>)) {
        let entries = self.aggregate.entries();
        let totals: BTreeMap<_, _> =
            entries.iter().map(|(key, entry)| (key, entry.totals())).collect();
        let working = working(&entries);
        let sources = entries.iter().map(|(key, entry)| (key, entry.memory.sources()));
        let places = port_use::places(sources, self.aggregate.now_ns(), &self.ports);
        for ((key, entry), of_key) in entries.iter().zip(totals.values()) {
            let view = View {
                key,
                comm: entry.comm(),
                runtime: of_key.runtime.as_ref(),
                totals: of_key,
                exchanges_before: exchanges_before(key, &totals),
                start_ns: self.aggregate.start_ns(),
                now_ns: self.aggregate.now_ns(),
                boot_minus_monotonic_ns: self.boot_minus_monotonic_ns,
                coverage,
                ports: places.get(key).copied(),
                settles: self.settles,
                works_at: works_at(key, entry, &working),
                dials: entry.memory.dials(),
                thresholds: &self.thresholds,
            };
            look(entry, &view);
        }
    }
}

fn judge(entry: &Entry<Detectors>, view: &View<'_>) -> Vec<Finding> {
    // What overflowed belongs to nobody: a verdict about it would name no one.
    if view.key.who == Who::Other {
        return Vec::new();
    }
    let mut findings = entry.memory.judge(view);
    for finding in &mut findings {
        view.tell_basis(finding);
    }
    findings
}

/// Who, network namespace, port and IP version of a destination.
type Place<'a> = (&'a Who, u32, u16, bool);

/// Exchanges of what a client's process had open to the same destination before the observation.
fn exchanges_before(key: &Key, totals: &BTreeMap<&Key, Totals>) -> u64 {
    if key.role != Some(Role::Client) {
        return 0;
    }
    let before = Key { role: None, ..key.clone() };
    totals.get(&before).map_or(0, |totals| totals.exchanges)
}

/// The place of the other IP version that could stand in for a client's destination.
fn counterpart(key: &Key) -> Option<Place<'_>> {
    let at = key.destination.filter(|_| key.role == Some(Role::Client))?;
    Some((&key.who, key.netns, at.port(), !at.is_ipv6()))
}

/// When dials were answered at the places that could stand in for one whose dials failed.
fn working<'a>(entries: &'a BTreeMap<Key, Shown<'_, Detectors>>) -> BTreeMap<Place<'a>, Answers> {
    let failed = entries.iter().filter(|(_, entry)| entry.memory.dials().has_failed());
    let mut working: BTreeMap<_, Answers> =
        failed.filter_map(|(key, _)| Some((counterpart(key)?, Answers::new()))).collect();
    for (key, entry) in entries.iter().filter(|(key, _)| key.role == Some(Role::Client)) {
        let Some(at) = key.destination else { continue };
        let place = (&key.who, key.netns, at.port(), at.is_ipv6());
        if let Some(answers) = working.get_mut(&place) {
            answers.extend(entry.memory.dials().answers(at));
        }
    }
    for answers in working.values_mut() {
        answers.sort_unstable();
    }
    working
}

/// The destination of the other IP version that works in place of `key`'s: the same client's dials
/// were answered there when they failed here, as they are when it knows both addresses of one name.
fn works_at(
    key: &Key,
    entry: &Entry<Detectors>,
    working: &BTreeMap<Place<'_>, Answers>,
) -> Option<SocketAddr> {
    entry.memory.dials().taken_over_by(working.get(&counterpart(key)?)?)
}

#[cfg(test)]
mod tests;
