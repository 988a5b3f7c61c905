//! The server's view: totals per address that this host serves and address of a peer, over all
//! processes that serve it. Sits beside [`super::Aggregate`], sees the same ticks, and judges
//! nothing: a server's verdicts stay its own.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use super::common::Common;
use super::peer_redials::PeerRedials;
use super::races::Races;
use super::{Slice, Totals};
use crate::connection::{Connection, Role, Tick};

/// Rows kept by default: with its totals a row takes about a kilobyte, twice that with many close
/// causes, so that a service of the open internet costs no more than a few megabytes.
pub const MOST_PEERS: usize = 4_096;

/// One peer address at one address of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Peer {
    /// Network namespace inode number; 0 if not known.
    pub netns: u32,
    /// Our own address and port, as the connections have it: never a wildcard.
    pub server: SocketAddr,
    /// The peer's address. Its ports are many and say nothing.
    pub address: IpAddr,
}

/// What is counted of one peer address.
#[derive(Clone, Debug, PartialEq)]
pub struct PeerTotals {
    /// Whose; `None` for all peers beyond the bound, at any address of ours.
    pub peer: Option<Peer>,
    /// `comm` of the processes that serve the address, where all that are known have the same.
    pub served_by: Option<String>,
    /// Connections, as in any totals. Their `redials` are those of a dialler and always 0 here;
    /// peak, quantiles and processes are not counted.
    pub totals: Totals,
    /// Connections that the peer opened at most [`super::REDIAL_NS`] after its own FIN or reset had
    /// been the first of its last one, while it had no other open. `None` for many peers together.
    pub redials: Option<u64>,
}

#[derive(Debug, Default)]
struct Row {
    ended: Totals,
    /// Counted anew at each tick.
    live: Totals,
    served_by: Common<String>,
    redials: PeerRedials,
}

impl Row {
    fn observe(&mut self, slice: &Slice<'_>) {
        self.live = Totals::default();
        self.live.count_all(slice.live, slice.start_ns);
        self.ended.count_all(slice.ended, slice.start_ns);
        for connection in slice.all().filter(|connection| !connection.owner_comm.is_empty()) {
            self.served_by.learn(Some(connection.owner_comm.as_str()));
        }
    }

    const fn connections(&self) -> u64 {
        self.ended.connections().saturating_add(self.live.connections())
    }

    fn totals(&self) -> Totals {
        let mut totals = self.ended.clone();
        totals.add(&self.live);
        totals
    }
}

/// The connections of one peer in one tick.
#[derive(Default)]
struct Part<'a> {
    ended: Vec<&'a Connection>,
    live: Vec<&'a Connection>,
}

/// Totals per peer since the start. Connections that this host dialled, and those of which it is not
/// known which end we are, are not counted.
#[derive(Debug)]
pub struct Peers {
    limit: usize,
    start_ns: u64,
    previous_ns: u64,
    rows: BTreeMap<Peer, Row>,
    other: Row,
}

impl Peers {
    /// None yet, in a window that begins at `start_ns`, monotonic nanoseconds. Beyond `limit` peers
    /// further ones are counted together.
    #[must_use]
    pub fn new(start_ns: u64, limit: usize) -> Self {
        let other = Row::default();
        Self { limit, start_ns, previous_ns: start_ns, rows: BTreeMap::new(), other }
    }

    /// Takes in one tick.
    pub fn fold(&mut self, tick: &Tick) {
        let (start_ns, previous_ns) = (self.start_ns, self.previous_ns);
        let now_ns = tick.now_ns.max(previous_ns);
        // Only dials race.
        let races = Races::default();
        let mut parts = route(tick);
        let observe = |row: &mut Row, part: &Part<'_>, is_one_peer: bool| {
            let (ended, live) = (part.ended.as_slice(), part.live.as_slice());
            let slice = Slice { start_ns, previous_ns, now_ns, ended, live, races: &races };
            row.observe(&slice);
            if is_one_peer {
                row.redials.observe(&slice);
            }
        };
        // Those without any connection in this tick too: time has passed for them.
        for (peer, row) in &mut self.rows {
            observe(row, &parts.remove(peer).unwrap_or_default(), true);
        }
        // Rows that never had a connection end: theirs turned out to be another's.
        self.rows.retain(|_, row| row.connections() > 0);
        let mut rest = Part::default();
        for (peer, mut part) in parts {
            if self.rows.len() < self.limit {
                observe(self.rows.entry(peer).or_default(), &part, true);
            } else {
                rest.ended.append(&mut part.ended);
                rest.live.append(&mut part.live);
            }
        }
        observe(&mut self.other, &rest, false);
        self.previous_ns = now_ns;
    }

    /// Connections of peers beyond the bound.
    #[must_use]
    pub const fn evicted(&self) -> u64 {
        self.other.connections()
    }

    /// Every peer, in the order of our addresses and theirs; last, if there are any, all those
    /// beyond the bound.
    #[must_use]
    pub fn totals(&self) -> Vec<PeerTotals> {
        let mut served_by: BTreeMap<_, Common<String>> = BTreeMap::new();
        for (peer, row) in &self.rows {
            served_by.entry((peer.netns, peer.server)).or_default().merge(&row.served_by);
        }
        let one = |(peer, row): (&Peer, &Row)| PeerTotals {
            peer: Some(*peer),
            served_by: served_by.get(&(peer.netns, peer.server)).and_then(|by| by.get().cloned()),
            totals: row.totals(),
            redials: Some(row.redials.count()),
        };
        let other = (self.other.connections() > 0).then(|| PeerTotals {
            peer: None,
            served_by: None,
            totals: self.other.totals(),
            redials: None,
        });
        self.rows.iter().map(one).chain(other).collect()
    }
}

/// Sorts the connections that this host accepted by peer.
fn route(tick: &Tick) -> BTreeMap<Peer, Part<'_>> {
    let mut parts: BTreeMap<_, Part<'_>> = BTreeMap::new();
    let accepted = |connection: &&Connection| connection.role == Some(Role::Server);
    for connection in tick.ended.iter().chain(&tick.live).filter(accepted) {
        let Connection { netns, local: server, .. } = *connection;
        let peer = Peer { netns, server, address: connection.peer.ip() };
        let part = parts.entry(peer).or_default();
        match connection.close() {
            Some(_) => part.ended.push(connection),
            None => part.live.push(connection),
        }
    }
    parts
}

#[cfg(test)]
mod tests;
