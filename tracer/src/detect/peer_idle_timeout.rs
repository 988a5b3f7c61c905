//! `peer-idle-timeout`: the peer closes idle connections that the client then needs again.
//!
//! Signature: half or more of the ended connections that had carried something got the peer's FIN
//! after the same time of idleness, at several moments, and the process dialled again before as
//! much time had passed once more. Thresholds: `peer-idle-timeout.*`.
//!
//! Healthy look-alikes that must stay silent: a pool that ages out (no redial); a poller that comes
//! back much later; a server that restarts (one moment, idle times that differ); a single long
//! pause; a server that ends a long poll (a request is outstanding); spares that never carried
//! anything.
//!
//! A request written at the moment of the peer's FIN is lost: that race is `stale-reuse`, which is
//! listed under this finding.

use super::ends::{is_farewell_likely, is_peer_close, was_waiting_at_fin};
use super::idle_timeout::{IdleTimeouts, Rules, Timer};
use super::interval::Interval;
use super::view::{human, share};
use super::{Code, Confidence, Detector, Finding, Severity, Thresholds, View};
use crate::connection::{Close, Connection};

/// Memory of one key.
#[derive(Clone, Debug, Default)]
pub(super) struct PeerIdleTimeout(IdleTimeouts);

/// Whether the peer closed it with nothing outstanding. What we wrote after its FIN came too late.
fn is_timed_out(connection: &Connection, close: &Close) -> bool {
    is_peer_close(close)
        && !was_waiting_at_fin(connection, close)
        && !is_farewell_likely(connection.destination())
}

const fn rules(thresholds: &Thresholds) -> Rules {
    Rules {
        min_idle_s: thresholds.peer_idle_min_idle_s,
        max_spread: thresholds.peer_idle_max_spread,
        min_connections: thresholds.peer_idle_min_connections,
        min_share: thresholds.peer_idle_min_share,
        min_moments: thresholds.peer_idle_min_moments,
        max_redial: thresholds.peer_idle_max_redial,
    }
}

impl Detector for PeerIdleTimeout {
    fn observe(&mut self, slice: &Interval<'_>, thresholds: &Thresholds) {
        self.0.observe(slice, (rules(thresholds), thresholds), is_timed_out);
    }

    fn merge(&mut self, other: &Self) {
        self.0.merge(&other.0);
    }

    fn judge(&self, view: &View<'_>) -> Option<Finding> {
        let timer = self.0.timer(rules(view.thresholds)).filter(|_| view.is_one_client())?;
        Some(self.finding(view, timer))
    }
}

impl PeerIdleTimeout {
    fn finding(&self, view: &View<'_>, timer: Timer) -> Finding {
        let (thresholds, sample, carried) = (view.thresholds, &self.0.sample, self.0.carried);
        let interval_s = sample.interval_s().unwrap_or(f64::INFINITY);
        let is_frequent = interval_s <= thresholds.peer_idle_warn_interval_s;
        let severity = if is_frequent { Severity::Warn } else { Severity::Info };
        let (code, enough) = (Code::PeerIdleTimeout, thresholds.peer_idle_min_connections);
        let mut finding = view.finding(code, severity, sample, enough);
        let (idle_s, low_s, high_s) = timer.idle.seconds();
        let count = sample.connections;
        finding.summary = format!(
            "{} closes connections that lie idle for {}, and {} needs them again {} later: {count} \
             of {carried} ended so (medians).",
            view.destination(),
            human(idle_s),
            view.who(),
            human(timer.redial_s),
        );
        finding.measure("idle_median_s", idle_s);
        finding.measure("idle_p10_s", low_s);
        finding.measure("idle_p90_s", high_s);
        finding.measure("median_redial_gap_s", timer.redial_s);
        finding.count("connections", count);
        finding.measure("timed_out_share", share(count, carried));
        finding.measure("connections_per_s", view.per_second(count));
        finding.measure("reuse_ratio", view.totals.reuse_ratio());
        finding.rule_out(format!(
            "it is no restart: it happened at {} or more moments, after the same idle time each",
            self.0.moments.len()
        ));
        finding.rule_out(format!(
            "it is no pool that ages out: half or more were dialled again within {}",
            human(timer.redial_s)
        ));
        finding.rule_out("the client did not close first: the server's FIN came first each time");
        if timer.may_be_work {
            let why = "each carried one request: a server that closes each, but only that long \
                       after its answer, looks the same";
            finding.doubt(Confidence::Medium, why);
        }
        finding
    }
}

#[cfg(test)]
mod tests;
