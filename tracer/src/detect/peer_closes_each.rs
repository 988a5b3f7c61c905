//! `peer-closes-each`: the peer closes after each answer, and the client dials again.
//!
//! Signature: most ended connections that carried an exchange carried one (a TLS handshake
//! discounted) and were closed within a tenth of a second of the last data and two seconds of the
//! dial, half or more of all by the peer's FIN (a client that is told to close may be faster now and
//! then); and the same process dialled the same destination again within half a second, mostly.
//! Thresholds: `peer-closes-each.*`.
//!
//! Healthy look-alikes that must stay silent: a poller or health check; a burst that ends; a server
//! that restarts, fails over or drains (many connections at one moment, no more than were open); an
//! idle timeout (idle before the FIN; with a TLS farewell only the age tells); long polling, where
//! a dial costs little beside the wait; mail and file transfer, where the client asks for the end.
//! That the client asked for it with a header cannot be seen, so the confidence is never high.

use super::ends::{
    is_farewell_likely, is_own_close, is_peer_close, is_waiting, was_waiting_at_fin,
};
use super::interval::Interval;
use super::redials::{Redials, closes};
use super::sample::Sample;
use super::view::{human, share};
use super::{Code, Confidence, Detector, Finding, Severity, Thresholds, View, handshake};
use crate::aggregate::Distribution;
use crate::connection::{Basis, Close, Connection, seconds};

/// Memory of one key.
#[derive(Clone, Debug, Default)]
pub(super) struct PeerClosesEach {
    /// Ended, seen whole, carried an exchange.
    carried: u64,
    /// Of them: we closed first.
    by_us: u64,
    /// Of them: closed after one request, by us or so that it cannot be told.
    shared: u64,
    /// Of them: closed by the peer after one request.
    sample: Sample,
    redials: Redials,
    idle: Distribution,
    connect_ns: u64,
    is_bound: bool,
}

/// Whether it was closed right after its first answer.
fn is_closed_each(connection: &Connection, close: &Close, thresholds: &Thresholds) -> bool {
    let destination = connection.destination();
    let within = |value_s: Option<f64>, most_s| value_s.is_some_and(|value_s| value_s <= most_s);
    (is_peer_close(close) || is_own_close(close))
        && !is_waiting(connection)
        && !is_farewell_likely(destination)
        && handshake::is_one_request(destination, connection.exchanges, thresholds)
        && within(close.idle_s, thresholds.peer_each_max_idle_s)
        && within(connection.duration_s(), thresholds.peer_each_max_age_s)
}

impl PeerClosesEach {
    fn ended(&mut self, connection: &Connection, close: &Close, thresholds: &Thresholds) -> bool {
        if !connection.start_known() || connection.exchanges == 0 {
            return false;
        }
        self.carried += 1;
        self.by_us += u64::from(is_own_close(close));
        if !is_closed_each(connection, close, thresholds) {
            return false;
        }
        // A client that is told `Connection: close` closes too, and may be faster; its TLS farewell
        // may cross the FIN.
        if !is_peer_close(close) || was_waiting_at_fin(connection, close) {
            self.shared += 1;
            return false;
        }
        self.sample.add(close.at_ns, connection);
        self.idle.record_seconds(close.idle_s.unwrap_or_default());
        let (opened_ns, established_ns) = (connection.opened_ns, connection.established_ns);
        if let (Some(opened_ns), Some(established_ns)) = (opened_ns, established_ns) {
            let connect_ns = established_ns.saturating_sub(opened_ns);
            self.connect_ns = self.connect_ns.saturating_add(connect_ns);
        }
        self.is_bound |= connection.exchanges_basis == Basis::Bound;
        true
    }
}

impl Detector for PeerClosesEach {
    fn observe(&mut self, slice: &Interval<'_>, thresholds: &Thresholds) {
        let closes = closes(slice, |connection, close| self.ended(connection, close, thresholds));
        let dials = (&slice.before.dials, slice.dials.as_slice());
        self.redials.observe(&closes, dials, thresholds.peer_each_max_redial_s);
    }

    fn merge(&mut self, other: &Self) {
        self.carried += other.carried;
        self.by_us += other.by_us;
        self.shared += other.shared;
        self.sample.merge(&other.sample);
        self.redials.merge(&other.redials);
        self.idle.merge(&other.idle);
        self.connect_ns = self.connect_ns.saturating_add(other.connect_ns);
        self.is_bound |= other.is_bound;
    }

    fn judge(&self, view: &View<'_>) -> Option<Finding> {
        let (thresholds, count) = (view.thresholds, self.sample.connections);
        let found = view.is_one_client()
            && count >= thresholds.peer_each_min_connections.max(1)
            && share(count + self.shared, self.carried) >= thresholds.peer_each_min_share
            && count.saturating_mul(2) >= self.carried
            && count >= view.totals.peak.saturating_mul(thresholds.peer_each_min_turnover)
            // The median, where a close without a redial counts as infinitely slow.
            && self.redials.quick.saturating_mul(2) >= count;
        found.then(|| self.finding(view))
    }
}

impl PeerClosesEach {
    fn finding(&self, view: &View<'_>) -> Finding {
        let (thresholds, count) = (view.thresholds, self.sample.connections);
        let is_frequent = self
            .sample
            .interval_s()
            .is_some_and(|interval_s| interval_s <= thresholds.peer_each_warn_interval_s);
        let severity = if is_frequent { Severity::Warn } else { Severity::Info };
        let (code, enough) = (Code::PeerClosesEach, thresholds.peer_each_min_connections);
        let mut finding = view.finding(code, severity, &self.sample, enough);
        let gap_s = self.redials.median_s(count);
        finding.summary = format!(
            "{} closes each connection after one answer, so {} has to dial for each request: \
             {count} of {} ended by the server's FIN, redialled {} later (median).",
            view.destination(),
            view.who(),
            self.carried,
            gap_s.map_or_else(|| "?".into(), human),
        );
        finding.count("connections", count);
        finding.measure("closed_by_peer_share", share(count, self.carried));
        finding.measure("median_idle_before_fin_s", self.idle.quantile_seconds(0.5));
        finding.measure("median_redial_gap_s", gap_s);
        finding.count("redials_in_time", self.redials.quick);
        finding.measure("connections_per_s", view.per_second(count));
        finding.count("exchanges", view.totals.exchanges);
        finding.measure("reuse_ratio", view.totals.reuse_ratio());
        finding.measure("handshakes_s", seconds(0, self.connect_ns));
        finding.rule_out(format!(
            "the client did not close first, mostly: {} of {} ended by its call",
            self.by_us, self.carried
        ));
        finding.rule_out(format!(
            "it is no idle timeout: the FIN came within {} of the last data and {} of the dial",
            human(thresholds.peer_each_max_idle_s),
            human(thresholds.peer_each_max_age_s)
        ));
        finding.rule_out(format!(
            "it is no restart or burst: at most {} were open at one time",
            view.totals.peak
        ));
        view.settle(&mut finding);
        let why = "whether the client asked for it (`Connection: close`, HTTP/1.0) cannot be seen";
        finding.doubt(Confidence::Medium, why);
        if self.is_bound {
            let why = "exchanges are an upper bound from segment counts, not counted at each read";
            finding.doubt(Confidence::Medium, why);
        }
        if let Some(why) = view.key.destination.and_then(|at| handshake::doubt(at, view.thresholds))
        {
            finding.doubt(Confidence::Medium, why);
        }
        finding
    }
}

#[cfg(test)]
mod tests;
