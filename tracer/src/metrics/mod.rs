//! Stage 8 for those who scrape: what has happened since the start, summed by workload and not by
//! process, so that what is kept and what is told stay small for months.
//!
//! Counts only grow while their series is kept; each has the name that `names` gives it. Takes judged
//! intervals, reads no clock, and writes nothing: the exporters read it.

mod family;
mod histogram;
pub mod prometheus;
mod workload;

use std::collections::BTreeMap;

use crate::aggregate::Identities;
use crate::connection::{
    CloseCause, Connection, Initiator, OpenCause, Phase, Role, TcpState, Tick, seconds,
};
use crate::detect::{Code, Finding, Severity};
use crate::sink::Health;

pub use family::{Family, Kind, Sample, Value};
pub use histogram::Histogram;
use workload::Places;
pub use workload::{Place, Program, Workload};

/// What is counted of one workload at one destination.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Dials or accepts, by cause.
    pub opened: BTreeMap<OpenCause, u64>,
    /// Ends, failed dials among them.
    pub closed: BTreeMap<(CloseCause, Initiator), u64>,
    /// Exchanges of connections that have ended.
    pub exchanges: u64,
    /// Exchanges so far of those that are open.
    pub exchanges_open: u64,
    /// Dials although a connection was idle or had just been closed by us.
    pub redials: u64,
    /// Open now.
    pub open: u64,
}

/// Everything that is told to scrapers.
#[derive(Debug, Default)]
pub struct Metrics {
    places: Places,
    counts: Vec<Counts>,
    durations: BTreeMap<Option<Role>, Histogram>,
    idle: BTreeMap<Option<Role>, Histogram>,
    close_wait: BTreeMap<Program, f64>,
    findings: BTreeMap<(Code, Severity), u64>,
    health: Option<Health>,
    /// End of the last interval that was folded, monotonic nanoseconds.
    previous_ns: u64,
}

impl Metrics {
    /// Nothing yet, of an observation that began at `start_ns`, monotonic nanoseconds.
    #[must_use]
    pub fn since(start_ns: u64) -> Self {
        Self { previous_ns: start_ns, ..Self::default() }
    }

    /// Takes a judged interval.
    pub fn fold(&mut self, tick: &Tick, identities: &dyn Identities) {
        for counts in &mut self.counts {
            (counts.open, counts.exchanges_open) = (0, 0);
        }
        self.close_wait.clear();
        for connection in tick.ended.iter().chain(&tick.live) {
            let identity = connection.owner.and_then(|id| identities.identity(id));
            let program = Program::of(connection, identity);
            match &connection.phase {
                Phase::Closed(close) => {
                    if let Some(duration_s) = connection.duration_s()
                        && !close.cause.is_failed_dial()
                    {
                        self.durations.entry(connection.role).or_default().observe(duration_s);
                    }
                    if let Some(idle_s) = close.idle_s {
                        self.idle.entry(connection.role).or_default().observe(idle_s);
                    }
                }
                Phase::Open { peer_fin_ns: Some(since_ns), state: TcpState::CloseWait } => {
                    let age_s = seconds(*since_ns, tick.now_ns);
                    let oldest = self.close_wait.entry(program.clone()).or_default();
                    *oldest = oldest.max(age_s);
                }
                Phase::Open { .. } => {}
            }
            let workload = Workload { program, role: connection.role };
            let place = Place { workload, server: Some(connection.destination()) };
            let number = self.places.number(place);
            if number == self.counts.len() {
                self.counts.push(Counts::default());
            }
            let is_new = connection.opened_ns.is_some_and(|opened_ns| opened_ns > self.previous_ns);
            self.counts[number].count(connection, is_new);
        }
        self.previous_ns = tick.now_ns;
    }

    /// Takes how well the observation goes.
    pub fn set_health(&mut self, health: Health) {
        self.health = Some(health);
    }

    /// Takes the findings that are open now.
    pub fn set_findings(&mut self, findings: &[Finding]) {
        self.findings.clear();
        for finding in findings {
            *self.findings.entry((finding.code, finding.severity)).or_default() += 1;
        }
    }

    /// Each place with what is counted there.
    pub fn counts(&self) -> impl Iterator<Item = (&Place, &Counts)> {
        self.places.met().iter().zip(&self.counts)
    }
}

impl Counts {
    fn count(&mut self, connection: &Connection, is_new: bool) {
        if is_new {
            *self.opened.entry(connection.open_cause).or_default() += 1;
            let is_redial = matches!(
                connection.open_cause,
                OpenCause::IdleAvailable | OpenCause::AfterLocalClose
            );
            self.redials += u64::from(is_redial);
        }
        let exchanges = u64::from(connection.exchanges);
        if let Some(close) = connection.close() {
            *self.closed.entry((close.cause, close.initiator)).or_default() += 1;
            self.exchanges += exchanges;
        } else {
            self.open += 1;
            self.exchanges_open += exchanges;
        }
    }
}
