//! `close-wait-leak`: the peer has closed, the process never does: file descriptors leak.
//!
//! Signature: at least ten connections in `CLOSE_WAIT` whose peer's FIN is older than five seconds,
//! their number grown since the first tick, at two or more moments. Either role. Thresholds:
//! `close-wait-leak.*`.
//!
//! Healthy look-alikes that must stay silent: an idle pool whose server timed out or restarted
//! (sits there, or grew in one step); old ones that were there from the start; a process that
//! closes soon after the peer. A pool that its server times out one by one looks the same for a
//! while: unless connections go on being opened, the confidence is medium.

use super::growth::Growth;
use super::interval::Interval;
use super::sample::Sample;
use super::view::human;
use super::{Code, Confidence, Detector, Finding, Severity, Thresholds, View};
use crate::aggregate::Who;
use crate::connection::{Connection, Phase, Role, TcpState, seconds};

/// The soft limit of open files that most systems set.
const USUAL_FD_LIMIT: f64 = 1024.0;

/// Growth that reaches the limit within this is an incident now, not a ticket for later.
const SOON_S: f64 = 3600.0;

/// Data this long after the FIN is no echo of what came before it.
const STILL_S: f64 = 0.1;

/// Memory of one key.
#[derive(Clone, Debug, Default)]
pub(super) struct CloseWaitLeak {
    /// Leaked ones of the last tick, by when the peer's FIN came.
    sample: Sample,
    growth: Growth,
    last_opened_ns: u64,
}

/// When the peer closed, if we have not since. A FIN from before our time counts as old.
fn peer_closed_ns(connection: &Connection, start_ns: u64) -> Option<(u64, bool)> {
    match connection.phase {
        Phase::Open { state: TcpState::CloseWait, peer_fin_ns } => {
            Some((peer_fin_ns.unwrap_or(start_ns), peer_fin_ns.is_none()))
        }
        _ => None,
    }
}

/// Whether data went on after the peer's FIN: the peer has only said that it sends no more, and is
/// being answered.
fn is_answered_still(connection: &Connection, fin_ns: u64) -> bool {
    connection.last_data_ns.is_some_and(|data_ns| seconds(fin_ns, data_ns) >= STILL_S)
}

impl Detector for CloseWaitLeak {
    fn observe(&mut self, slice: &Interval<'_>, thresholds: &Thresholds) {
        let opened_ns = slice.opened().map(|(opened_ns, _)| opened_ns).max();
        self.last_opened_ns = self.last_opened_ns.max(opened_ns.unwrap_or(0));
        self.sample = Sample::default();
        for connection in slice.live {
            if let Some((fin_ns, is_old)) = peer_closed_ns(connection, slice.start_ns)
                && !is_answered_still(connection, fin_ns)
                && (is_old || seconds(fin_ns, slice.now_ns) >= thresholds.close_wait_min_age_s)
            {
                self.sample.add(fin_ns, connection);
            }
        }
        self.growth.observe(self.sample.connections, slice.is_first(), slice.now_ns);
    }

    /// Of another part of the same process: what was there before the observation is counted apart as
    /// long as its control group is not known. Several processes together are not judged.
    fn merge(&mut self, other: &Self) {
        self.sample.merge(&other.sample);
        self.growth.merge(&other.growth);
        self.last_opened_ns = self.last_opened_ns.max(other.last_opened_ns);
    }

    fn judge(&self, view: &View<'_>) -> Option<Finding> {
        let (thresholds, count) = (view.thresholds, self.sample.connections);
        let found = matches!(view.key.who, Who::Process(_) | Who::Unknown)
            && count >= thresholds.close_wait_min_connections.max(1)
            && self.growth.grown() >= thresholds.close_wait_min_growth
            && self.growth.rises >= thresholds.close_wait_min_rises;
        found.then(|| self.finding(view))
    }
}

impl CloseWaitLeak {
    fn finding(&self, view: &View<'_>) -> Finding {
        let (thresholds, count) = (view.thresholds, self.sample.connections);
        let per_s = view.per_second(self.growth.grown()).filter(|per_s| *per_s > 0.0);
        let left = (USUAL_FD_LIMIT - count as f64).max(0.0);
        let is_soon = per_s.is_some_and(|per_s| left / per_s <= SOON_S);
        let severity = if is_soon { Severity::Error } else { Severity::Warn };
        let enough = thresholds.close_wait_min_connections;
        let mut finding = view.finding(Code::CloseWaitLeak, severity, &self.sample, enough);
        let oldest_s = seconds(self.sample.span_ns().0, view.now_ns);
        finding.summary = format!(
            "{} does not close connections of {} that the other end has closed: {count} in \
             CLOSE_WAIT for more than {}, the oldest for {}; {} more than at the start.",
            view.who(),
            view.destination(),
            human(thresholds.close_wait_min_age_s),
            human(oldest_s),
            self.growth.grown(),
        );
        finding.count("close_wait", count);
        finding.measure("oldest_s", oldest_s);
        finding.count("at_start", self.growth.baseline);
        finding.count("growth", self.growth.grown());
        finding.measure("growth_per_s", per_s);
        finding.count("growth_moments", self.growth.rises);
        finding.rule_out(format!(
            "it is not about to close: each has waited {} or longer",
            human(thresholds.close_wait_min_age_s)
        ));
        finding.rule_out(format!(
            "it is no idle pool that a server closed at once: the number rose at {} moments",
            self.growth.rises
        ));
        let (rise_ns, age_s) = (self.growth.last_rise_ns, thresholds.close_wait_min_age_s);
        if !view.is_recent(rise_ns, age_s) || !view.is_recent(self.last_opened_ns, age_s) {
            let why = "it has stopped growing or dialling: an idle pool whose server times \
                       connections out one by one looks the same until it is next used";
            finding.doubt(Confidence::Medium, why);
        }
        if view.key.role == Some(Role::Server) {
            let why = "a client that half-closes and waits for a slow answer looks the same";
            finding.doubt(Confidence::Medium, why);
        }
        if view.key.who == Who::Unknown {
            finding.doubt(Confidence::Medium, "the process is not known");
        }
        finding
    }
}

#[cfg(test)]
mod tests;
