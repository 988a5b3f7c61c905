//! The table of all keys: takes the connections of a tick to them and keeps their number bounded.

use std::collections::BTreeMap;

use foldhash::fast::RandomState;
use indexmap::IndexMap;

use super::group::{Group, GroupKey};
use super::races::Races;
use super::route::{Part, Place, Routed, ordered};
use super::{Entry, Identities, Key, Memory, Shown, Slice, Totals, Who};
use crate::connection::{Connection, Tick};

/// Bounds of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Keys; connections of further ones are counted under [`Who::Other`].
    pub keys: usize,
}

impl Default for Limits {
    /// 10,000 keys: ten times the process × destination pairs of a crowded host. A key holds the
    /// bounded memory of every verdict, most of it only once connections have gone through it.
    fn default() -> Self {
        Self { keys: 10_000 }
    }
}

/// What all groups of one tick are folded with.
struct Round<'a, M: Memory> {
    start_ns: u64,
    previous_ns: u64,
    now_ns: u64,
    tick: u64,
    races: &'a Races,
    rules: &'a M::Rules,
    identities: &'a dyn Identities,
    limits: Limits,
}

impl<M: Memory> Round<'_, M> {
    const fn slice<'a>(
        &'a self,
        ended: &'a [&'a Connection],
        live: &'a [&'a Connection],
    ) -> Slice<'a> {
        Slice {
            start_ns: self.start_ns,
            previous_ns: self.previous_ns,
            now_ns: self.now_ns,
            ended,
            live,
            races: self.races,
        }
    }
}

/// A tick, its connections sorted by key: once, however many tables take it in.
#[derive(Debug)]
pub struct Sorted<'a> {
    now_ns: u64,
    races: Races,
    routed: Routed<'a>,
}

impl<'a> Sorted<'a> {
    /// Sorts a tick.
    #[must_use]
    pub fn of(tick: &'a Tick) -> Self {
        Self { now_ns: tick.now_ns, races: Races::of(tick), routed: Routed::of(tick) }
    }
}

/// What goes beyond the bound.
#[derive(Default)]
struct Beyond<'a> {
    ended: Vec<&'a Connection>,
    live: Vec<&'a Connection>,
}

/// Totals per key since the window began, with what the next stage remembers of each.
#[derive(Debug)]
pub struct Aggregate<M> {
    limits: Limits,
    start_ns: u64,
    previous_ns: u64,
    tick: u64,
    /// In the order they came; shown in the order of their keys.
    groups: IndexMap<GroupKey, Group<M>, RandomState>,
    /// Members and folds over all groups.
    keys: usize,
    other: Box<Entry<M>>,
}

impl<M: Memory> Aggregate<M> {
    /// An empty table for a window that begins at `start_ns`, monotonic nanoseconds.
    #[must_use]
    pub fn new(start_ns: u64, limits: Limits) -> Self {
        Self {
            limits,
            start_ns,
            previous_ns: start_ns,
            tick: 0,
            groups: IndexMap::default(),
            keys: 0,
            other: Box::default(),
        }
    }

    /// Start of the window, monotonic nanoseconds.
    #[must_use]
    pub const fn start_ns(&self) -> u64 {
        self.start_ns
    }

    /// End of the last tick, monotonic nanoseconds.
    #[must_use]
    pub const fn now_ns(&self) -> u64 {
        self.previous_ns
    }

    /// Connections counted under [`Who::Other`] because the table was full.
    #[must_use]
    pub const fn evicted(&self) -> u64 {
        self.other.connections()
    }

    /// Takes in one tick.
    pub fn fold(&mut self, tick: &Tick, identities: &dyn Identities, rules: &M::Rules) {
        self.fold_sorted(&Sorted::of(tick), identities, rules);
    }

    /// Takes in one tick that another table takes in too.
    pub fn fold_sorted(
        &mut self,
        sorted: &Sorted<'_>,
        identities: &dyn Identities,
        rules: &M::Rules,
    ) {
        let Sorted { now_ns, races, routed } = sorted;
        self.tick += 1;
        let now_ns = (*now_ns).max(self.previous_ns);
        let round = Round {
            start_ns: self.start_ns,
            previous_ns: self.previous_ns,
            now_ns,
            tick: self.tick,
            races,
            rules,
            identities,
            limits: self.limits,
        };
        let mut beyond = Beyond::default();
        // Who finds room must not depend on the order within the tick: those that need some come in
        // the order of their keys.
        let mut newcomers = Vec::new();
        for parts in routed.groups() {
            match self.groups.get_full_mut(&parts[0].place) {
                Some((_, key, group)) if parts.iter().all(|part| group.has(part.owner)) => {
                    self.keys =
                        fold_group(&round, (key, group), (routed, parts), self.keys, &mut beyond);
                }
                _ => newcomers.push(parts),
            }
        }
        newcomers.sort_unstable_by(|left, right| left[0].place.cmp(&right[0].place));
        for parts in newcomers {
            let place = parts[0].place;
            let index = match self.groups.get_index_of(&place) {
                Some(index) => index,
                None => self.groups.insert_full(place.to_key(), Group::default()).0,
            };
            if let Some((key, group)) = self.groups.get_index_mut(index) {
                self.keys =
                    fold_group(&round, (key, group), (routed, parts), self.keys, &mut beyond);
            }
        }
        self.fold_untouched(&round);
        let (ended, live) = ordered(beyond.ended, beyond.live);
        self.other.count(&round.slice(&ended, &live));
        self.previous_ns = now_ns;
    }

    /// Lets keys without any connection in this tick know that time has passed, and drops those
    /// that never had one end: their connections have since found their owner.
    fn fold_untouched(&mut self, round: &Round<'_, M>) {
        let slice = round.slice(&[], &[]);
        let mut keys = 0;
        self.groups.retain(|_, group| {
            group.members.retain(|_, entry| {
                if entry.tick != round.tick {
                    entry.rest(&slice, round.rules);
                }
                entry.connections() > 0
            });
            keys += group.len();
            group.len() > 0
        });
        self.keys = keys;
    }

    /// Every key with its entry, small processes folded, in the order of the keys.
    #[must_use]
    pub fn entries(&self) -> BTreeMap<Key, Shown<'_, M>> {
        let mut groups: Vec<_> = self.groups.iter().collect();
        groups.sort_unstable_by_key(|(key, _)| Place::of_key(key));
        let mut entries: BTreeMap<Key, Shown<'_, M>> = BTreeMap::new();
        // One process can be in two groups: its executable may become known late, or change.
        for (key, group) in groups {
            group.view(key, &mut |key: Key, entry: Shown<'_, M>| match entries.get_mut(&key) {
                Some(present) => {
                    let processes = present.processes.max(entry.processes);
                    present.merge(&entry);
                    if matches!(key.who, Who::Process(_)) {
                        present.set_processes(processes);
                    }
                }
                None => {
                    entries.insert(key, entry);
                }
            });
        }
        if self.other.connections() > 0 {
            let key = Key { who: Who::Other, role: None, destination: None, netns: 0 };
            entries.insert(key, Shown::One(&self.other));
        }
        entries
    }

    /// Every key with its totals, in the order of the keys.
    #[must_use]
    pub fn totals(&self) -> BTreeMap<Key, Totals> {
        self.entries().into_iter().map(|(key, entry)| (key, entry.totals())).collect()
    }
}

/// Takes the parts of one group in; `keys` are those of the whole table, before and after.
fn fold_group<'a, M: Memory>(
    round: &Round<'_, M>,
    (key, group): (&GroupKey, &mut Group<M>),
    (routed, parts): (&Routed<'a>, &[Part<'a>]),
    mut keys: usize,
    beyond: &mut Beyond<'a>,
) -> usize {
    let mut taken = Vec::with_capacity(parts.len());
    for part in parts {
        let id = part.owner;
        let (ended, live) = (routed.ended(part), routed.live(part));
        if !group.has(id) && keys >= round.limits.keys {
            beyond.ended.extend(ended);
            beyond.live.extend(live);
            continue;
        }
        let identity = id.and_then(|id| round.identities.identity(id));
        identity.inspect(|identity| group.learn(identity));
        let before = group.len();
        let entry = group.members.entry(id).or_default();
        identity.inspect(|identity| entry.learn(identity));
        entry.processes = u64::from(id.is_some());
        entry.tick = round.tick;
        entry.observe(&round.slice(ended, live), round.rules);
        taken.push(part);
        group.shrink(key);
        keys = (keys + group.len()).saturating_sub(before);
    }
    group.observe_peak((routed, &taken), round.previous_ns);
    keys
}

#[cfg(test)]
mod tests;
