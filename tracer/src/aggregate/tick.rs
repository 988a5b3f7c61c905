//! What one fold takes in: the part of an interval that belongs to one key. Owns nothing that outlives the fold.

use std::collections::{BTreeMap, HashMap};

use super::races::Races;
use crate::connection::Connection;
use crate::process::{Identity, ProcessId, Table};

/// Where the executable and control group of a process are looked up.
pub trait Identities {
    /// What is known of `id`, if anything.
    fn identity(&self, id: ProcessId) -> Option<&Identity>;
}

impl Identities for Table {
    fn identity(&self, id: ProcessId) -> Option<&Identity> {
        self.get(id)
    }
}

impl Identities for BTreeMap<ProcessId, Identity> {
    fn identity(&self, id: ProcessId) -> Option<&Identity> {
        self.get(&id)
    }
}

impl<S: std::hash::BuildHasher> Identities for HashMap<ProcessId, Identity, S> {
    fn identity(&self, id: ProcessId) -> Option<&Identity> {
        self.get(&id)
    }
}

/// The part of a tick that belongs to one process × role × destination.
#[derive(Clone, Copy, Debug)]
pub struct Slice<'a> {
    /// Start of the observation, monotonic nanoseconds.
    pub start_ns: u64,
    /// Start of the interval (exclusive); `start_ns` in the first tick.
    pub previous_ns: u64,
    /// End of the interval (inclusive).
    pub now_ns: u64,
    /// Connections that ended, ordered by their first close transition.
    pub ended: &'a [&'a Connection],
    /// Connections open at `now_ns`, ordered by when they were opened.
    pub live: &'a [&'a Connection],
    /// Races of the whole tick.
    pub(super) races: &'a Races,
}

impl<'a> Slice<'a> {
    /// Whether this is the first interval of the observation.
    #[must_use]
    pub const fn is_first(&self) -> bool {
        self.previous_ns == self.start_ns
    }

    /// Ended and live ones.
    pub fn all(&self) -> impl Iterator<Item = &'a Connection> {
        self.ended.iter().chain(self.live).copied()
    }

    /// Connections established in this interval, each once over all ticks, in no order.
    pub fn established(&self) -> impl Iterator<Item = &'a Connection> {
        let (previous_ns, now_ns) = (self.previous_ns, self.now_ns);
        self.all().filter(move |connection| {
            connection.established_ns.is_some_and(|at_ns| at_ns > previous_ns && at_ns <= now_ns)
        })
    }

    /// Whether `connection` was given up while dialling because the same process's dial to another
    /// address of the same port had just been answered.
    #[must_use]
    pub fn lost_race(&self, connection: &Connection) -> bool {
        self.races.is_lost(connection)
    }

    /// Connections opened in this interval, each once over all ticks, in no order.
    pub fn opened(&self) -> impl Iterator<Item = (u64, &'a Connection)> {
        let (previous_ns, now_ns) = (self.previous_ns, self.now_ns);
        self.all()
            .filter_map(|connection| Some((connection.opened_ns?, connection)))
            .filter(move |(opened_ns, _)| *opened_ns > previous_ns && *opened_ns <= now_ns)
    }
}

/// What a later stage remembers for each key. It lives here, beside the totals, because a process
/// that is folded into its executable takes its memory along.
pub trait Memory: Clone + Default {
    /// What it needs to know to observe.
    type Rules;

    /// Takes in one interval of one key; called for every key at every tick, also with empty slices
    /// as long as it is not at rest.
    fn observe(&mut self, slice: &Slice<'_>, rules: &Self::Rules);

    /// Whether, after an empty slice, another one would change nothing.
    fn is_at_rest(&self) -> bool;

    /// Takes over what was remembered of another process of the same executable.
    fn merge(&mut self, other: &Self);
}

impl Memory for () {
    type Rules = ();
    fn observe(&mut self, _: &Slice<'_>, (): &()) {}
    fn is_at_rest(&self) -> bool {
        true
    }
    fn merge(&mut self, (): &Self) {}
}
