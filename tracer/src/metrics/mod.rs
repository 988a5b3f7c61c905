//! Stage 8 for those who scrape: what has happened since the start, summed by workload and not by
//! process, so that what is kept and what is told stay small for months.
//!
//! Counts only grow while their series is kept; each has the name that `family` gives it. Takes judged
//! intervals, reads no clock, and writes nothing: the exporters read it.

mod family;
mod histogram;
pub mod prometheus;
#[cfg(test)]
mod tests;
mod workload;

use std::collections::BTreeMap;
use std::net::SocketAddr;

use crate::aggregate::Identities;
use crate::connection::{
    CloseCause, Connection, Exchanged, Initiator, OpenCause, Phase, PutOff, Role, TcpState, Tick,
    seconds,
};
use crate::detect::{Code, Finding, Severity, UsedPorts};
use crate::hash::Map;
use crate::probe::Ports;
use crate::process::ProcessId;
use crate::sink::Health;

pub use family::{Family, Kind, Sample, Value};
pub use histogram::Histogram;
use workload::Places;
pub use workload::{Place, Program, Workload};

/// What is counted of one workload at one destination.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Counts {
    /// Dials or accepts, by cause.
    pub opened: BTreeMap<OpenCause, u64>,
    /// Ends, failed dials among them.
    pub closed: BTreeMap<(CloseCause, Initiator), u64>,
    /// Exchanges, each once, of connections that are open or have ended.
    pub exchanges: u64,
    /// Dials although a connection was idle or had just been closed by us.
    pub redials: u64,
    /// Open now.
    pub open: u64,
    /// Age of the oldest one that its peer has closed and its process has not, seconds.
    pub close_wait_s: Option<f64>,
    /// When something was open or ended here, monotonic nanoseconds.
    pub used_ns: u64,
}

/// Everything that is told to scrapers.
#[derive(Debug)]
pub struct Metrics {
    places: Places,
    durations: BTreeMap<Option<Role>, Histogram>,
    idle: BTreeMap<Option<Role>, Histogram>,
    findings: BTreeMap<(Code, Severity), u64>,
    health: Option<Health>,
    ports: Ports,
    used_ports: UsedPorts,
    exchanged: Exchanged,
    /// Those of nobody so far: who opened them is counted once it is known, or they have ended.
    unowned: PutOff,
    /// End of the last interval that was folded, monotonic nanoseconds.
    previous_ns: u64,
}

/// What tells a place without a word of text.
type Short = (Option<ProcessId>, Option<Role>, SocketAddr);

impl Metrics {
    /// Nothing yet, of an observation that began at `start_ns`, monotonic nanoseconds, on a host whose
    /// local ports are `ports`.
    #[must_use]
    pub fn since(start_ns: u64, ports: Ports) -> Self {
        Self {
            places: Places::default(),
            durations: BTreeMap::new(),
            idle: BTreeMap::new(),
            findings: BTreeMap::new(),
            health: None,
            ports,
            used_ports: UsedPorts::default(),
            exchanged: Exchanged::default(),
            unowned: PutOff::default(),
            previous_ns: start_ns,
        }
    }

    /// Takes a judged interval.
    pub fn fold(&mut self, tick: &Tick, identities: &dyn Identities) {
        self.places.forget(tick.now_ns);
        self.unowned.turn();
        for counts in self.places.counts() {
            (counts.open, counts.close_wait_s) = (0, None);
        }
        // Names are looked up once for each process and destination, not for each connection.
        let mut numbers: Map<Short, usize> = Map::default();
        for connection in tick.ended.iter().chain(&tick.live) {
            self.measure(connection);
            let destination = connection.destination();
            let short = (connection.owner, connection.role, destination);
            let number = *numbers.entry(short).or_insert_with(|| {
                let identity = connection.owner.and_then(|id| identities.identity(id));
                let program = Program::of(connection, identity);
                let workload = Workload { program, role: connection.role };
                self.places.number(Place { workload, server: Some(destination) })
            });
            let exchanges = u64::from(self.exchanged.since(connection));
            let is_new = self.is_news(connection);
            let counts = self.places.at(number);
            counts.exchanges += exchanges;
            counts.count(connection, is_new, tick.now_ns);
        }
        self.exchanged.look(&tick.live);
        self.used_ports.observe(tick);
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
        self.places.iter()
    }

    /// Whether its opening is to be counted now. Who accepted a connection may be known only once it is
    /// read.
    fn is_news(&mut self, connection: &Connection) -> bool {
        let was_put_off = self.unowned.take(connection);
        let opened_ns = connection.opened_ns;
        let is_new = was_put_off || opened_ns.is_some_and(|at_ns| at_ns > self.previous_ns);
        if is_new && connection.owner.is_none() && connection.close().is_none() {
            self.unowned.put(connection);
            return false;
        }
        is_new
    }

    fn measure(&mut self, connection: &Connection) {
        let Some(close) = connection.close() else { return };
        if let Some(duration_s) = connection.duration_s()
            && !close.cause.is_failed_dial()
        {
            self.durations.entry(connection.role).or_default().observe(duration_s);
        }
        if let Some(idle_s) = close.idle_s {
            self.idle.entry(connection.role).or_default().observe(idle_s);
        }
    }
}

impl Counts {
    fn count(&mut self, connection: &Connection, is_new: bool, now_ns: u64) {
        self.used_ns = now_ns;
        if is_new {
            *self.opened.entry(connection.open_cause).or_default() += 1;
            self.redials += u64::from(connection.open_cause.is_redial());
        }
        match &connection.phase {
            Phase::Closed(close) => {
                *self.closed.entry((close.cause, close.initiator)).or_default() += 1;
            }
            Phase::Open { peer_fin_ns, state } => {
                self.open += 1;
                if let (TcpState::CloseWait, Some(since_ns)) = (state, peer_fin_ns) {
                    let age_s = seconds(*since_ns, now_ns);
                    self.close_wait_s = Some(self.close_wait_s.unwrap_or(0.0).max(age_s));
                }
            }
        }
    }
}
