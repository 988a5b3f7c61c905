//! Sorts the connections of a tick by group and process, each looked at once. Owns nothing that
//! outlives the fold.

use std::hash::{Hash, Hasher};
use std::net::{IpAddr, SocketAddr};
use std::ops::Range;

use foldhash::fast::RandomState;
use hashbrown::HashMap;

use super::group::GroupKey;
use crate::connection::{Connection, Role, Tick};
use crate::process::ProcessId;

/// The key of a group, its strings borrowed from a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place<'a> {
    program: Option<(&'a str, Option<u64>)>,
    role: Option<Role>,
    destination: SocketAddr,
    netns: u32,
}

impl<'a> Place<'a> {
    fn of(connection: &'a Connection) -> Self {
        let comm = connection.owner_comm.as_str();
        let is_known = connection.owner.is_some() && !comm.is_empty();
        Self {
            program: is_known.then_some((comm, connection.owner_cgroup)),
            role: connection.role,
            destination: connection.destination(),
            netns: connection.netns,
        }
    }

    pub(super) fn to_key(self) -> GroupKey {
        GroupKey {
            program: self.program.map(|(comm, cgroup)| (comm.to_owned(), cgroup)),
            role: self.role,
            destination: self.destination,
            netns: self.netns,
        }
    }

    /// The same of a key.
    pub(super) fn of_key(key: &'a GroupKey) -> Self {
        Self {
            program: key.program.as_ref().map(|(comm, cgroup)| (comm.as_str(), *cgroup)),
            role: key.role,
            destination: key.destination,
            netns: key.netns,
        }
    }
}

/// All of an address: who chooses it must not choose what it collides with. One of version 4 is one
/// word.
fn address<H: Hasher>(ip: IpAddr, state: &mut H) {
    match ip {
        IpAddr::V4(address) => state.write_u64(address.to_bits().into()),
        IpAddr::V6(address) => state.write_u128(address.to_bits()),
    }
}

/// What tells most groups apart; what it leaves out is compared.
impl Hash for Place<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        address(self.destination.ip(), state);
        let role = self.role.map_or(2, |role| u64::from(role == Role::Client));
        let (port, netns) = (u64::from(self.destination.port()), u64::from(self.netns));
        state.write_u64(netns << 32 | port << 2 | role);
        state.write_u64(self.program.map_or(0, |(comm, cgroup)| {
            comm.bytes().fold(cgroup.unwrap_or(0), |sum, byte| {
                sum.rotate_left(7).wrapping_add(u64::from(byte))
            })
        }));
    }
}

/// The key of one part.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Whose<'a> {
    owner: Option<ProcessId>,
    place: Place<'a>,
}

/// As that of [`Place`], and cheaper: mostly the process tells them apart.
impl Hash for Whose<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let (pid, start_ns) = self.owner.map_or((0, 0), |id| (u64::from(id.pid), id.start_ns));
        state.write_u64(start_ns);
        let destination = self.place.destination;
        state.write_u64(pid);
        address(destination.ip(), state);
        let role = self.place.role.map_or(2, |role| u64::from(role == Role::Client));
        state.write_u64(u64::from(destination.port()) << 2 | role);
    }
}

/// The connections of one process in one group.
#[derive(Clone, Debug)]
pub(super) struct Part<'a> {
    pub(super) place: Place<'a>,
    pub(super) owner: Option<ProcessId>,
    /// Number of its group within the tick.
    group: usize,
    ended: Range<usize>,
    live: Range<usize>,
}

/// The connections of a tick in parts.
#[derive(Debug, Default)]
pub(super) struct Routed<'a> {
    connections: Vec<&'a Connection>,
    parts: Vec<Part<'a>>,
}

/// The same order whatever order they came in.
fn sort(ended: &mut [&Connection], live: &mut [&Connection]) {
    let end_ns = |connection: &Connection| connection.close().map(|close| close.at_ns);
    let rest = |c: &Connection| (c.opened_ns, c.cookie, c.local, c.exchanges);
    ended.sort_by(|left, right| {
        end_ns(left).cmp(&end_ns(right)).then_with(|| rest(left).cmp(&rest(right)))
    });
    live.sort_by(|left, right| {
        left.opened_ns.cmp(&right.opened_ns).then_with(|| rest(left).cmp(&rest(right)))
    });
}

impl<'a> Routed<'a> {
    pub(super) fn of(tick: &'a Tick) -> Self {
        let mut groups: HashMap<Place<'a>, usize, RandomState> = HashMap::default();
        let mut places: HashMap<Whose<'a>, usize, RandomState> = HashMap::default();
        let mut parts: Vec<Part<'a>> = Vec::new();
        let all = || tick.ended.iter().chain(&tick.live);
        let mut numbers = Vec::with_capacity(tick.ended.len() + tick.live.len());
        for connection in all() {
            let whose = Whose { owner: connection.owner, place: Place::of(connection) };
            let number = *places.entry(whose).or_insert_with(|| {
                let count = groups.len();
                let (place, owner) = (whose.place, whose.owner);
                let group = *groups.entry(place).or_insert(count);
                parts.push(Part { place, owner, group, ended: 0..0, live: 0..0 });
                parts.len() - 1
            });
            numbers.push(number);
            let part = &mut parts[number];
            let count = if connection.close().is_some() { &mut part.ended } else { &mut part.live };
            count.end += 1;
        }
        let connections = place(all(), &numbers, &mut parts);
        let mut routed = Self { connections, parts };
        routed.sort();
        routed
    }

    fn sort(&mut self) {
        for part in &self.parts {
            // What ended stands before what is open.
            let both = &mut self.connections[part.ended.start..part.live.end];
            let (ended, live) = both.split_at_mut(part.ended.len());
            sort(ended, live);
        }
        self.parts.sort_unstable_by_key(|part| (part.group, part.owner));
    }

    /// The parts of each group, in the order of their processes.
    pub(super) fn groups(&self) -> impl Iterator<Item = &[Part<'a>]> {
        self.parts.chunk_by(|left, right| left.group == right.group)
    }

    pub(super) fn ended(&self, part: &Part<'_>) -> &[&'a Connection] {
        &self.connections[part.ended.clone()]
    }

    pub(super) fn live(&self, part: &Part<'_>) -> &[&'a Connection] {
        &self.connections[part.live.clone()]
    }
}

/// The connections one part after another; the lengths of the parts become their places.
fn place<'a>(
    all: impl Iterator<Item = &'a Connection> + Clone,
    numbers: &[usize],
    parts: &mut [Part<'a>],
) -> Vec<&'a Connection> {
    let mut from = 0;
    for part in &mut *parts {
        let (ended, live) = (part.ended.len(), part.live.len());
        part.ended = from..from;
        part.live = from + ended..from + ended;
        from += ended + live;
    }
    // Anything fills it: each place is written once.
    let Some(any) = all.clone().next() else { return Vec::new() };
    let mut connections = vec![any; numbers.len()];
    for (connection, number) in all.zip(numbers) {
        let part = &mut parts[*number];
        let is_ended = connection.close().is_some();
        let range = if is_ended { &mut part.ended } else { &mut part.live };
        connections[range.end] = connection;
        range.end += 1;
    }
    connections
}

/// What went beyond the bound, in the order it has whatever order it came in.
pub(super) fn ordered<'a>(
    mut ended: Vec<&'a Connection>,
    mut live: Vec<&'a Connection>,
) -> (Vec<&'a Connection>, Vec<&'a Connection>) {
    sort(&mut ended, &mut live);
    (ended, live)
}
