//! Which end of a connection we are, and whose it is, if it was there before us.
//!
//! The kernel does not remember who dialled. A local port that is listened on was accepted. A local
//! port from the range of dials, towards a port that is not or that is listened on here, was
//! dialled. Anything else is not known: its listener may have been closed since.

use std::collections::{BTreeSet, HashMap};
use std::net::SocketAddr;
use std::ops::RangeInclusive;

use tracer_ebpf::{Conn, flags, opened};

use super::build::address;
use super::record::Role;
use crate::process::{Held, Holder};

/// Kernel number.
const SYN_SENT: u8 = 2;

/// Network namespace, own address, the other end's.
type Place = (u32, SocketAddr, SocketAddr);

/// Sockets at the start of the observation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Served {
    /// Network namespace and port.
    pub listeners: BTreeSet<(u32, u16)>,
    /// `ip_local_port_range`.
    pub dial_ports: RangeInclusive<u16>,
    /// Connections found in /proc, where the kernel cannot walk over open files.
    pub held: HashMap<Place, Option<Holder>>,
    /// Network namespaces of these.
    pub namespaces: BTreeSet<u32>,
    /// Sockets that were found and not kept.
    pub beyond: u64,
    /// When all that is known here was known, monotonic nanoseconds.
    pub known_ns: u64,
}

impl Default for Served {
    /// Nothing is known to listen; the kernel's default range.
    fn default() -> Self {
        Self {
            listeners: BTreeSet::new(),
            dial_ports: 32768..=60999,
            held: HashMap::new(),
            namespaces: BTreeSet::new(),
            beyond: 0,
            known_ns: 0,
        }
    }
}

/// Most listening sockets kept, 12 bytes each.
const LISTENERS: usize = 262_144;

impl Served {
    /// Adds listening sockets.
    pub fn listen(&mut self, at: impl IntoIterator<Item = (u32, u16)>) {
        for listener in at {
            if self.listeners.len() < LISTENERS {
                self.listeners.insert(listener);
            } else if !self.listeners.contains(&listener) {
                self.beyond += 1;
            }
        }
    }

    /// Adds what was found in /proc.
    pub fn hold(&mut self, held: impl IntoIterator<Item = Held>) {
        for held in held {
            self.namespaces.insert(held.netns);
            self.held.insert((held.netns, held.local, held.peer), held.holder);
        }
    }

    /// Completes the record of a connection that was there before us and was found in /proc, as the
    /// kernel's own walk would have: it then has an owner, if it was used by none since.
    pub fn adopt(&self, conn: &mut Conn) {
        // One that ended before is another one than was found at its place.
        let is_other = conn.end_ns != 0 && conn.end_ns < self.known_ns;
        if self.held.is_empty()
            || conn.opened != opened::PREEXISTING
            || conn.flags & flags::SEEDED != 0
            || is_other
        {
            return;
        }
        let local = address(conn.family, conn.saddr, conn.sport);
        let peer = address(conn.family, conn.daddr, conn.dport);
        // Its namespace stays unknown: so is that of the connections it belongs together with.
        let Some(holder) = self.found(conn.netns, local, peer) else { return };
        conn.flags |= flags::SEEDED;
        if let Some(holder) = holder.as_ref().filter(|_| conn.owner_tgid == 0) {
            conn.owner_tgid = holder.id.pid;
            conn.owner_start_ns = holder.id.start_ns;
            conn.owner_comm = [0; 16];
            for (byte, of) in conn.owner_comm.iter_mut().zip(holder.comm.bytes().take(15)) {
                *byte = of;
            }
        }
    }

    /// What was found at a place; in the one namespace that has it, if that is not known.
    fn found(&self, netns: u32, local: SocketAddr, peer: SocketAddr) -> Option<&Option<Holder>> {
        let at = |netns| self.held.get(&(netns, local, peer));
        if netns != 0 {
            return at(netns);
        }
        let mut all = self.namespaces.iter().filter_map(|netns| at(*netns));
        all.next().filter(|_| all.next().is_none())
    }

    /// The role of a connection that was there before us. One that the walk at start did not find
    /// may have been waiting to be accepted then.
    pub(super) fn role(&self, conn: &Conn) -> Option<Role> {
        // Only who dials is ever in this state.
        if conn.state == SYN_SENT || conn.old_state == SYN_SENT {
            return Some(Role::Client);
        }
        if self.is_listened(conn, conn.sport) {
            Some(Role::Server)
        } else if conn.flags & flags::SEEDED == 0 {
            None
        } else {
            let is_served =
                !self.dial_ports.contains(&conn.dport) || self.is_listened(conn, conn.dport);
            (self.dial_ports.contains(&conn.sport) && is_served).then_some(Role::Client)
        }
    }

    /// Whether a port is listened on in the network namespace of `conn`; in any, if that is not
    /// known.
    fn is_listened(&self, conn: &Conn, port: u16) -> bool {
        if conn.netns != 0 {
            return self.listeners.contains(&(conn.netns, port));
        }
        self.listeners.iter().any(|(_, listened)| *listened == port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::testing::blank;
    use crate::process::ProcessId;

    const PLACE: Place = (
        1,
        SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 40_000),
        SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 5432),
    );

    fn found() -> Conn {
        Conn {
            netns: 1,
            saddr: [127, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
            daddr: [127, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
            sport: 40_000,
            dport: 5432,
            end_ns: 9,
            ..blank()
        }
    }

    fn served(holder: Option<Holder>) -> Served {
        Served {
            held: [(PLACE, holder)].into(),
            namespaces: [1].into(),
            known_ns: 5,
            ..Served::default()
        }
    }

    fn adopted(conn: &Conn, served: &Served) -> (u32, u64, bool) {
        let mut conn = *conn;
        served.adopt(&mut conn);
        (conn.owner_tgid, conn.owner_start_ns, conn.flags & flags::SEEDED != 0)
    }

    #[test]
    fn listeners_beyond_the_bound_are_counted() {
        let mut served = Served::default();
        let most = u32::try_from(LISTENERS).unwrap();
        served.listen((0..most + 7).map(|netns| (netns, 80)));
        served.listen([(0, 80)]);
        assert_eq!((served.listeners.len(), served.beyond), (LISTENERS, 7));
    }

    #[test]
    fn who_was_dialling_before_us_is_a_client_whatever_the_ports() {
        let of = |state, old_state| Conn { state, old_state, sport: 80, dport: 40_000, ..blank() };
        assert_eq!(Served::default().role(&of(2, 0)), Some(Role::Client));
        assert_eq!(Served::default().role(&of(7, 2)), Some(Role::Client), "it has failed since");
        assert_eq!(Served::default().role(&of(1, 0)), None);
    }

    #[test]
    fn one_that_was_found_in_proc_belongs_to_its_one_holder() {
        let id = ProcessId { pid: 7, start_ns: 3 };
        let one = served(Some(Holder { id, comm: "a name beyond 15 bytes".into() }));
        assert_eq!(adopted(&found(), &one), (7, 3, true));
        let mut conn = found();
        one.adopt(&mut conn);
        assert_eq!(crate::connection::owner_comm(&conn), "a name beyond 1");
        assert_eq!(one.role(&conn), Some(Role::Client));
        assert_eq!(adopted(&found(), &served(None)), (0, 0, true), "several hold it");
    }

    #[test]
    fn nothing_is_pinned_on_the_holder_of_another_connection() {
        let id = ProcessId { pid: 7, start_ns: 3 };
        let one = served(Some(Holder { id, comm: "x".into() }));
        for other in [
            Conn { sport: 40_001, ..found() },
            Conn { dport: 5433, ..found() },
            Conn { netns: 2, ..found() },
            Conn { opened: opened::ACTIVE, ..found() },
            Conn { end_ns: 4, ..found() },
        ] {
            assert_eq!(adopted(&other, &one), (0, 0, false), "{other:?}");
        }
        let used = Conn { owner_tgid: 8, owner_start_ns: 2, ..found() };
        assert_eq!(adopted(&used, &one), (8, 2, true), "whoever used it since is the owner");
    }

    #[test]
    fn one_without_a_namespace_is_found_in_the_one_that_has_it() {
        let id = ProcessId { pid: 7, start_ns: 3 };
        let holder = || Some(Holder { id, comm: "x".into() });
        let mut served = served(holder());
        let mut conn = Conn { netns: 0, ..found() };
        served.adopt(&mut conn);
        assert_eq!((conn.owner_tgid, conn.netns), (7, 0));
        served.held.insert((2, PLACE.1, PLACE.2), holder());
        served.namespaces.insert(2);
        let conn = Conn { netns: 0, ..found() };
        assert_eq!(adopted(&conn, &served), (0, 0, false), "two have it");
    }

    #[test]
    fn the_end_is_told_by_listeners_and_the_range_of_dials_or_not_at_all() {
        let served = Served { listeners: [(1, 80), (1, 40_000)].into(), ..Served::default() };
        let role = |sport, dport| {
            served.role(&Conn { sport, dport, netns: 1, flags: flags::SEEDED, ..blank() })
        };
        assert_eq!(role(80, 50_000), Some(Role::Server));
        assert_eq!(role(40_000, 50_000), Some(Role::Server));
        assert_eq!(role(50_000, 5432), Some(Role::Client));
        assert_eq!(role(50_000, 40_000), Some(Role::Client), "it is listened on here");
        assert_eq!(role(50_000, 50_001), None, "a listener may have been there");
        assert_eq!(role(22, 50_000), None, "its listener is gone");
        let later = |sport| Conn { sport, dport: 5432, netns: 1, ..blank() };
        assert_eq!(served.role(&later(80)), Some(Role::Server));
        assert_eq!(served.role(&later(50_000)), None, "found after the start");
        let nowhere = |sport| Conn { netns: 0, ..later(sport) };
        assert_eq!(served.role(&nowhere(80)), Some(Role::Server), "its namespace is not known");
        assert_eq!(served.role(&nowhere(81)), None);
    }
}
