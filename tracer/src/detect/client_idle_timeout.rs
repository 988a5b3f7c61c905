//! `client-idle-timeout`: a client closes its idle connections, and needs them again soon after.
//!
//! Signature: half or more of the ended connections that had carried something were closed by us
//! (not by the process's exit) after the same time of idleness, less than a minute, at several
//! moments, and the process dialled again before as much time had passed once more. Thresholds:
//! `client-idle-timeout.*`.
//!
//! Healthy look-alikes that must stay silent: a poller that closes and comes back much later; a pool
//! that shrinks and stays small; an idle timeout or maximum lifetime of minutes (a database pool
//! that refills); a single long pause; a request that was given up (outstanding); a connection
//! closed right after its answer (`one-shot`, `client-recycles`).

use super::ends::{is_own_close, is_waiting};
use super::idle_timeout::{IdleTimeouts, Rules, Timer};
use super::interval::Interval;
use super::view::{human, share};
use super::{Code, Confidence, Detector, Finding, Severity, Thresholds, View};
use crate::connection::{Close, Connection};

/// Memory of one key.
#[derive(Clone, Debug, Default)]
pub(super) struct ClientIdleTimeout(IdleTimeouts);

fn is_timed_out(connection: &Connection, close: &Close) -> bool {
    is_own_close(close) && !is_waiting(connection)
}

const fn rules(thresholds: &Thresholds) -> Rules {
    Rules {
        min_idle_s: thresholds.client_idle_min_idle_s,
        max_spread: thresholds.client_idle_max_spread,
        min_connections: thresholds.client_idle_min_connections,
        min_share: thresholds.client_idle_min_share,
        min_moments: thresholds.client_idle_min_moments,
        max_redial: thresholds.client_idle_max_redial,
    }
}

impl Detector for ClientIdleTimeout {
    fn observe(&mut self, slice: &Interval<'_>, thresholds: &Thresholds) {
        self.0.observe(slice, (rules(thresholds), thresholds), is_timed_out);
    }

    fn merge(&mut self, other: &Self) {
        self.0.merge(&other.0);
    }

    fn judge(&self, view: &View<'_>) -> Option<Finding> {
        let timer = self.0.timer(rules(view.thresholds)).filter(|_| view.is_one_client())?;
        let is_short = timer.idle.seconds().0 < view.thresholds.client_idle_max_idle_s;
        is_short.then(|| self.finding(view, timer))
    }
}

impl ClientIdleTimeout {
    fn finding(&self, view: &View<'_>, timer: Timer) -> Finding {
        let (thresholds, sample, carried) = (view.thresholds, &self.0.sample, self.0.carried);
        let interval_s = sample.interval_s().unwrap_or(f64::INFINITY);
        let is_frequent = interval_s <= thresholds.client_idle_warn_interval_s;
        let severity = if is_frequent { Severity::Warn } else { Severity::Info };
        let (code, enough) = (Code::ClientIdleTimeout, thresholds.client_idle_min_connections);
        let mut finding = view.finding(code, severity, sample, enough);
        let (idle_s, low_s, high_s) = timer.idle.seconds();
        let count = sample.connections;
        finding.summary = format!(
            "{} closes connections to {} after {} of idleness and dials again {} later: {count} of \
             {carried} ended so (medians).",
            view.who(),
            view.destination(),
            human(idle_s),
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
            "it is no close after each answer: each lay idle for {} or longer",
            human(thresholds.client_idle_min_idle_s)
        ));
        finding.rule_out(format!(
            "it is no poller that goes away: half or more were dialled again within {}",
            human(timer.redial_s)
        ));
        finding.rule_out("the server did not close first: no FIN of its had come");
        if timer.may_be_work {
            let why = "each carried one request: a client that dials for each, and works for that \
                       long before it closes, looks the same";
            finding.doubt(Confidence::Medium, why);
        }
        finding
    }
}

#[cfg(test)]
mod tests;
