//! The local ports that connections to one destination keep busy.
//!
//! A local port is free for a destination again when no connection of the same source address to it
//! is open, or lies in TIME_WAIT: 60 s on the side that sent the first FIN and was not reset; one
//! second where the kernel may take such a port again (`tcp_tw_reuse`).

use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, SocketAddr};

use crate::aggregate::{Key, Slice};
use crate::connection::{CloseCause, Connection, Initiator, Role, Tick, seconds};
use crate::hash::Map;
use crate::probe::{Ports, Reuse};

/// `TCP_TIMEWAIT_LEN`, which no setting changes.
const TIME_WAIT_S: u64 = 60;
/// How long a port in TIME_WAIT is kept where it may be used again.
const REUSED_S: u64 = 1;
/// Rates are over this long at most.
const RATE_S: u64 = 10;
/// A rate over less is none.
const RATE_MIN_S: f64 = 2.0;
/// Source addresses told apart; a process that dials from more is not judged.
const SOURCES: usize = 8;

/// Second of a monotonic time.
const fn second(at_ns: u64) -> u64 {
    at_ns / 1_000_000_000
}

/// Ports of one source address towards one destination.
#[derive(Clone, Debug, Default)]
pub(super) struct PortUse {
    /// Connections open at the last tick.
    live: u64,
    /// The same at earlier ticks, the last [`RATE_S`] of them.
    before: VecDeque<(u64, u64)>,
    /// Connections that went into TIME_WAIT, by second.
    time_waits: BTreeMap<u64, u64>,
}

/// What holds ports now, and how that grows.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Held {
    /// Open connections.
    pub(super) live: u64,
    /// Those in TIME_WAIT, of the connections that ended while we watched.
    pub(super) time_wait: u64,
    /// New `TIME_WAIT`s per second.
    pub(super) time_wait_per_s: f64,
    /// Growth of the open ones per second.
    pub(super) live_per_s: f64,
    /// How long one in TIME_WAIT keeps its port, seconds.
    pub(super) hold_s: u64,
}

impl Held {
    /// Ports held now.
    pub(super) const fn now(&self) -> u64 {
        self.live.saturating_add(self.time_wait)
    }

    /// Ports held in a minute if it goes on like this.
    pub(super) fn soon(&self) -> f64 {
        let live = self.live as f64 + self.live_per_s.max(0.0) * TIME_WAIT_S as f64;
        let coming = self.time_wait_per_s * self.hold_s as f64;
        live + coming.max(self.time_wait as f64)
    }

    /// Seconds until `usable` ports are held, if they will be.
    pub(super) fn exhausted_in_s(&self, usable: u64) -> Option<f64> {
        let left = usable.saturating_sub(self.now()) as f64;
        let per_s = self.live_per_s.max(0.0) + self.time_wait_per_s;
        (self.soon() >= usable as f64 && per_s > 0.0).then(|| left / per_s)
    }

    fn add(&mut self, other: &Self) {
        self.live += other.live;
        self.time_wait += other.time_wait;
        self.time_wait_per_s += other.time_wait_per_s;
        self.live_per_s += other.live_per_s;
        self.hold_s = self.hold_s.max(other.hold_s);
    }
}

/// Whether its end left a TIME_WAIT on our side.
fn leaves_time_wait(connection: &Connection) -> bool {
    connection.close().is_some_and(|close| match close.cause {
        CloseCause::LocalClose => close.initiator == Initiator::Local && close.rst.is_none(),
        CloseCause::SimultaneousClose => close.rst.is_none(),
        _ => false,
    })
}

impl PortUse {
    fn held(&self, now_ns: u64, hold_s: u64) -> Held {
        let now = second(now_ns);
        let since = |seconds: u64| {
            let from = now.saturating_sub(seconds);
            self.time_waits.range(from..).map(|(_, count)| count).sum::<u64>()
        };
        let first = self.time_waits.keys().next().copied().unwrap_or(now);
        let rate_s = now.saturating_sub(first).min(RATE_S) as f64;
        let before = self.before.front();
        let live_per_s = before.map_or(0.0, |(at_ns, live)| {
            let over_s = seconds(*at_ns, now_ns);
            let grown = self.live as f64 - *live as f64;
            if over_s >= RATE_MIN_S { grown / over_s } else { 0.0 }
        });
        let time_wait_per_s =
            if rate_s >= RATE_MIN_S { since(RATE_S) as f64 / rate_s } else { 0.0 };
        Held { live: self.live, time_wait: since(hold_s), time_wait_per_s, live_per_s, hold_s }
    }

    fn tick(&mut self, now_ns: u64, live: u64) {
        self.live = live;
        self.before.push_back((now_ns, live));
        while self.before.len() as u64 > RATE_S {
            self.before.pop_front();
        }
        let oldest = second(now_ns).saturating_sub(TIME_WAIT_S);
        self.time_waits = self.time_waits.split_off(&oldest);
    }

    fn merge(&mut self, other: &Self) {
        self.live += other.live;
        for (at, count) in &other.time_waits {
            *self.time_waits.entry(*at).or_default() += count;
        }
        // Growth of the open ones does not add up over processes that come and go.
        self.before.clear();
    }
}

/// The same by source address.
#[derive(Clone, Debug, Default)]
pub(super) struct Sources {
    by_address: BTreeMap<IpAddr, PortUse>,
    is_beyond: bool,
}

impl Sources {
    /// Whether no port is known to be held.
    pub(super) fn is_empty(&self) -> bool {
        self.by_address.is_empty()
    }

    /// Takes in one interval.
    pub(super) fn observe(&mut self, slice: &Slice<'_>) {
        let mut live: BTreeMap<IpAddr, u64> = BTreeMap::new();
        for connection in slice.live.iter().filter(|c| c.role == Some(Role::Client)) {
            *live.entry(connection.local.ip()).or_default() += 1;
        }
        for connection in slice.ended.iter().filter(|c| c.role == Some(Role::Client)) {
            if leaves_time_wait(connection)
                && let Some(close) = connection.close()
                && let Some(port_use) = self.of(connection.local.ip())
            {
                *port_use.time_waits.entry(second(close.at_ns)).or_default() += 1;
            }
        }
        for address in live.keys() {
            self.of(*address);
        }
        for (address, port_use) in &mut self.by_address {
            port_use.tick(slice.now_ns, live.get(address).copied().unwrap_or(0));
        }
        self.by_address.retain(|_, held| held.live > 0 || !held.time_waits.is_empty());
    }

    fn of(&mut self, address: IpAddr) -> Option<&mut PortUse> {
        if self.by_address.len() >= SOURCES && !self.by_address.contains_key(&address) {
            self.is_beyond = true;
            return None;
        }
        Some(self.by_address.entry(address).or_default())
    }

    /// Takes over those of another process.
    pub(super) fn merge(&mut self, other: &Self) {
        for (address, port_use) in &other.by_address {
            if let Some(own) = self.of(*address) {
                own.merge(port_use);
            }
        }
        self.is_beyond |= other.is_beyond;
    }
}

/// What one key has to do with the ports of a source address towards its destination.
#[derive(Clone, Copy, Debug)]
pub(super) struct PlaceUse {
    /// The source address.
    pub(super) source: IpAddr,
    /// Over all processes.
    pub(super) all: Held,
    /// Of the key itself.
    pub(super) own: Held,
    /// Keys that hold some.
    pub(super) holders: u64,
    /// Ports there are.
    pub(super) usable: u64,
    /// Whether that was read in the namespace of the connections, not taken to be the default.
    pub(super) is_read: bool,
}

/// Shares of the usable ports that are held, over all processes: fed with every tick, so that it knows
/// each TIME_WAIT of the last minute.
#[derive(Debug, Default)]
pub struct UsedPorts {
    places: Map<Place, PortUse>,
    now_ns: u64,
}

/// Most places of it, some 200 bytes each; those that come when it is full are left out.
const MOST_PLACES: usize = 65_536;

impl UsedPorts {
    /// Takes in one tick.
    pub fn observe(&mut self, tick: &Tick) {
        let mut live: Map<Place, u64> = Map::default();
        for connection in tick.live.iter().filter(|c| c.role == Some(Role::Client)) {
            *live.entry(place(connection)).or_default() += 1;
        }
        let ended = tick.ended.iter().filter(|c| c.role == Some(Role::Client));
        for connection in ended.filter(|connection| leaves_time_wait(connection)) {
            if let (Some(close), Some(used)) = (connection.close(), self.of(place(connection))) {
                *used.time_waits.entry(second(close.at_ns)).or_default() += 1;
            }
        }
        for place in live.keys() {
            self.of(*place);
        }
        for (place, used) in &mut self.places {
            used.tick(tick.now_ns, live.get(place).copied().unwrap_or(0));
        }
        self.places.retain(|_, used| used.live > 0 || !used.time_waits.is_empty());
        self.now_ns = tick.now_ns;
    }

    /// Share of `ports` that is held towards each destination, 0 to 1: that of the source address that
    /// holds most.
    #[must_use]
    pub fn shares(&self, ports: &Ports) -> BTreeMap<SocketAddr, f64> {
        let mut shares: BTreeMap<SocketAddr, f64> = BTreeMap::new();
        for ((_, source, destination), used) in &self.places {
            let hold_s = hold_s(*source, *destination, ports.reuse);
            let held = used.held(self.now_ns, hold_s).now() as f64 / ports.usable.max(1) as f64;
            let share = shares.entry(*destination).or_default();
            *share = share.max(held);
        }
        shares
    }

    fn of(&mut self, place: Place) -> Option<&mut PortUse> {
        if self.places.len() >= MOST_PLACES && !self.places.contains_key(&place) {
            return None;
        }
        Some(self.places.entry(place).or_default())
    }
}

fn place(connection: &Connection) -> Place {
    (connection.netns, connection.local.ip(), connection.peer)
}

/// Network namespace, source address and destination.
type Place = (u32, IpAddr, SocketAddr);

/// For each key that holds more ports than any other one from some source address towards its
/// destination: what is held there. Ports are shared by all processes of the namespace.
pub(super) fn places<'a>(
    keys: impl Iterator<Item = (&'a Key, &'a Sources)>,
    now_ns: u64,
    ports: &Ports,
) -> BTreeMap<&'a Key, PlaceUse> {
    let mut places: BTreeMap<Place, Vec<(&Key, Held)>> = BTreeMap::new();
    for (key, sources) in keys.filter(|(_, sources)| !sources.is_beyond) {
        let Some(destination) = key.destination else { continue };
        for (source, port_use) in &sources.by_address {
            let hold_s = hold_s(*source, destination, ports.reuse);
            let held = port_use.held(now_ns, hold_s);
            places.entry((key.netns, *source, destination)).or_default().push((key, held));
        }
    }
    let mut largest: BTreeMap<&Key, PlaceUse> = BTreeMap::new();
    for ((netns, source, _), holders) in places {
        let mut all = Held::default();
        for (_, held) in &holders {
            all.add(held);
        }
        let weight = |held: &Held| held.soon();
        let Some((key, own)) =
            holders.iter().max_by(|(_, left), (_, right)| weight(left).total_cmp(&weight(right)))
        else {
            continue;
        };
        let place = PlaceUse {
            source,
            all,
            own: *own,
            holders: holders.len() as u64,
            usable: ports.usable,
            is_read: ports.netns == Some(netns),
        };
        let known = largest.get(key).is_some_and(|known| known.all.soon() >= all.soon());
        if !known {
            largest.insert(key, place);
        }
    }
    largest
}

fn hold_s(source: IpAddr, destination: SocketAddr, reuse: Reuse) -> u64 {
    let is_loopback = source.is_loopback() && destination.ip().is_loopback();
    match reuse {
        Reuse::Always => REUSED_S,
        Reuse::Loopback if is_loopback => REUSED_S,
        Reuse::Loopback | Reuse::Never => TIME_WAIT_S,
    }
}
