//! The table of all keys: routes the connections of a tick to them and keeps their number bounded.

use std::collections::BTreeMap;

use super::group::{Group, GroupKey};
use super::races::Races;
use super::{Entry, Identities, Key, Memory, Slice, Totals, Who};
use crate::connection::{Connection, Tick};
use crate::process::ProcessId;

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

/// The connections of one key in one tick.
#[derive(Default)]
struct Part<'a> {
    ended: Vec<&'a Connection>,
    live: Vec<&'a Connection>,
}

impl<'a> Part<'a> {
    fn all(&self) -> impl Iterator<Item = &'a Connection> {
        self.ended.iter().chain(&self.live).copied()
    }

    /// The same order whatever order they came in.
    fn sort(&mut self) {
        let end_ns = |connection: &Connection| connection.close().map(|close| close.at_ns);
        self.ended.sort_by_key(|c| (end_ns(c), c.opened_ns, c.cookie, c.local, c.exchanges));
        self.live.sort_by_key(|c| (c.opened_ns, c.cookie, c.local, c.exchanges));
    }
}

/// Totals per key since the window began, with what the next stage remembers of each.
#[derive(Debug)]
pub struct Aggregate<M> {
    limits: Limits,
    start_ns: u64,
    previous_ns: u64,
    tick: u64,
    groups: BTreeMap<GroupKey, Group<M>>,
    /// Members and folds over all groups.
    keys: usize,
    other: Entry<M>,
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
            groups: BTreeMap::new(),
            keys: 0,
            other: Entry::default(),
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
        self.tick += 1;
        let now_ns = tick.now_ns.max(self.previous_ns);
        let races = Races::of(tick);
        let mut other = Part::default();
        for (group_key, parts) in route(tick) {
            let slice = (now_ns, &races, rules);
            self.fold_group(group_key, parts, &mut other, identities, slice);
        }
        self.fold_untouched(now_ns, &races, rules);
        other.sort();
        self.other.observe(&self.slice(&other, &races, now_ns), rules);
        self.previous_ns = now_ns;
    }

    const fn slice<'a>(&self, part: &'a Part<'a>, races: &'a Races, now_ns: u64) -> Slice<'a> {
        Slice {
            start_ns: self.start_ns,
            previous_ns: self.previous_ns,
            now_ns,
            ended: part.ended.as_slice(),
            live: part.live.as_slice(),
            races,
        }
    }

    fn fold_group<'a>(
        &mut self,
        group_key: GroupKey,
        parts: BTreeMap<Option<ProcessId>, Part<'a>>,
        other: &mut Part<'a>,
        identities: &dyn Identities,
        (now_ns, races, rules): (u64, &Races, &M::Rules),
    ) {
        // Taken out so that the rest of the table stays within reach; put back below.
        let mut group = self.groups.remove(&group_key).unwrap_or_default();
        let mut connections = Vec::new();
        for (id, mut part) in parts {
            part.sort();
            if !group.members.contains_key(&id) && self.keys >= self.limits.keys {
                other.ended.append(&mut part.ended);
                other.live.append(&mut part.live);
                continue;
            }
            let identity = id.and_then(|id| identities.identity(id));
            identity.inspect(|identity| group.learn(identity));
            let before = group.len();
            let entry = group.members.entry(id).or_default();
            identity.inspect(|identity| entry.learn(identity));
            entry.processes = u64::from(id.is_some());
            entry.tick = self.tick;
            entry.observe(&self.slice(&part, races, now_ns), rules);
            connections.extend(part.all().map(|connection| (id, connection)));
            group.shrink(&group_key);
            self.keys = (self.keys + group.len()).saturating_sub(before);
        }
        group.observe_peak(&connections, self.previous_ns);
        if group.len() > 0 {
            self.groups.insert(group_key, group);
        }
    }

    /// Lets keys without any connection in this tick know that time has passed, and drops those
    /// that never had one end: their connections have since found their owner.
    fn fold_untouched(&mut self, now_ns: u64, races: &Races, rules: &M::Rules) {
        let nothing = Part::default();
        let (tick, slice) = (self.tick, self.slice(&nothing, races, now_ns));
        let mut keys = 0;
        self.groups.retain(|_, group| {
            group.members.retain(|_, entry| {
                if entry.tick != tick {
                    entry.observe(&slice, rules);
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
    pub fn entries(&self) -> BTreeMap<Key, Entry<M>> {
        let mut entries: BTreeMap<Key, Entry<M>> = BTreeMap::new();
        // One process can be in two groups: its executable may become known late, or change.
        let mut show = |key: Key, entry: Entry<M>| match entries.get_mut(&key) {
            Some(present) => {
                let processes = present.processes.max(entry.processes);
                present.merge(&entry);
                if matches!(key.who, Who::Process(_)) {
                    present.processes = processes;
                }
            }
            None => {
                entries.insert(key, entry);
            }
        };
        for (key, group) in &self.groups {
            group.view(key, &mut show);
        }
        if self.other.connections() > 0 {
            let key = Key { who: Who::Other, role: None, destination: None, netns: 0 };
            show(key, self.other.clone());
        }
        entries
    }

    /// Every key with its totals, in the order of the keys.
    #[must_use]
    pub fn totals(&self) -> BTreeMap<Key, Totals> {
        self.entries().into_iter().map(|(key, entry)| (key, entry.totals())).collect()
    }
}

type Parts<'a> = BTreeMap<Option<ProcessId>, Part<'a>>;

/// Sorts the connections of a tick by group and process.
fn route(tick: &Tick) -> BTreeMap<GroupKey, Parts<'_>> {
    let mut parts: BTreeMap<_, Part<'_>> = BTreeMap::new();
    for connection in tick.ended.iter().chain(&tick.live) {
        let comm = connection.owner_comm.as_str();
        let (destination, netns) = (connection.destination(), connection.netns);
        let program = (comm, connection.owner_cgroup);
        let key = (connection.owner, program, connection.role, destination, netns);
        let part = parts.entry(key).or_default();
        match connection.close() {
            Some(_) => part.ended.push(connection),
            None => part.live.push(connection),
        }
    }
    let mut groups: BTreeMap<GroupKey, Parts<'_>> = BTreeMap::new();
    for ((owner, (comm, cgroup), role, destination, netns), mut part) in parts {
        let is_known = owner.is_some() && !comm.is_empty();
        let program = is_known.then(|| (comm.to_owned(), cgroup));
        let key = GroupKey { program, role, destination, netns };
        // A process that changes its name still is one process.
        let whole = groups.entry(key).or_default().entry(owner).or_default();
        whole.ended.append(&mut part.ended);
        whole.live.append(&mut part.live);
    }
    groups
}

#[cfg(test)]
mod tests;
