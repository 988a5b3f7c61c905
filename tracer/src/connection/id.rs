//! Which connection a wire record is of.

use tracer_ebpf::{Conn, flags};

/// Identity of a connection as long as it is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Id {
    /// A cookie is per socket, and a socket may dial again.
    Socket {
        /// The socket.
        cookie: u64,
        /// When this life of it began.
        open_ns: u64,
    },
    /// Where the kernel gives no cookie (5.10), the peer, and our port if it was there before us, must
    /// do.
    Place {
        /// When it was opened.
        open_ns: u64,
        /// Its network namespace.
        netns: u32,
        /// The peer's address.
        peer: [u8; 16],
        /// The peer's port, and ours.
        ports: [u16; 2],
    },
}

impl Id {
    /// Of the connection that this record is of.
    pub(super) const fn of(conn: &Conn) -> Self {
        // Plain tracepoints may tell the cookie later than the opening.
        if conn.cookie != 0 && conn.flags & flags::PLAIN == 0 {
            return Self::Socket { cookie: conn.cookie, open_ns: conn.open_ns };
        }
        let sport = if conn.open_ns == 0 { conn.sport } else { 0 };
        Self::Place {
            open_ns: conn.open_ns,
            netns: conn.netns,
            peer: conn.daddr,
            ports: [conn.dport, sport],
        }
    }
}
