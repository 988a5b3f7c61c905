//! Which end of a connection we are, if it was there before us.
//!
//! The kernel does not remember who dialled. A local port that is listened on was accepted. A local
//! port from the range of dials, towards a port that is not or that is listened on here, was
//! dialled. Anything else is not known: its listener may have been closed since.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use tracer_ebpf::{Conn, flags};

use super::record::Role;

/// Listening sockets at the start of the observation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Served {
    /// Network namespace and port.
    pub listeners: BTreeSet<(u32, u16)>,
    /// `ip_local_port_range`.
    pub dial_ports: RangeInclusive<u16>,
}

impl Default for Served {
    /// Nothing is known to listen; the kernel's default range.
    fn default() -> Self {
        Self { listeners: BTreeSet::new(), dial_ports: 32768..=60999 }
    }
}

impl Served {
    /// The role of a connection that was there before us. One that the walk at start did not find
    /// may have been waiting to be accepted then.
    pub(super) fn role(&self, conn: &Conn) -> Option<Role> {
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
