//! `dial-cancelled`: a client gives its dials up before the peer can have failed to answer.
//!
//! Signature: five or more dials, a fifth or more of all to the destination, closed by us within a
//! second, while the first SYN waited for its answer, over a second or longer. Those given up later
//! went without an answer to a repeated SYN: `connect-timeout` has them, so no dial counts twice, and
//! where both are found it explains these. A constant time until given up names a dial timeout.
//! Thresholds: `dial-cancelled.*`.
//!
//! Healthy look-alikes that must stay silent: the loser of a race between two addresses (Happy
//! Eyeballs), given up when the other has answered; a shutdown, or one cancelled request (all at one
//! moment); the end of the process; a few requests that end before they have a connection.

use super::interval::Interval;
use super::one_shot::is_exit;
use super::sample::Sample;
use super::timer::{is_steady, typical};
use super::view::{human, share};
use super::{Code, Confidence, Detector, Finding, Severity, Thresholds, View};
use crate::aggregate::{Distribution, Who};
use crate::connection::{CloseCause, Connection, Role, seconds};

const ADVICE_OTHER_VERSION: &str = "The other IP version works: let the service answer on both, or \
    take the address that does not answer out of the name; each request now dials twice.";

/// Answers that take this part of the time allowed are cut off in part.
const NEAR: f64 = 0.5;

/// Memory of one key.
#[derive(Clone, Debug, Default)]
pub(super) struct DialCancelled {
    /// By when they were given up.
    sample: Sample,
    waits: Distribution,
    /// Time to the answer, of dials that got one.
    answers: Distribution,
    lost_races: u64,
    by_exit: u64,
}

impl Detector for DialCancelled {
    fn observe(&mut self, slice: &Interval<'_>, thresholds: &Thresholds) {
        for connect_s in slice.established().filter_map(Connection::connect_s) {
            self.answers.record_seconds(connect_s);
        }
        for connection in slice.all().filter(|c| c.role == Some(Role::Client)) {
            let close = connection.close().filter(|c| c.cause == CloseCause::DialCancelled);
            let Some((close, waited_s)) = close.zip(connection.duration_s()) else { continue };
            let is_of_window = connection.opened_ns > Some(slice.start_ns);
            if waited_s >= thresholds.timeout_min_wait_s || !is_of_window {
                continue;
            }
            if is_exit(close) {
                self.by_exit += 1;
            } else if slice.lost_race(connection) {
                self.lost_races += 1;
            } else {
                self.sample.add(close.at_ns, connection);
                self.waits.record_seconds(waited_s);
            }
        }
    }

    fn merge(&mut self, other: &Self) {
        self.sample.merge(&other.sample);
        self.waits.merge(&other.waits);
        self.answers.merge(&other.answers);
        self.lost_races += other.lost_races;
        self.by_exit += other.by_exit;
    }

    fn judge(&self, view: &View<'_>) -> Option<Finding> {
        let (thresholds, count) = (view.thresholds, self.sample.connections);
        let (first_ns, last_ns) = self.sample.span_ns();
        let found = count >= thresholds.given_up_min_dials.max(1)
            && share(count, view.totals.opened) >= thresholds.given_up_min_share
            && seconds(first_ns, last_ns) >= thresholds.given_up_min_span_s;
        found.then(|| self.finding(view))
    }
}

impl DialCancelled {
    fn finding(&self, view: &View<'_>) -> Finding {
        let (count, dials) = (self.sample.connections, view.totals.opened);
        let (first_ns, last_ns) = self.sample.span_ns();
        let (steady, over) = (is_steady(&self.waits), view.is_over(self.sample.span_ns()));
        let severity = match view.works_at {
            Some(_) => Severity::Info,
            None if over => Severity::Info,
            None if steady => Severity::Error,
            None => Severity::Warn,
        };
        let enough = view.thresholds.given_up_min_dials;
        let mut finding = view.finding(Code::DialCancelled, severity, &self.sample, enough);
        let afterwards = match view.works_at {
            Some(other) => format!("; dials to {other} succeed"),
            None if over => "; dials succeed since".into(),
            None => String::new(),
        };
        finding.summary = format!(
            "{count} of {dials} dials of {} to {} were given up before they were answered, after {}; \
             {}{afterwards}.",
            view.who(),
            view.destination(),
            typical(&self.waits),
            self.meaning(),
        );
        if view.works_at.is_some() {
            finding.advice = ADVICE_OTHER_VERSION.into();
        }
        finding.count("given_up", count);
        finding.count("dials", dials);
        finding.measure("median_until_given_up_s", self.waits.quantile_seconds(0.5));
        finding.measure("given_up_share", share(count, dials));
        finding.count("answered", self.answers.len());
        finding.measure("median_until_answered_s", self.answers.quantile_seconds(0.5));
        finding.measure("slowest_answer_s", self.answers.quantile_seconds(1.0));
        finding.count("lost_races", self.lost_races);
        finding.rule_out(format!(
            "they lost no race against another address: {} did, and are not counted",
            self.lost_races
        ));
        finding.rule_out(format!(
            "it is no shutdown: they were given up over {}; {} ended with their process and are \
             not counted",
            human(seconds(first_ns, last_ns)),
            self.by_exit
        ));
        if !steady {
            let why = "the time differs from dial to dial: callers that go away give up so too";
            finding.doubt(Confidence::Medium, why);
        }
        if view.key.who == Who::Unknown {
            finding.doubt(Confidence::Medium, "the process is not known");
        }
        finding
    }

    /// What the times say together.
    fn meaning(&self) -> String {
        let cause = if is_steady(&self.waits) {
            "that constant time is a dial timeout, shorter than the 1 s after which a lost SYN is \
             repeated"
        } else {
            "the time is not constant, so whoever wanted them went away"
        };
        let given_s = self.waits.quantile_seconds(0.5).unwrap_or(0.0);
        let answer = match self.answers.quantile_seconds(0.9) {
            None => "no dial was answered in that time".into(),
            Some(slow_s) if slow_s >= given_s * NEAR => {
                format!("a tenth of the answers took {} or longer", human(slow_s))
            }
            Some(slow_s) => format!("nine tenths of the answers came within {}", human(slow_s)),
        };
        format!("{cause}; {answer}")
    }
}

#[cfg(test)]
mod tests;
