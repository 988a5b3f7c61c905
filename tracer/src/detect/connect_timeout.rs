//! `connect-timeout`: dials that nobody answers, ended by the kernel or given up, or still waiting.
//!
//! Signature: five or more dials, a tenth or more of all to the destination, went without an answer
//! for a second or longer: the kernel has then sent the SYN again, so it is not the application that
//! is impatient. It counts those that the kernel ended, those that the application gave up after
//! that time (`dial-cancelled` has those given up sooner, so no dial counts twice), and those that
//! hang in `SYN_SENT` now, also from before the observation. Thresholds: `connect-timeout.*`.
//!
//! Healthy look-alikes that must stay silent: a lost SYN here and there (few, and answered at the
//! retransmission); the loser of a race between two addresses (Happy Eyeballs). An outage that is
//! over is information. Where the same port answers under the other IP version requests are late,
//! not failed: a warning.

use super::interval::Interval;
use super::sample::Sample;
use super::timer::typical;
use super::view::{human, share};
use super::{Code, Confidence, Detector, Finding, Severity, Thresholds, View};
use crate::aggregate::{Distribution, Slice, Who};
use crate::connection::{Close, CloseCause, Connection, Phase, Role, TcpState, seconds};

const ADVICE_BOUND: &str = " No timeout of the application ends these dials: the kernel does, after \
    about two minutes. Set one of a few seconds for the dial itself; a timeout for reading or for \
    the request does not reach it in many libraries.";

const ADVICE_OTHER_VERSION: &str = "The other IP version works: let the service answer on both, \
    take the address that does not answer out of the name, or let the client dial both at once \
    (Happy Eyeballs).";

/// No dial timeout that is set by habit is longer.
const LONG_TIMEOUT_S: f64 = 60.0;

/// Memory of one key.
#[derive(Clone, Debug, Default)]
pub(super) struct ConnectTimeout {
    /// Ended ones, by when they were dialled.
    ended: Sample,
    /// Time until the kernel ended them.
    by_kernel: Distribution,
    /// Time until the application gave them up.
    by_us: Distribution,
    retransmits: u64,
    /// Dialling now, for longer than the bound.
    hanging: Sample,
    /// Of those that ended, and of those that hang: dialled before the observation.
    from_before: u64,
    hanging_from_before: u64,
    answered_late: u64,
}

/// When a dial began and how long it took; of one from before the observation, at least.
fn waited(connection: &Connection, close: &Close, start_ns: u64) -> (u64, f64) {
    let opened_ns = connection.opened_ns.unwrap_or(start_ns);
    (opened_ns, seconds(opened_ns, close.at_ns))
}

impl ConnectTimeout {
    fn end(&mut self, slice: &Slice<'_>, connection: &Connection, thresholds: &Thresholds) {
        let Some(close) = connection.close() else { return };
        let (opened_ns, waited_s) = waited(connection, close, slice.start_ns);
        let waits = match close.cause {
            CloseCause::ConnectTimeout => &mut self.by_kernel,
            CloseCause::DialCancelled
                if waited_s >= thresholds.timeout_min_wait_s && !slice.lost_race(connection) =>
            {
                &mut self.by_us
            }
            _ => return,
        };
        // Of one from before the time is a lower bound, and would blur the median.
        if connection.start_known() {
            waits.record_seconds(waited_s);
        }
        self.from_before += u64::from(opened_ns <= slice.start_ns);
        self.retransmits += connection.retransmits.map_or(0, u64::from);
        self.ended.add(opened_ns, connection);
    }
}

impl Detector for ConnectTimeout {
    fn observe(&mut self, slice: &Interval<'_>, thresholds: &Thresholds) {
        let bound_s = thresholds.timeout_min_wait_s;
        let is_client = |connection: &&Connection| connection.role == Some(Role::Client);
        for connection in slice.ended.iter().copied().filter(is_client) {
            self.end(slice, connection, thresholds);
        }
        for connection in slice.established() {
            let is_late = connection.connect_s().is_some_and(|took_s| took_s >= bound_s);
            self.answered_late += u64::from(is_late);
        }
        (self.hanging, self.hanging_from_before) = (Sample::default(), 0);
        for connection in slice.live.iter().copied().filter(is_client) {
            let opened_ns = connection.opened_ns.unwrap_or(slice.start_ns);
            if matches!(connection.phase, Phase::Open { state: TcpState::SynSent, .. })
                && seconds(opened_ns, slice.now_ns) >= bound_s
            {
                self.hanging.add(opened_ns, connection);
                self.hanging_from_before += u64::from(opened_ns <= slice.start_ns);
            }
        }
    }

    fn merge(&mut self, other: &Self) {
        self.ended.merge(&other.ended);
        self.by_kernel.merge(&other.by_kernel);
        self.by_us.merge(&other.by_us);
        self.retransmits = self.retransmits.saturating_add(other.retransmits);
        self.hanging.merge(&other.hanging);
        self.from_before += other.from_before;
        self.hanging_from_before += other.hanging_from_before;
        self.answered_late += other.answered_late;
    }

    fn judge(&self, view: &View<'_>) -> Option<Finding> {
        let thresholds = view.thresholds;
        if self.ended.connections == 0 && self.hanging.connections == 0 {
            return None;
        }
        let mut all = self.ended.clone();
        all.merge(&self.hanging);
        let found = all.connections >= thresholds.timeout_min_dials.max(1)
            && share(all.connections, self.dials(view)) >= thresholds.timeout_min_share;
        found.then(|| self.finding(view, &all))
    }
}

impl ConnectTimeout {
    /// All dials, with those from before the observation that are known to have failed.
    fn dials(&self, view: &View<'_>) -> u64 {
        view.totals.opened + self.from_before + self.hanging_from_before
    }

    /// Whether dials succeed since, and none hangs.
    fn is_over(&self, view: &View<'_>) -> bool {
        self.hanging.connections == 0 && view.is_over(self.ended.span_ns())
    }

    /// Whether it is the kernel that ends these dials, as far as has been seen.
    fn is_unbounded(&self, oldest_s: f64) -> bool {
        let by_kernel_s = self.by_kernel.quantile_seconds(0.5).unwrap_or(0.0);
        self.by_us.is_empty() && by_kernel_s.max(oldest_s) >= LONG_TIMEOUT_S
    }

    fn finding(&self, view: &View<'_>, all: &Sample) -> Finding {
        let (count, dials, over) = (all.connections, self.dials(view), self.is_over(view));
        let severity = match view.works_at {
            _ if over => Severity::Info,
            Some(_) => Severity::Warn,
            None => Severity::Error,
        };
        let enough = view.thresholds.timeout_min_dials;
        let mut finding = view.finding(Code::ConnectTimeout, severity, all, enough);
        let oldest_s = seconds(self.hanging.span_ns().0, view.now_ns);
        if self.hanging.connections > 0 {
            // They were dialled long ago, but go without an answer until now.
            finding.last_seen_ns = view.now_ns;
        }
        let oldest_s = if self.hanging.connections == 0 { 0.0 } else { oldest_s };
        let bound_s = view.thresholds.timeout_min_wait_s;
        let afterwards = match view.works_at {
            Some(other) => format!("; dials to {other} succeed"),
            None if over => "; dials succeed since".into(),
            None => String::new(),
        };
        finding.summary = format!(
            "{count} of {dials} dials of {} to {} had no answer for {} or longer: {}{afterwards}.",
            view.who(),
            view.destination(),
            human(bound_s),
            self.outcomes(oldest_s).join(", "),
        );
        if view.works_at.is_some() {
            finding.advice = ADVICE_OTHER_VERSION.into();
        }
        if self.is_unbounded(oldest_s) {
            finding.advice.push_str(ADVICE_BOUND);
        }
        self.measures(&mut finding, (count, dials, oldest_s));
        finding.rule_out(format!(
            "the application is not impatient: each waited {} or longer, past the first repeated SYN",
            human(bound_s)
        ));
        finding.rule_out("it is no refusal and no missing route: nothing came back at all");
        if view.key.who == Who::Unknown {
            finding.doubt(Confidence::Medium, "the process is not known");
        }
        finding
    }

    /// What became of them, in words.
    fn outcomes(&self, oldest_s: f64) -> Vec<String> {
        let mut outcomes = Vec::new();
        let unknown = self.ended.connections - self.by_kernel.len() - self.by_us.len();
        if self.hanging.connections > 0 {
            let (count, oldest) = (self.hanging.connections, human(oldest_s));
            let more = if self.hanging_from_before > 0 { " or longer" } else { "" };
            outcomes.push(format!("{count} still dial (SYN_SENT), the oldest for {oldest}{more}"));
        }
        if !self.by_us.is_empty() {
            let (count, after) = (self.by_us.len(), typical(&self.by_us));
            outcomes.push(format!("{count} were given up by the application after {after}"));
        }
        if !self.by_kernel.is_empty() {
            let (count, after) = (self.by_kernel.len(), typical(&self.by_kernel));
            outcomes.push(format!("{count} were ended by the kernel after {after}"));
        }
        if unknown > 0 {
            outcomes.push(format!("{unknown} from before the observation ended"));
        }
        outcomes
    }

    fn measures(&self, finding: &mut Finding, (count, dials, oldest_s): (u64, u64, f64)) {
        finding.count("unanswered", count);
        finding.count("dials", dials);
        finding.measure("unanswered_share", share(count, dials));
        finding.count("still_dialling", self.hanging.connections);
        finding.measure("oldest_dialling_s", (self.hanging.connections > 0).then_some(oldest_s));
        finding.count("given_up_by_application", self.by_us.len());
        finding.measure("median_until_given_up_s", self.by_us.quantile_seconds(0.5));
        finding.count("ended_by_kernel", self.by_kernel.len());
        finding.measure("median_until_kernel_s", self.by_kernel.quantile_seconds(0.5));
        finding.count("repeated_syns", self.retransmits);
        finding.count("answered_late", self.answered_late);
    }
}

#[cfg(test)]
mod tests;
