//! `short-lived-process`: a process per request, such as `curl` in a loop: nothing can be reused.
//!
//! Signature: ten or more processes of one executable and control group, each with at most two
//! connections to the destination, closed by the process or by its exit, starting to dial one
//! after another within a second (median). Thresholds: `short-lived-process.*`.
//!
//! Healthy look-alikes that must stay silent: a few commands; container health checks and cron
//! jobs (slower); the workers of a prefork server, which live side by side (most of them open at
//! one time) or were there before; connections that the server ends.

use super::ends::{is_goodbye, with_goodbyes};
use super::interval::Interval;
use super::one_shot::is_exit;
use super::sample::Sample;
use super::view::{human, share};
use super::{Code, Confidence, Detector, Finding, Severity, Thresholds, View};
use crate::connection::{Connection, Initiator, Role, seconds};

/// First dials remembered; the newest are kept.
const STARTS: usize = 256;

/// Memory of one key.
#[derive(Clone, Debug, Default)]
pub(super) struct ShortLivedProcess {
    /// First dial of each process, monotonic nanoseconds, and its start, nanoseconds since boot (0 if
    /// that is not known), ascending.
    starts: Vec<(u64, u64)>,
    /// Ended after they were established.
    ended: u64,
    by_exit: u64,
    by_peer: u64,
    /// Ended by the process, by its call or its exit.
    sample: Sample,
    /// Ended by the peer as the process said goodbye.
    goodbyes: Sample,
    connect_ns: u64,
}

impl ShortLivedProcess {
    /// Median time between the first dials of two processes; `None` if there are fewer.
    fn median_gap_s(&self) -> Option<f64> {
        let mut gaps: Vec<_> =
            self.starts.windows(2).map(|pair| pair[1].0.saturating_sub(pair[0].0)).collect();
        gaps.sort_unstable();
        gaps.get(gaps.len().saturating_sub(1) / 2).map(|gap_ns| seconds(0, *gap_ns))
    }

    /// Processes whose start is known, and of them those that dialled soon after it.
    fn known_and_young(&self, view: &View<'_>) -> (u64, u64) {
        let known = self.starts.iter().filter(|(_, start_ns)| *start_ns > 0);
        let offset_ns = view.boot_minus_monotonic_ns;
        let is_young = |(dial_ns, start_ns): &(u64, u64)| {
            let start_ns = start_ns.saturating_add_signed(offset_ns.saturating_neg());
            seconds(start_ns, *dial_ns) <= view.thresholds.short_lived_max_lead_s
        };
        let young = known.clone().filter(|start| is_young(start)).count();
        (known.count() as u64, young as u64)
    }
}

impl Detector for ShortLivedProcess {
    fn observe(&mut self, slice: &Interval<'_>, _: &Thresholds) {
        let dials = slice.opened().filter(|(_, c)| c.role == Some(Role::Client));
        let start_ns = |connection: &Connection| connection.owner.map_or(0, |id| id.start_ns);
        let first = dials.map(|(opened_ns, connection)| (opened_ns, start_ns(connection)));
        self.starts = first.chain(self.starts.first().copied()).min().into_iter().collect();
        for connection in slice.ended.iter().filter(|c| c.role == Some(Role::Client)) {
            let Some(close) = connection.close() else { continue };
            if close.cause.is_failed_dial() {
                continue;
            }
            self.ended += 1;
            self.by_exit += u64::from(is_exit(close));
            let is_goodbye = is_goodbye(connection, close);
            self.by_peer += u64::from(close.initiator == Initiator::Peer && !is_goodbye);
            if is_goodbye {
                self.goodbyes.add(close.at_ns, connection);
            }
            if close.initiator == Initiator::Local {
                self.sample.add(close.at_ns, connection);
                let connect_ns = connection.established_ns.zip(connection.opened_ns);
                self.connect_ns =
                    connect_ns.map_or(self.connect_ns, |(established_ns, opened_ns)| {
                        self.connect_ns.saturating_add(established_ns.saturating_sub(opened_ns))
                    });
            }
        }
    }

    fn merge(&mut self, other: &Self) {
        self.starts.extend(&other.starts);
        self.starts.sort_unstable();
        self.starts.drain(..self.starts.len().saturating_sub(STARTS));
        self.ended += other.ended;
        self.by_exit += other.by_exit;
        self.by_peer += other.by_peer;
        self.sample.merge(&other.sample);
        self.goodbyes.merge(&other.goodbyes);
        self.connect_ns = self.connect_ns.saturating_add(other.connect_ns);
    }

    fn judge(&self, view: &View<'_>) -> Option<Finding> {
        let thresholds = view.thresholds;
        let processes = view.totals.processes;
        let gap_s = self.median_gap_s()?;
        let count = with_goodbyes(&self.sample, &self.goodbyes).connections;
        let (known, young) = self.known_and_young(view);
        // Only a folded key has several processes.
        let found = processes >= thresholds.short_lived_min_processes
            && count >= thresholds.short_lived_min_processes.max(1)
            && share(count, self.ended) >= thresholds.short_lived_min_share
            && (known == 0 || young.saturating_mul(2) > known)
            && gap_s <= thresholds.short_lived_max_gap_s
            && view.totals.peak.saturating_mul(thresholds.short_lived_min_turnover) <= processes;
        found.then(|| self.finding(view, gap_s))
    }
}

impl ShortLivedProcess {
    fn finding(&self, view: &View<'_>, gap_s: f64) -> Finding {
        let found = with_goodbyes(&self.sample, &self.goodbyes);
        let (count, processes) = (found.connections, view.totals.processes);
        let enough = view.thresholds.short_lived_min_processes;
        let code = Code::ShortLivedProcess;
        let mut finding = view.finding(code, Severity::Warn, &found, enough);
        finding.summary = format!(
            "{} made {count} connections to {} in {:.1} s, a new process every {} (median): each \
             dials anew, none can reuse a connection.",
            view.who(),
            view.destination(),
            view.window_s(),
            human(gap_s),
        );
        finding.count("processes", processes);
        finding.count("connections", count);
        finding.measure("connections_per_process", share(view.totals.connections(), processes));
        finding.measure("median_start_gap_s", gap_s);
        finding.measure("connections_per_s", view.per_second(count));
        finding.count("ended_by_exit", self.by_exit);
        finding.count("peak_open", view.totals.peak);
        finding.measure("handshakes_s", seconds(0, self.connect_ns));
        finding.rule_out(format!(
            "the server did not close first: {} of {} ended by the peer",
            self.by_peer, self.ended
        ));
        finding.rule_out(format!(
            "they are no workers side by side: of {processes} processes at most {} had a connection \
             open at one time",
            view.totals.peak
        ));
        let (known, young) = self.known_and_young(view);
        let lead_s = human(view.thresholds.short_lived_max_lead_s);
        if known == 0 {
            let why = "when they were started is not known: workers that take turns look the same";
            finding.doubt(Confidence::Medium, why);
        } else {
            finding.rule_out(format!(
                "they are no workers that take turns: {young} of {known} dialled within {lead_s} of \
                 their start"
            ));
        }
        view.settle(&mut finding);
        finding
    }
}

#[cfg(test)]
mod tests;
