//! When a destination's dials were answered and when they failed, as far as it takes to tell whether
//! an outage is over and whether another address took its place. Owns no judgement.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use super::interval::Interval;
use super::{Detector, Finding, Thresholds, View};
use crate::connection::{Connection, Phase, Role, TcpState, seconds};

/// The newest answers remembered: a minute of them, for those that come closer together than
/// `APART_NS` are one.
const ANSWERS: usize = 256;

/// A quarter of what a fallback may take.
const APART_NS: u64 = 250_000_000;

/// The newest failures remembered, and the newest dials that hang.
const FAILURES: usize = 64;

/// A client falls back at once; one that races two addresses begins the second 250 ms (RFC 8305) or
/// 300 ms (Go) after the first. The rest is for the answer.
const BESIDE_NS: u64 = 1_000_000_000;

/// Answers looked at for one failure; more of them are no fallback of its.
const LOOKED_AT: usize = 32;

/// Answers of several addresses, in the order of time.
pub(super) type Answers = Vec<(u64, SocketAddr)>;

/// Memory of one key.
#[derive(Clone, Debug, Default)]
pub(super) struct Dials {
    /// Established, monotonic nanoseconds, ascending and apart.
    answers: Vec<u64>,
    last_answer_ns: Option<u64>,
    /// Failed: dialled and ended, ascending.
    failures: Vec<(u64, u64)>,
    /// Dialling for longer than it takes to be answered: since when.
    hanging: Vec<u64>,
}

fn keep_newest<T: Ord>(moments: &mut Vec<T>, most: usize) {
    moments.sort_unstable();
    moments.drain(..moments.len().saturating_sub(most));
}

impl Detector for Dials {
    fn observe(&mut self, slice: &Interval<'_>, thresholds: &Thresholds) {
        let is_client = |connection: &&Connection| connection.role == Some(Role::Client);
        let answers = slice.established().filter(is_client);
        self.answer(answers.filter_map(|connection| connection.established_ns));
        for connection in slice.ended.iter().copied().filter(is_client) {
            if let (Some(opened_ns), Some(close)) = (connection.opened_ns, connection.close())
                && close.cause.is_failed_dial()
                && !slice.lost_race(connection)
            {
                self.failures.push((opened_ns, close.at_ns));
            }
        }
        keep_newest(&mut self.failures, FAILURES);
        let dialling = |connection: &&Connection| {
            matches!(connection.phase, Phase::Open { state: TcpState::SynSent, .. })
        };
        self.hanging = slice
            .live
            .iter()
            .copied()
            .filter(|connection| is_client(connection) && dialling(connection))
            .filter_map(|connection| connection.opened_ns)
            .filter(|opened_ns| seconds(*opened_ns, slice.now_ns) >= thresholds.timeout_min_wait_s)
            .collect();
        keep_newest(&mut self.hanging, FAILURES);
    }

    fn merge(&mut self, other: &Self) {
        self.answer(other.answers.iter().copied().chain(other.last_answer_ns));
        self.failures.extend(&other.failures);
        keep_newest(&mut self.failures, FAILURES);
        self.hanging.extend(&other.hanging);
        keep_newest(&mut self.hanging, FAILURES);
    }

    /// What it remembers is for others to judge.
    fn judge(&self, _: &View<'_>) -> Option<Finding> {
        None
    }
}

impl Dials {
    fn answer(&mut self, answers: impl Iterator<Item = u64>) {
        self.answers.extend(answers);
        self.answers.sort_unstable();
        self.last_answer_ns = self.last_answer_ns.max(self.answers.last().copied());
        self.answers.dedup_by(|later, earlier| later.abs_diff(*earlier) < APART_NS);
        keep_newest(&mut self.answers, ANSWERS);
    }

    pub(super) const fn has_failed(&self) -> bool {
        !self.failures.is_empty() || !self.hanging.is_empty()
    }

    /// Answers with the address that gave them.
    pub(super) fn answers(&self, at: SocketAddr) -> impl Iterator<Item = (u64, SocketAddr)> {
        self.answers.iter().map(move |at_ns| (*at_ns, at))
    }

    /// Whether a dial was answered after `at_ns`.
    pub(super) fn is_answered_since(&self, at_ns: u64) -> bool {
        self.last_answer_ns.is_some_and(|answer_ns| answer_ns > at_ns)
    }

    /// Whether a dial was answered while others failed: then the last answer does not end it.
    pub(super) fn is_answered_between(&self, (first_ns, last_ns): (u64, u64)) -> bool {
        let after = self.answers.partition_point(|answer_ns| *answer_ns <= first_ns);
        self.answers.get(after).is_some_and(|answer_ns| *answer_ns < last_ns)
    }

    /// The one of `others` that answered within a second of most of the failures.
    pub(super) fn taken_over_by(&self, others: &Answers) -> Option<SocketAddr> {
        let mut votes: BTreeMap<SocketAddr, usize> = BTreeMap::new();
        let hanging = self.hanging.iter().map(|opened_ns| (*opened_ns, *opened_ns));
        for (opened_ns, ended_ns) in self.failures.iter().copied().chain(hanging) {
            let mut beside: Vec<_> =
                near(opened_ns, others).chain(near(ended_ns, others)).map(|(_, at)| *at).collect();
            beside.sort_unstable();
            beside.dedup();
            for at in beside {
                *votes.entry(at).or_default() += 1;
            }
        }
        let (at, most) = votes.into_iter().max_by_key(|(at, votes)| (*votes, *at))?;
        (most.saturating_mul(2) > self.failures.len() + self.hanging.len()).then_some(at)
    }
}

fn near(at_ns: u64, answers: &Answers) -> impl Iterator<Item = &(u64, SocketAddr)> {
    let from_ns = at_ns.saturating_sub(BESIDE_NS);
    let first = answers.partition_point(|(answer_ns, _)| *answer_ns < from_ns);
    let until_ns = at_ns.saturating_add(BESIDE_NS);
    answers[first..].iter().take_while(move |(answer_ns, _)| *answer_ns <= until_ns).take(LOOKED_AT)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aggregate::support::SECOND;

    fn at(text: &str) -> SocketAddr {
        text.parse().unwrap_or_else(|_| SocketAddr::from(([0, 0, 0, 0], 0)))
    }

    fn failed(moments: impl Iterator<Item = u64>) -> Dials {
        Dials { failures: moments.map(|at_ns| (at_ns, at_ns + 1)).collect(), ..Dials::default() }
    }

    #[test]
    fn an_address_that_answers_beside_most_failures_takes_over() {
        let dials = failed((0..10).map(|n| n * 10 * SECOND));
        let beside = |count: u64| (0..count).map(|n| (n * 10 * SECOND + 300, at("[::1]:80")));
        assert_eq!(dials.taken_over_by(&beside(6).collect()), Some(at("[::1]:80")));
        assert_eq!(dials.taken_over_by(&beside(5).collect()), None, "half is not most");
    }

    #[test]
    fn addresses_that_answer_each_for_a_few_do_not() {
        let dials = failed((0..10).map(|n| n * 10 * SECOND));
        let each = |n: u64| (n * 10 * SECOND, at(&format!("[::{n}]:80")));
        assert_eq!(dials.taken_over_by(&(0..10).map(each).collect()), None);
    }

    #[test]
    fn what_is_remembered_is_bounded_and_the_last_answer_exact() {
        let mut dials = Dials::default();
        dials.answer((0..10_000).map(|n| n * SECOND / 10));
        assert!(dials.answers.len() <= ANSWERS);
        assert!(dials.is_answered_since(998 * SECOND) && !dials.is_answered_since(1_000 * SECOND));
        assert!(dials.is_answered_between((990 * SECOND, 995 * SECOND)));
    }
}
