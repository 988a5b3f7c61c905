//! `hoard`: a client goes on dialling while its idle connections to the same destination pile up.
//!
//! Signature: in the live snapshot at least ten established connections, used for one request
//! (handshake and login discounted), idle for a second or more and never used again; opened over
//! several seconds; growing at several moments; most of what is open; and dials still going on.
//! Thresholds: `hoard.*`.
//!
//! Healthy look-alikes that must stay silent: a pool that warms up, a burst, a pool made up front,
//! a connection per thread (all of them stop dialling or opened at once); a pool in use (its
//! connections carry more exchanges). Connections that never carried an exchange do not count:
//! speculative dials, spares of a pool and protocols where the server speaks first look like that,
//! and no answered request shows that one was there to be reused.

use super::growth::Growth;
use super::interval::Interval;
use super::sample::Sample;
use super::view::{human, share};
use super::{Code, Confidence, Detector, Finding, Severity, Thresholds, View, handshake};
use crate::connection::{Connection, OpenCause, Phase, Role, TcpState, seconds};

/// Memory of one key.
#[derive(Clone, Debug, Default)]
pub(super) struct Hoard {
    /// Hoarded connections of the last tick, by when they were opened.
    sample: Sample,
    growth: Growth,
    established: u64,
    last_dial_ns: u64,
    /// Dials made although a connection certainly was idle.
    needless: u64,
}

/// Whether it certainly sits idle, used once. Where the kernel could not be asked whether a request
/// is outstanding, `last_data_ns` is unknown, and it does not count.
fn is_hoarded(connection: &Connection, now_ns: u64, thresholds: &Thresholds) -> bool {
    let idle_s = connection.last_data_ns.map(|data_ns| seconds(data_ns, now_ns));
    connection.role == Some(Role::Client)
        && connection.start_known()
        && is_established(connection)
        && !connection.unanswered
        && idle_s.is_some_and(|idle_s| idle_s >= thresholds.hoard_min_idle_s)
        && handshake::is_one_request(connection.destination(), connection.exchanges, thresholds)
}

const fn is_established(connection: &Connection) -> bool {
    matches!(connection.phase, Phase::Open { state: TcpState::Established, .. })
}

impl Detector for Hoard {
    fn observe(&mut self, slice: &Interval<'_>, thresholds: &Thresholds) {
        let dials = slice.opened().filter(|(_, c)| c.role == Some(Role::Client));
        for (opened_ns, connection) in dials {
            self.last_dial_ns = self.last_dial_ns.max(opened_ns);
            self.needless += u64::from(connection.open_cause == OpenCause::IdleAvailable);
        }
        self.sample = Sample::default();
        for connection in slice.live.iter().filter(|c| is_hoarded(c, slice.now_ns, thresholds)) {
            self.sample.add(connection.opened_ns.unwrap_or(slice.start_ns), connection);
        }
        self.established = slice.live.iter().filter(|c| is_established(c)).count() as u64;
        self.growth.observe(self.sample.connections, slice.is_first(), slice.now_ns);
    }

    /// Of another part of the same process: what was there before the observation is counted apart as
    /// long as its control group is not known. Several processes together are not judged.
    fn merge(&mut self, other: &Self) {
        self.sample.merge(&other.sample);
        self.growth.merge(&other.growth);
        self.established += other.established;
        self.last_dial_ns = self.last_dial_ns.max(other.last_dial_ns);
        self.needless += other.needless;
    }

    fn judge(&self, view: &View<'_>) -> Option<Finding> {
        let (thresholds, count) = (view.thresholds, self.sample.connections);
        let (first_ns, last_ns) = self.sample.span_ns();
        let found = view.is_one_client()
            && count >= thresholds.hoard_min_connections.max(1)
            && seconds(first_ns, last_ns) >= thresholds.hoard_min_span_s
            && self.growth.rises >= thresholds.hoard_min_rises
            && self.growth.grown() >= thresholds.hoard_min_growth
            && share(count, self.established) >= thresholds.hoard_min_share
            && view.is_recent(self.last_dial_ns, thresholds.hoard_recent_s);
        found.then(|| self.finding(view))
    }
}

impl Hoard {
    fn finding(&self, view: &View<'_>) -> Finding {
        let (thresholds, count) = (view.thresholds, self.sample.connections);
        let (first_ns, last_ns) = self.sample.span_ns();
        let (code, enough) = (Code::Hoard, thresholds.hoard_min_connections);
        let mut finding = view.finding(code, Severity::Warn, &self.sample, enough);
        finding.summary = format!(
            "{} keeps dialling {} while {count} idle connections to it, each used once and not \
             closed, pile up ({} more than at the start, {} dials made while some were idle).",
            view.who(),
            view.destination(),
            self.growth.grown(),
            self.needless,
        );
        finding.count("idle_connections", count);
        finding.count("established", self.established);
        finding.count("at_start", self.growth.baseline);
        finding.measure("growth_per_s", view.per_second(self.growth.grown()));
        finding.count("dials_while_idle", self.needless);
        finding.measure("opened_over_s", seconds(first_ns, last_ns));
        finding.measure("last_dial_ago_s", seconds(self.last_dial_ns, view.now_ns));
        finding.rule_out(format!(
            "it is no warm-up or burst: they were opened over {} and the last dial is {} ago",
            human(seconds(first_ns, last_ns)),
            human(seconds(self.last_dial_ns, view.now_ns)),
        ));
        finding.rule_out(format!(
            "it is no pool in use: {count} of {} established connections were used once only",
            self.established
        ));
        let why = "connections that only receive after one request (event streams, \
                   subscriptions, WebSockets, sessions of a proxy) look the same";
        finding.doubt(Confidence::Medium, why);
        let discounted = view.key.destination.and_then(|at| handshake::doubt(at, view.thresholds));
        if let Some(why) = discounted {
            finding.doubt(Confidence::Medium, why);
        }
        finding
    }
}

#[cfg(test)]
mod tests;
