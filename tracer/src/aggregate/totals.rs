//! What is counted for each key.

use std::collections::BTreeMap;

use crate::connection::{Basis, CloseCause, Connection, OpenCause};
use crate::process::Runtime;

/// Connections by cause, counted without a search for each.
#[derive(Debug)]
pub(super) struct Tally {
    closes: [u64; CloseCause::ALL.len()],
    opens: [u64; OpenCause::ALL.len()],
}

impl Default for Tally {
    fn default() -> Self {
        Self { closes: [0; CloseCause::ALL.len()], opens: [0; OpenCause::ALL.len()] }
    }
}

/// Counts over the window.
#[derive(Clone, Debug, PartialEq)]
pub struct Totals {
    /// Dials or accepts that began in the window.
    pub opened: u64,
    /// Connections that ended in the window, failed dials included.
    pub closed: u64,
    /// Open at the end of the window.
    pub open: u64,
    /// Those that were there before the window: `opened + preexisting = closed + open`.
    pub preexisting: u64,
    /// Dials that failed.
    pub failed: u64,
    /// Those of `opened` that were established.
    pub established: u64,
    /// Most open at one time. Of folded processes: of those that were small at that time.
    pub peak: u64,
    /// Exchanges, over all of them.
    pub exchanges: u64,
    /// Connections that carried at least one exchange: the denominator's partner of the ratio.
    pub used: u64,
    /// Where `exchanges` comes from: a bound if it is one for any connection.
    pub exchanges_basis: Basis,
    /// Dials although a connection was idle or had just been closed by us.
    pub redials: u64,
    /// Ended connections by cause.
    pub closes: BTreeMap<CloseCause, u64>,
    /// Begun connections by cause.
    pub opens: BTreeMap<OpenCause, u64>,
    /// Median time from dial or accept to first close transition, seconds, up to 1/16 too high;
    /// over ended connections that were seen whole, failed dials left out.
    pub duration_p50_s: Option<f64>,
    /// 99th percentile of the same.
    pub duration_p99_s: Option<f64>,
    /// Payload bytes sent, of the ended connections that were seen whole; `None` if there was none.
    pub bytes_sent: Option<u64>,
    /// Payload bytes received, the same way.
    pub bytes_received: Option<u64>,
    /// Different processes folded into this key; 0 where they are unknown. One that comes back
    /// long after it was folded counts again.
    pub processes: u64,
    /// Their runtime, where those of which it is known have the same; without a version if they
    /// differ in that.
    pub runtime: Option<Runtime>,
}

impl Default for Totals {
    fn default() -> Self {
        Self {
            opened: 0,
            closed: 0,
            open: 0,
            preexisting: 0,
            failed: 0,
            established: 0,
            peak: 0,
            exchanges: 0,
            used: 0,
            exchanges_basis: Basis::Measured,
            redials: 0,
            closes: BTreeMap::new(),
            opens: BTreeMap::new(),
            duration_p50_s: None,
            duration_p99_s: None,
            bytes_sent: None,
            bytes_received: None,
            processes: 0,
            runtime: None,
        }
    }
}

/// The sum of what is known.
fn add(left: Option<u64>, right: Option<u64>) -> Option<u64> {
    match (left, right) {
        (Some(left), Some(right)) => Some(left.saturating_add(right)),
        (known, None) | (None, known) => known,
    }
}

impl Totals {
    /// 1 − connections ÷ exchanges, over connections that carried at least one exchange; `None`
    /// if there is none.
    #[must_use]
    pub fn reuse_ratio(&self) -> Option<f64> {
        (self.exchanges > 0).then(|| 1.0 - self.used as f64 / self.exchanges as f64)
    }

    /// Connections counted here, each once, ended or not.
    #[must_use]
    pub const fn connections(&self) -> u64 {
        self.closed.saturating_add(self.open)
    }

    /// Counts one connection, whose window began at `start_ns`; its causes in `tally`. Peak, quantiles,
    /// number and runtime of processes are not a matter of one connection.
    pub(super) fn count(&mut self, connection: &Connection, start_ns: u64, tally: &mut Tally) {
        if connection.opened_ns.is_some_and(|opened_ns| opened_ns > start_ns) {
            self.opened += 1;
            self.established += u64::from(connection.established_ns.is_some());
            tally.opens[connection.open_cause as usize] += 1;
            self.redials += u64::from(connection.open_cause.is_redial());
        } else {
            self.preexisting += 1;
        }
        match connection.close() {
            None => self.open += 1,
            Some(close) => {
                self.closed += 1;
                self.failed += u64::from(close.cause.is_failed_dial());
                tally.closes[close.cause as usize] += 1;
                let (sent, received) = (connection.bytes_sent, connection.bytes_received);
                self.bytes_sent = add(self.bytes_sent, sent);
                self.bytes_received = add(self.bytes_received, received);
            }
        }
        self.exchanges = self.exchanges.saturating_add(u64::from(connection.exchanges));
        self.used += u64::from(connection.exchanges > 0);
        self.exchanges_basis = self.exchanges_basis.max(connection.exchanges_basis);
    }

    /// Counts connections as [`Self::count`] does.
    pub(super) fn count_all(&mut self, connections: &[&Connection], start_ns: u64) {
        let mut tally = Tally::default();
        for connection in connections {
            self.count(connection, start_ns, &mut tally);
        }
        self.take(&tally);
    }

    /// Adds the causes of connections that were counted.
    pub(super) fn take(&mut self, tally: &Tally) {
        for (cause, count) in CloseCause::ALL.iter().zip(tally.closes).filter(|(_, n)| *n > 0) {
            *self.closes.entry(*cause).or_default() += count;
        }
        for (cause, count) in OpenCause::ALL.iter().zip(tally.opens).filter(|(_, n)| *n > 0) {
            *self.opens.entry(*cause).or_default() += count;
        }
    }

    /// Adds counts of other connections. Peak, quantiles, number and runtime of processes do not
    /// add up and stay.
    pub(super) fn add(&mut self, other: &Self) {
        self.opened += other.opened;
        self.closed += other.closed;
        self.open += other.open;
        self.preexisting += other.preexisting;
        self.failed += other.failed;
        self.established += other.established;
        self.exchanges = self.exchanges.saturating_add(other.exchanges);
        self.used += other.used;
        self.exchanges_basis = self.exchanges_basis.max(other.exchanges_basis);
        self.redials += other.redials;
        for (cause, count) in &other.closes {
            *self.closes.entry(*cause).or_default() += count;
        }
        for (cause, count) in &other.opens {
            *self.opens.entry(*cause).or_default() += count;
        }
        self.bytes_sent = add(self.bytes_sent, other.bytes_sent);
        self.bytes_received = add(self.bytes_received, other.bytes_received);
    }
}
