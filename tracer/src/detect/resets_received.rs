//! `resets-received`: the peer, or something on the way, resets a client's connections.
//!
//! Signature: five or more connections, a tenth or more of those that ended, ended by a reset while
//! they were established (no FIN before it, not a refused dial). How bad it is follows from what was
//! outstanding: a request that waited for its answer has failed; an error takes a thousandth of the
//! requests. A reset that answers the first write
//! after a long silence comes from a firewall, NAT or balancer that has forgotten the connection, or
//! from a peer that lost it. Thresholds: `resets-received.*`.
//!
//! Healthy look-alikes: a restart or failover of the peer (all within a second): silent if nothing
//! was outstanding, else information; over some seconds and long ago, with answers since:
//! information too. The server role is left out: clients, health checks of
//! balancers and closed browser tabs reset all the time, and nothing here can change that. Resets
//! after our own close are left out too.

use super::interval::Interval;
use super::sample::Sample;
use super::silence::Silence;
use super::view::{human, share};
use super::{Code, Confidence, Detector, Finding, Severity, Thresholds, View, handshake};
use crate::aggregate::{Distribution, Who};
use crate::connection::{Close, CloseCause, Connection, Role, seconds};

const ADVICE_IDLE: &str = "Something on the way, or the peer, had forgotten the idle connection: \
    compare the silence before with the idle timeouts of firewalls, NAT (conntrack), balancers and \
    the peer. Let the client close idle connections sooner than that, or keep them alive (TCP \
    keepalive with an interval below it), and retry a request that failed on a reused connection.";

/// What the reset met.
#[derive(Clone, Debug, Default)]
struct Met {
    /// A request without an answer.
    outstanding: u64,
    /// Of them: the request had been written after a long silence.
    after_silence: u64,
    /// Nothing was outstanding, and data had come or gone just before.
    in_use: u64,
}

/// Memory of one key.
#[derive(Clone, Debug, Default)]
pub(super) struct ResetsReceived {
    /// Ended after they were established.
    ended: u64,
    sample: Sample,
    met: Met,
    silences: Distribution,
    ages: Distribution,
    exchanges: u64,
    /// The last data of a connection that had its answer and was not reset.
    answered_ns: Option<u64>,
}

/// When a connection that is in order had its last answer.
fn answered_ns(connection: &Connection) -> Option<u64> {
    let is_reset = connection.close().is_some_and(|close| close.cause == CloseCause::ResetByPeer);
    let is_answered = connection.exchanges > 0 && !connection.unanswered && !is_reset;
    connection.last_data_ns.filter(|_| is_answered && connection.role != Some(Role::Server))
}

impl ResetsReceived {
    fn reset(
        &mut self,
        connection: &Connection,
        close: &Close,
        (silence, thresholds): (&Silence, &Thresholds),
    ) {
        /// Longer than any answer pauses.
        const IN_USE_S: f64 = 1.0;
        self.sample.add(close.at_ns, connection);
        self.exchanges = self.exchanges.saturating_add(u64::from(connection.exchanges));
        if let Some(age_s) = connection.duration_s() {
            self.ages.record_seconds(age_s);
        }
        let silent_s = silence.silent_s(connection, close);
        if let Some(silent_s) = silent_s {
            self.silences.record_seconds(silent_s);
        }
        if connection.unanswered {
            self.met.outstanding += 1;
            let is_long = silent_s.is_some_and(|s| s >= thresholds.resets_long_idle_s);
            self.met.after_silence += u64::from(is_long);
        } else {
            self.met.in_use += u64::from(silent_s.is_some_and(|silent_s| silent_s < IN_USE_S));
        }
    }
}

impl Detector for ResetsReceived {
    fn observe(&mut self, slice: &Interval<'_>, thresholds: &Thresholds) {
        for connection in slice.ended.iter().filter(|c| c.role != Some(Role::Server)) {
            let Some(close) = connection.close() else { continue };
            self.ended += u64::from(!close.cause.is_failed_dial());
            if close.cause == CloseCause::ResetByPeer {
                self.reset(connection, close, (&slice.before.silence, thresholds));
            }
        }
        self.answered_ns = self.answered_ns.max(slice.all().filter_map(answered_ns).max());
    }

    fn merge(&mut self, other: &Self) {
        self.ended += other.ended;
        self.sample.merge(&other.sample);
        self.met.outstanding += other.met.outstanding;
        self.met.after_silence += other.met.after_silence;
        self.met.in_use += other.met.in_use;
        self.silences.merge(&other.silences);
        self.ages.merge(&other.ages);
        self.exchanges = self.exchanges.saturating_add(other.exchanges);
        self.answered_ns = self.answered_ns.max(other.answered_ns);
    }

    fn judge(&self, view: &View<'_>) -> Option<Finding> {
        let (thresholds, count) = (view.thresholds, self.sample.connections);
        let found = count >= thresholds.resets_min_connections.max(1)
            && share(count, self.ended) >= thresholds.resets_min_share
            && (!self.is_blip(view) || self.met.outstanding > 0);
        found.then(|| self.finding(view))
    }
}

impl ResetsReceived {
    fn is_blip(&self, view: &View<'_>) -> bool {
        let (first_ns, last_ns) = self.sample.span_ns();
        seconds(first_ns, last_ns) < view.thresholds.resets_blip_s
    }

    /// Whether answers came after the last of them.
    fn works_again(&self) -> bool {
        self.answered_ns.is_some_and(|at_ns| at_ns > self.sample.span_ns().1)
    }

    /// Requests that failed, of all: those that had an answer and those that a reset met.
    fn failed_share(&self, view: &View<'_>) -> f64 {
        let failed = self.met.outstanding;
        share(failed, view.exchanges().saturating_add(failed))
    }

    /// Whether most met a request that had been written after a long silence.
    const fn is_forgotten(&self) -> bool {
        self.met.after_silence.saturating_mul(2) > self.sample.connections
    }

    fn severity(&self, view: &View<'_>) -> Severity {
        let is_rare = self.failed_share(view) < view.thresholds.resets_min_request_share;
        match self.met.outstanding {
            _ if self.is_blip(view) => Severity::Info,
            0 => Severity::Info,
            _ if is_rare && !self.is_forgotten() => Severity::Info,
            some if !is_rare && some >= view.thresholds.resets_min_connections => Severity::Error,
            _ => Severity::Warn,
        }
    }

    fn finding(&self, view: &View<'_>) -> Finding {
        let (count, outstanding) = (self.sample.connections, self.met.outstanding);
        let enough = view.thresholds.resets_min_connections;
        let (code, severity) = (Code::ResetsReceived, self.severity(view));
        let mut finding = view.finding(code, severity, &self.sample, enough);
        let is_forgotten = self.is_forgotten();
        let harm = if outstanding == 0 {
            "none of them waited for an answer".to_owned()
        } else {
            format!("{outstanding} of them waited for an answer: those requests failed")
        };
        let origin = if is_forgotten {
            let silence = self.silences.quantile_seconds(0.5).map_or_else(String::new, human);
            format!(
                "; {} were answered so at the first write after a long silence ({silence}, \
                 median): something on the way, or the peer, had forgotten the connection",
                self.met.after_silence
            )
        } else {
            String::new()
        };
        finding.summary = format!(
            "Connections of {} to {} are reset by the other end: {count} of {} that ended; {harm}\
             {origin}.",
            view.who(),
            view.destination(),
            self.ended,
        );
        if is_forgotten {
            finding.advice = ADVICE_IDLE.into();
        }
        finding.count("resets", count);
        finding.count("requests_failed", outstanding);
        finding.measure("failed_share", (outstanding > 0).then(|| self.failed_share(view)));
        finding.measure("resets_share", share(count, self.ended));
        finding.measure("median_idle_before_s", self.silences.quantile_seconds(0.5));
        finding.count("after_long_silence", self.met.after_silence);
        finding.count("in_use", self.met.in_use);
        finding.measure("median_age_s", self.ages.quantile_seconds(0.5));
        finding.measure("exchanges_per_connection", share(self.exchanges, count));
        finding.measure("resets_per_s", view.per_second(count));
        finding.rule_out("we had not closed them: resets after our own close are not counted");
        finding.rule_out("the peer had not closed them with a FIN before: they were established");
        let is_over = self.works_again() && view.settle(&mut finding);
        self.doubts(view, is_over, &mut finding);
        finding
    }

    fn doubts(&self, view: &View<'_>, is_over: bool, finding: &mut Finding) {
        let (first_ns, last_ns) = self.sample.span_ns();
        let span = human(seconds(first_ns, last_ns));
        if self.is_blip(view) || is_over {
            let why =
                format!("all came within {span}: a restart or failover of the peer does that");
            finding.doubt(Confidence::Medium, why);
        } else {
            finding.rule_out(format!("it is no single restart: they came over {span}"));
        }
        if self.met.outstanding > 0 && view.key.destination.is_some_and(handshake::may_be_tls) {
            let why = "the port means TLS: what waited for an answer may be no request";
            finding.doubt(Confidence::Medium, why);
        }
        if self.met.in_use > 0 {
            let why = format!("{} were in use: an answer may have been cut off", self.met.in_use);
            finding.doubt(Confidence::Medium, why);
        }
        if view.key.role.is_none() {
            let why = "the connections were there before the observation: whether this is the \
                       client is not known";
            finding.doubt(Confidence::Medium, why);
        }
        if view.key.who == Who::Unknown {
            finding.doubt(Confidence::Medium, "the process is not known");
        }
    }
}

#[cfg(test)]
mod tests;
