//! What a detector sees of one key when it judges, and the words that findings share.

use std::net::SocketAddr;

use super::dials::Dials;
use super::port_use::PlaceUse;
use super::sample::Sample;
use super::{Cause, Code, Confidence, Coverage, Finding, Severity, Thresholds, advice};
use crate::aggregate::{Key, Totals, Who};
use crate::connection::{Role, seconds};
use crate::process::{Runtime, RuntimeKind};

/// One key as of the last tick.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    /// Which.
    pub key: &'a Key,
    /// `comm` of its process, empty if unknown.
    pub comm: &'a str,
    /// What its processes run on, if that is known and the same.
    pub runtime: Option<&'a Runtime>,
    /// Its totals.
    pub totals: &'a Totals,
    /// Exchanges of connections to the same destination by the same process that were there before
    /// the observation: which end they are is not known, so they have a key of their own.
    pub exchanges_before: u64,
    /// Start of the observation, monotonic nanoseconds.
    pub start_ns: u64,
    /// The last tick, monotonic nanoseconds.
    pub now_ns: u64,
    /// What a time since boot, such as the start of a process, is ahead of a monotonic one,
    /// nanoseconds.
    pub boot_minus_monotonic_ns: i64,
    /// How much was seen, over all keys.
    pub coverage: Coverage,
    /// The same port on an address of the other IP version, where the same process's dials were
    /// answered within a second of most of its failures here.
    pub works_at: Option<SocketAddr>,
    /// When its dials were answered and when they failed.
    pub(super) dials: &'a Dials,
    /// The ports towards its destination, where it holds more of them than any other key.
    pub(super) ports: Option<PlaceUse>,
    /// Whether something short that is over is information only.
    pub(super) settles: bool,
    /// The values in force.
    pub thresholds: &'a Thresholds,
}

impl View<'_> {
    /// Length of the observation, seconds.
    #[must_use]
    pub fn window_s(&self) -> f64 {
        seconds(self.start_ns, self.now_ns)
    }

    /// `count` per second of the observation; `None` if it had no length.
    #[must_use]
    pub fn per_second(&self, count: u64) -> Option<f64> {
        let window_s = self.window_s();
        (window_s > 0.0).then(|| count as f64 / window_s)
    }

    /// Requests with an answer towards the destination, those on connections that are still open and
    /// on those that were there before included.
    pub(super) const fn exchanges(&self) -> u64 {
        self.totals.exchanges.saturating_add(self.exchanges_before)
    }

    /// Whether `at_ns` lies in the last quarter of the observation, or at most `recent_s` ago.
    #[must_use]
    pub fn is_recent(&self, at_ns: u64, recent_s: f64) -> bool {
        seconds(at_ns, self.now_ns) <= recent_s.max(self.window_s() / 4.0)
    }

    /// Whether the failure of dials, from the first to the last moment given, is over: dials were
    /// answered since. Where some were answered meanwhile too, only the time without a failure tells.
    pub(super) fn is_over(&self, span_ns: (u64, u64)) -> bool {
        let last_ns = span_ns.1;
        self.dials.is_answered_since(last_ns)
            && (!self.dials.is_answered_between(span_ns) || !self.is_recent(last_ns, 0.0))
    }

    /// What its processes run on, to choose among advice. Commands that were gone before they were
    /// looked up are known by name only, which is enough for that.
    pub(super) fn runtime_kind(&self) -> Option<RuntimeKind> {
        self.runtime.map(|runtime| runtime.kind).or_else(|| RuntimeKind::of_command(self.comm))
    }

    /// Whether this is one process's client side: only there can a process reuse what it dialled.
    pub(super) const fn is_one_client(&self) -> bool {
        matches!(self.key.who, Who::Process(_)) && matches!(self.key.role, Some(Role::Client))
    }

    /// Makes a finding about something short that is over by now what it is: information. Whether
    /// it is one.
    pub(super) fn settle(&self, finding: &mut Finding) -> bool {
        const SHORT_S: f64 = 5.0;
        const RECENT_S: f64 = 3.0;
        let lasted_s = seconds(finding.first_seen_ns, finding.last_seen_ns);
        let is_short = self.settles && lasted_s < SHORT_S;
        let is_over = is_short && !self.is_recent(finding.last_seen_ns, RECENT_S);
        if is_over {
            finding.severity = Severity::Info;
            let over_s = human(seconds(finding.last_seen_ns, self.now_ns));
            let why = format!("it lasted {} and has been over for {over_s}", human(lasted_s));
            finding.doubt(Confidence::Medium, why);
        }
        is_over
    }

    /// The subject of a sentence.
    pub(super) fn who(&self) -> String {
        match &self.key.who {
            Who::Process(id) if self.comm.is_empty() => format!("process {}", id.pid),
            Who::Process(id) => format!("{} (pid {})", self.comm, id.pid),
            Who::Executable { name, .. } => {
                format!("{} processes of {name}", self.totals.processes)
            }
            Who::Unknown => "an unknown process".into(),
            Who::Other => "further processes".into(),
        }
    }

    /// The destination in a sentence.
    pub(super) fn destination(&self) -> String {
        self.key.destination.map_or_else(|| "several destinations".into(), |at| at.to_string())
    }

    /// A finding to be filled, with the doubts that every verdict shares. `enough` is the least
    /// number of connections the verdict needs.
    pub(super) fn finding(
        &self,
        code: Code,
        severity: Severity,
        sample: &Sample,
        enough: u64,
    ) -> Finding {
        let (first_seen_ns, last_seen_ns) = sample.span_ns();
        let mut finding = Finding {
            code,
            key: self.key.clone(),
            severity,
            confidence: Confidence::High,
            doubts: Vec::new(),
            connections: sample.connections,
            summary: String::new(),
            advice: advice::of(code, self.runtime_kind()).into(),
            evidence: Vec::new(),
            ruled_out: Vec::new(),
            consequences: Vec::new(),
            first_seen_ns,
            last_seen_ns,
            examples: sample.cookies(),
            processes: self.totals.processes,
            also: Vec::new(),
            cause: Cause::new(code, self.key, self.comm),
            runtime: self.runtime.cloned(),
        };
        self.doubt_what_was_lost(&mut finding);
        if sample.connections < enough.saturating_mul(2) {
            let why = format!("it rests on {} connections only", sample.connections);
            finding.doubt(Confidence::Medium, why);
        }
        finding
    }
}

impl View<'_> {
    fn doubt_what_was_lost(&self, finding: &mut Finding) {
        let Coverage { lost, lost_connections, .. } = self.coverage;
        if let Some(percent) = self.coverage.seen_percent() {
            let is_poor = self.coverage.is_poor();
            let at_most = if is_poor { Confidence::Low } else { Confidence::Medium };
            let why = format!(
                "{percent} % of the connections were seen, {lost_connections} were lost: counts are \
                 lower bounds, shares are of those seen"
            );
            finding.doubt(at_most, why);
        } else if lost > 0 {
            let why =
                format!("{lost} records were lost: counts are lower bounds, shares may be off");
            finding.doubt(Confidence::Medium, why);
        }
    }

    /// Says what the numbers of a complete finding rest on, where connections were lost.
    pub(super) fn tell_basis(&self, finding: &mut Finding) {
        finding.measure("seen_share", self.coverage.seen_share());
        if let Some(percent) = self.coverage.seen_percent().filter(|_| self.coverage.is_poor()) {
            finding.summary =
                format!("of the {percent} % of connections that were seen: {}", finding.summary);
        }
    }
}

/// `part` of `whole`, 0 to 1; 0 of nothing.
pub(super) fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// A duration as people write it.
pub(super) fn human(seconds: f64) -> String {
    if seconds < 0.001 {
        format!("{:.0} µs", seconds * 1e6)
    } else if seconds < 1.0 {
        format!("{:.1} ms", seconds * 1e3)
    } else {
        format!("{seconds:.1} s")
    }
}
