//! Everything known of one process × role × destination, or of several folded together.

use super::common::Common;
use super::concurrency::peak;
use super::totals::Tally;
use super::{Distribution, Memory, Slice, Totals};
use crate::connection::Connection;
use crate::process::{Identity, Runtime, RuntimeKind};

/// Totals in the making, and what the next stage remembers beside them.
///
/// Ended connections are counted for good. Live ones are counted anew at each tick: they cannot be
/// counted twice, and their exchanges and owner may still change.
#[derive(Clone, Debug, Default)]
pub struct Entry<M> {
    ended: Totals,
    live: Totals,
    durations: Distribution,
    pub(super) peak: u64,
    pub(super) processes: u64,
    /// Latest end, monotonic nanoseconds.
    pub(super) last_ns: u64,
    /// Number of the tick that last brought a connection.
    pub(super) tick: u64,
    /// Nothing was there in its last interval, and no more time changes anything.
    is_at_rest: bool,
    comm: String,
    runtime: Common<RuntimeKind>,
    runtime_version: Common<String>,
    /// What the next stage remembers.
    pub memory: M,
}

impl<M: Memory> Entry<M> {
    /// Takes in one interval.
    pub(super) fn observe(&mut self, slice: &Slice<'_>, rules: &M::Rules) {
        self.is_at_rest = false;
        self.count(slice);
        self.memory.observe(slice, rules);
    }

    /// Takes in an interval in which nothing was there.
    pub(super) fn rest(&mut self, slice: &Slice<'_>, rules: &M::Rules) {
        if self.is_at_rest {
            return;
        }
        self.live = Totals::default();
        self.memory.observe(slice, rules);
        self.is_at_rest = !slice.is_first() && self.memory.is_at_rest();
    }

    /// The totals of one interval, without the memory of the next stage.
    pub(super) fn count(&mut self, slice: &Slice<'_>) {
        self.live = Totals::default();
        self.live.count_all(slice.live, slice.start_ns);
        let mut tally = Tally::default();
        for connection in slice.ended {
            self.ended.count(connection, slice.start_ns, &mut tally);
            self.last_ns = self.last_ns.max(connection.close().map_or(0, |close| close.at_ns));
            self.record_duration(connection);
        }
        self.ended.take(&tally);
        self.peak = self.peak.max(peak(slice.all(), slice.previous_ns));
        if self.comm.is_empty()
            && let Some(named) = slice.all().find(|connection| !connection.owner_comm.is_empty())
        {
            self.comm = named.owner_comm.to_string();
        }
    }

    fn record_duration(&mut self, connection: &Connection) {
        // A dial that failed had no life to measure.
        if connection.close().is_some_and(|close| !close.cause.is_failed_dial())
            && let Some(duration_s) = connection.duration_s()
        {
            self.durations.record_seconds(duration_s);
        }
    }

    /// Takes what is known of its process.
    pub(super) fn learn(&mut self, identity: &Identity) {
        let runtime = identity.runtime.as_ref();
        self.runtime.learn(runtime.map(|runtime| &runtime.kind));
        let version = runtime.and_then(|runtime| runtime.version.as_deref());
        self.runtime_version.learn(version);
    }

    /// Takes over other processes. Peaks do not add up: the caller knows the common one.
    pub(super) fn merge(&mut self, other: &Self) {
        self.ended.add(&other.ended);
        self.live.add(&other.live);
        self.durations.merge(&other.durations);
        self.peak = self.peak.max(other.peak);
        self.processes = self.processes.saturating_add(other.processes);
        self.last_ns = self.last_ns.max(other.last_ns);
        self.runtime.merge(&other.runtime);
        self.runtime_version.merge(&other.runtime_version);
        self.memory.merge(&other.memory);
    }

    /// Connections seen, ended or live.
    pub(super) const fn connections(&self) -> u64 {
        self.ended.connections().saturating_add(self.live.connections())
    }

    /// Whether one of them is still open.
    pub(super) const fn is_live(&self) -> bool {
        self.live.open > 0
    }

    /// `comm` of the first owner seen, empty if unknown.
    #[must_use]
    pub fn comm(&self) -> &str {
        &self.comm
    }

    /// The runtime of its process, or the one that several have in common as far as it is known.
    #[must_use]
    pub fn runtime(&self) -> Option<Runtime> {
        let version = self.runtime_version.get().cloned();
        self.runtime.get().map(|kind| Runtime { kind: *kind, version })
    }

    /// The totals as of the last tick.
    #[must_use]
    pub fn totals(&self) -> Totals {
        let mut totals = self.ended.clone();
        totals.add(&self.live);
        totals.peak = self.peak;
        totals.processes = self.processes;
        totals.runtime = self.runtime();
        totals.duration_p50_s = self.durations.quantile_seconds(0.5);
        totals.duration_p99_s = self.durations.quantile_seconds(0.99);
        totals
    }
}
