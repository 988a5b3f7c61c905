//! `connect-refused`: dials are answered with a reset: nobody listens there, or the backlog refuses.
//!
//! Signature: five or more refused dials, at least half of all dials to the destination.
//! Thresholds: `connect-refused.*`.
//!
//! Healthy look-alikes: a listener that restarts (all refusals within a second, dials succeed
//! afterwards) stays silent, for the retries did their work and nothing is left to change. A longer
//! outage that is over is information. A name with two addresses, IPv6 and IPv4, of which one is
//! not served (`localhost` most often) costs a refused dial each time but no request: information.

use super::interval::Interval;
use super::sample::Sample;
use super::view::{human, share};
use super::{Code, Confidence, Detector, Finding, Severity, Thresholds, View};
use crate::connection::{CloseCause, Role, seconds};

const ADVICE_OTHER_VERSION: &str = "Let the service listen on both IPv4 and IPv6, or let the client \
    name the address that works (127.0.0.1 instead of localhost): each request now dials twice.";

/// Memory of one key.
#[derive(Clone, Debug, Default)]
pub(super) struct ConnectRefused {
    /// Refused ones, by when they were dialled.
    sample: Sample,
}

impl Detector for ConnectRefused {
    fn observe(&mut self, slice: &Interval<'_>, _: &Thresholds) {
        for connection in slice.all().filter(|c| c.role == Some(Role::Client)) {
            let refused = |close: &_| matches!(close, CloseCause::ConnectRefused);
            if let Some(opened_ns) = connection.opened_ns.filter(|at_ns| *at_ns > slice.start_ns)
                && connection.close().is_some_and(|close| refused(&close.cause))
            {
                self.sample.add(opened_ns, connection);
            }
        }
    }

    fn merge(&mut self, other: &Self) {
        self.sample.merge(&other.sample);
    }

    fn judge(&self, view: &View<'_>) -> Option<Finding> {
        let (thresholds, count) = (view.thresholds, self.sample.connections);
        let (first_ns, last_ns) = self.sample.span_ns();
        let is_blip = view.dials.is_answered_since(last_ns)
            && seconds(first_ns, last_ns) < thresholds.refused_blip_s;
        let found = count >= thresholds.refused_min_dials.max(1)
            && share(count, view.totals.opened) >= thresholds.refused_min_share
            && !is_blip;
        found.then(|| self.finding(view, view.is_over((first_ns, last_ns))))
    }
}

impl ConnectRefused {
    fn finding(&self, view: &View<'_>, is_over: bool) -> Finding {
        let (count, dials) = (self.sample.connections, view.totals.opened);
        let (first_ns, last_ns) = self.sample.span_ns();
        let is_harmless = is_over || view.works_at.is_some();
        let severity = if is_harmless { Severity::Info } else { Severity::Error };
        // A refusal is a fact, not an inference: few of them are as sure as many.
        let mut finding = view.finding(Code::ConnectRefused, severity, &self.sample, 0);
        let span = human(seconds(first_ns, last_ns));
        let afterwards = match view.works_at {
            Some(other) => format!("; dials to {other} succeed"),
            None if is_over => "; dials succeed since".into(),
            None => String::new(),
        };
        finding.summary = format!(
            "{count} of {dials} dials of {} to {} were refused, over {span}{afterwards}.",
            view.who(),
            view.destination()
        );
        if view.works_at.is_some() {
            finding.advice = ADVICE_OTHER_VERSION.into();
        }
        finding.count("refused", count);
        finding.count("dials", dials);
        finding.measure("refused_share", share(count, dials));
        finding.measure("refused_per_s", view.per_second(count));
        finding.measure("first_refused_ago_s", seconds(first_ns, view.now_ns));
        finding.measure("last_refused_ago_s", seconds(last_ns, view.now_ns));
        let blip_s = view.thresholds.refused_blip_s;
        if seconds(first_ns, last_ns) < blip_s {
            let why = format!(
                "all refusals came within {span}: a restart of the listener looks the same"
            );
            finding.doubt(Confidence::Medium, why);
        } else {
            finding.rule_out(format!(
                "it is no short restart: refusals spread over {span}, longer than {}",
                human(blip_s)
            ));
        }
        finding
    }
}

#[cfg(test)]
mod tests;
