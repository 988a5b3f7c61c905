//! Runs every detector on every key, keeps one finding per cause and ranks them.

mod not_enough;

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::net::SocketAddr;

use super::{Code, Detectors, Finding, Thresholds, View};
use crate::aggregate::{Aggregate, Entry, Identities, Key, Limits, Totals, Who};
use crate::connection::{Role, Tick};

pub use not_enough::NotEnough;

/// For one key the verdict on the left explains the one on the right, which is then left out.
///
/// A process that lives for one request cannot reuse anything, so how it closes is no cause of its
/// own. A client that closes on an unread answer cannot keep the connection, so that is why it is
/// one-shot. Connections that are hoarded until the server times them out end in `CLOSE_WAIT`.
/// Refused dials carried nothing: `connect-refused` explains none of the others and stays beside
/// them.
const EXPLAINS: &[(Code, Code)] = &[
    (Code::ShortLivedProcess, Code::OneShot),
    (Code::ShortLivedProcess, Code::UnreadClose),
    (Code::UnreadClose, Code::OneShot),
    (Code::Hoard, Code::CloseWaitLeak),
];

/// The aggregate and detect stages together: ticks in, totals and findings out.
#[derive(Debug)]
pub struct Judge {
    aggregate: Aggregate<Detectors>,
    thresholds: Thresholds,
}

impl Judge {
    /// Begins an observation at `start_ns`, monotonic nanoseconds.
    #[must_use]
    pub fn new(start_ns: u64, limits: Limits, thresholds: Thresholds) -> Self {
        Self { aggregate: Aggregate::new(start_ns, limits), thresholds }
    }

    /// Takes in one tick.
    pub fn fold(&mut self, tick: &Tick, identities: &dyn Identities) {
        self.aggregate.fold(tick, identities, &self.thresholds);
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

    /// The verdicts as of the last tick, worst first, then by number of connections. `lost` is the
    /// number of records the kernel could not deliver.
    #[must_use]
    pub fn findings(&self, lost: u64) -> Vec<Finding> {
        let mut findings = Vec::new();
        self.each(lost, &mut |entry, view| findings.extend(one_per_cause(judge(entry, view))));
        findings.sort_by(|left, right| {
            let rank =
                |finding: &Finding| (Reverse(finding.severity), Reverse(finding.connections));
            rank(left)
                .cmp(&rank(right))
                .then_with(|| left.key.cmp(&right.key))
                .then_with(|| left.code.cmp(&right.code))
        });
        findings
    }

    /// Shows every key as of the last tick.
    fn each(&self, lost: u64, look: &mut dyn FnMut(&Entry<Detectors>, &View<'_>)) {
        let entries = self.aggregate.entries();
        let totals: BTreeMap<_, _> =
            entries.iter().map(|(key, entry)| (key, entry.totals())).collect();
        let working = working(&totals);
        for ((key, entry), totals) in entries.iter().zip(totals.values()) {
            let view = View {
                key,
                comm: entry.comm(),
                totals,
                start_ns: self.aggregate.start_ns(),
                now_ns: self.aggregate.now_ns(),
                lost,
                works_at: works_at(key, &working),
                thresholds: &self.thresholds,
            };
            look(entry, &view);
        }
    }
}

fn judge(entry: &Entry<Detectors>, view: &View<'_>) -> Vec<Finding> {
    // What overflowed belongs to nobody: a verdict about it would name no one.
    if view.key.who == Who::Other { Vec::new() } else { entry.memory.judge(view) }
}

/// Drops the findings of one key that another one explains.
fn one_per_cause(mut findings: Vec<Finding>) -> Vec<Finding> {
    let present: Vec<_> = findings.iter().map(|finding| finding.code).collect();
    findings.retain(|finding| {
        !EXPLAINS.iter().any(|(why, what)| *what == finding.code && present.contains(why))
    });
    findings
}

/// Who, network namespace, port and IP version of a destination.
type Place<'a> = (&'a Who, u32, u16, bool);

/// Destinations at which a client's dials succeed.
fn working<'a>(totals: &BTreeMap<&'a Key, Totals>) -> BTreeMap<Place<'a>, SocketAddr> {
    totals
        .iter()
        .filter(|(key, totals)| key.role == Some(Role::Client) && totals.opened > totals.failed)
        .filter_map(|(key, _)| {
            let at = key.destination?;
            Some(((&key.who, key.netns, at.port(), at.is_ipv6()), at))
        })
        .collect()
}

/// The destination of the other IP version that works in place of `key`'s.
fn works_at(key: &Key, working: &BTreeMap<Place<'_>, SocketAddr>) -> Option<SocketAddr> {
    let at = key.destination?;
    working.get(&(&key.who, key.netns, at.port(), !at.is_ipv6())).copied()
}

#[cfg(test)]
mod tests;
