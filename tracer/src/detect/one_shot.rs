//! `one-shot`: a client dials, makes one request, closes right after the answer, and dials again.
//!
//! Signature: most ended connections that carried an exchange carried one (handshake and login
//! discounted), were closed first by us (not by the process's exit) within a tenth of a second of the
//! last data, and the same process dialled the same destination again within half a second, mostly.
//! Thresholds: `one-shot.*`.
//!
//! Healthy look-alikes that must stay silent: a poller or health check (dials again a second later
//! or slower); a burst that ends (no redial); a pool that is used (more exchanges); a pool that
//! closes idle connections (idle before close); a server or proxy that closes each (`peer_close`,
//! not ours); short-lived processes (`exit:*`, or a finding of their own).

use super::ends::{is_farewell_likely, is_goodbye, is_own_close, with_goodbyes};
use super::interval::Interval;
use super::redials::{Redials, closes};
use super::sample::Sample;
use super::view::{human, share};
use super::{Code, Confidence, Detector, Finding, Severity, Thresholds, View, handshake};
use crate::aggregate::Distribution;
use crate::connection::{Basis, Close, Connection, Initiator, seconds};

/// Memory of one key.
#[derive(Clone, Debug, Default)]
pub(super) struct OneShot {
    /// Ended, seen whole, carried an exchange.
    carried: u64,
    /// Of them: the peer's FIN or RST came first.
    by_peer: u64,
    /// Of them: ended with the process.
    by_exit: u64,
    /// Of them: one-shot, closed by us.
    sample: Sample,
    /// Of them: one-shot, closed by the peer as we said goodbye.
    goodbyes: Sample,
    redials: Redials,
    idle: Distribution,
    connect_ns: u64,
    is_bound: bool,
}

/// Whether the end of the process ended it.
pub(super) fn is_exit(close: &Close) -> bool {
    close.how.as_deref().is_some_and(|how| how.starts_with("exit:"))
}

impl OneShot {
    fn ended(&mut self, connection: &Connection, close: &Close, thresholds: &Thresholds) -> bool {
        // Exchanges before our time are not counted, so one we saw in part proves nothing.
        if !connection.start_known() || connection.exchanges == 0 {
            return false;
        }
        self.carried += 1;
        self.by_exit += u64::from(is_exit(close));
        let destination = connection.destination();
        let is_one = handshake::is_one_request(destination, connection.exchanges, thresholds);
        let idle_s = close.idle_s.filter(|idle_s| *idle_s <= thresholds.one_shot_max_idle_s);
        let idle_s = idle_s.filter(|_| is_one);
        let is_goodbye = idle_s.is_some() && is_goodbye(connection, close);
        let is_by_peer = close.initiator == Initiator::Peer || close.after_peer_fin;
        self.by_peer += u64::from(is_by_peer && !is_goodbye);
        let Some(idle_s) = idle_s.filter(|_| is_goodbye || is_own_close(close)) else {
            return false;
        };
        let sample = if is_goodbye { &mut self.goodbyes } else { &mut self.sample };
        sample.add(close.at_ns, connection);
        self.idle.record_seconds(idle_s);
        if let (Some(opened_ns), Some(established_ns)) =
            (connection.opened_ns, connection.established_ns)
        {
            let connect_ns = established_ns.saturating_sub(opened_ns);
            self.connect_ns = self.connect_ns.saturating_add(connect_ns);
        }
        self.is_bound |= connection.exchanges_basis == Basis::Bound;
        true
    }
}

/// The kernel keeps the time of the last data in clock ticks.
fn after(idle_s: f64) -> String {
    if idle_s == 0.0 { "within a clock tick of".into() } else { format!("{} after", human(idle_s)) }
}

impl Detector for OneShot {
    fn observe(&mut self, slice: &Interval<'_>, thresholds: &Thresholds) {
        let closes = closes(slice, |connection, close| self.ended(connection, close, thresholds));
        let dials = (&slice.before.dials, slice.dials.as_slice());
        self.redials.observe(&closes, dials, thresholds.one_shot_max_redial_s);
    }

    fn merge(&mut self, other: &Self) {
        self.carried += other.carried;
        self.by_peer += other.by_peer;
        self.by_exit += other.by_exit;
        self.sample.merge(&other.sample);
        self.goodbyes.merge(&other.goodbyes);
        self.redials.merge(&other.redials);
        self.idle.merge(&other.idle);
        self.connect_ns = self.connect_ns.saturating_add(other.connect_ns);
        self.is_bound |= other.is_bound;
    }

    fn judge(&self, view: &View<'_>) -> Option<Finding> {
        let (thresholds, count) =
            (view.thresholds, with_goodbyes(&self.sample, &self.goodbyes).connections);
        let one_shot = view.is_one_client()
            && count >= thresholds.one_shot_min_connections.max(1)
            && share(count, self.carried) >= thresholds.one_shot_min_share
            && count >= view.totals.peak.saturating_mul(thresholds.one_shot_min_turnover)
            // The median, where a close without a redial counts as infinitely slow.
            && self.redials.quick.saturating_mul(2) >= count;
        one_shot.then(|| self.finding(view))
    }
}

impl OneShot {
    fn finding(&self, view: &View<'_>) -> Finding {
        let found = with_goodbyes(&self.sample, &self.goodbyes);
        let (thresholds, count) = (view.thresholds, found.connections);
        let (code, enough) = (Code::OneShot, thresholds.one_shot_min_connections);
        let is_farewell = view.key.destination.is_some_and(is_farewell_likely);
        let is_frequent = found
            .interval_s()
            .is_some_and(|interval_s| interval_s <= thresholds.one_shot_warn_interval_s);
        let severity = if is_frequent && !is_farewell { Severity::Warn } else { Severity::Info };
        let mut finding = view.finding(code, severity, &found, enough);
        let idle_s = self.idle.quantile_seconds(0.5);
        let gap_s = self.redials.gaps.quantile_seconds(0.5);
        let discounted = view.key.destination.and_then(|at| handshake::doubt(at, thresholds));
        let unit = if discounted.is_some() { "request" } else { "exchange" };
        finding.summary = format!(
            "{} closes its connections to {} after one {unit} and dials again: {count} of {} in \
             {:.1} s, closed {} the answer, redialled {} later (medians).",
            view.who(),
            view.destination(),
            self.carried,
            view.window_s(),
            idle_s.map_or_else(|| "some time after".into(), after),
            gap_s.map_or_else(|| "?".into(), human),
        );
        finding.count("connections", count);
        finding.measure("one_exchange_share", share(count, self.carried));
        finding.measure("median_idle_before_close_s", idle_s);
        finding.measure("median_redial_gap_s", gap_s);
        finding.count("redials_in_time", self.redials.quick);
        finding.measure("connections_per_s", view.per_second(count));
        finding.count("exchanges", view.totals.exchanges);
        finding.measure("reuse_ratio", view.totals.reuse_ratio());
        finding.measure("handshakes_s", seconds(0, self.connect_ns));
        finding.rule_out(format!(
            "the server did not close first: {} of {} ended by the peer's FIN or reset",
            self.by_peer, self.carried
        ));
        finding.rule_out(format!(
            "the process did not end: {} of {} ended with it",
            self.by_exit, self.carried
        ));
        finding.rule_out(format!(
            "it is no idle timeout of a pool: closed within {} of the last data",
            human(thresholds.one_shot_max_idle_s)
        ));
        finding.rule_out(format!(
            "it is no slow poller: {} of {count} were redialled within {}",
            self.redials.quick,
            human(thresholds.one_shot_max_redial_s)
        ));
        finding.rule_out(format!(
            "it is no burst: at most {} were open at one time, a pool of that size would have done",
            view.totals.peak
        ));
        view.settle(&mut finding);
        if is_farewell {
            let why = "mail and file transfer make a connection for each piece of work";
            finding.doubt(Confidence::Medium, why);
        }
        if self.by_peer > 0 {
            let why = "some were closed by the server: a client that obeys its `Connection: close` \
                       and closes first looks the same";
            finding.doubt(Confidence::Medium, why);
        }
        if self.is_bound {
            let why = "exchanges are an upper bound from segment counts, not counted at each read";
            finding.doubt(Confidence::Medium, why);
        }
        if let Some(why) = discounted {
            finding.doubt(Confidence::Medium, why);
        }
        finding
    }
}

#[cfg(test)]
mod tests;
