//! Whether our network namespace has sent or received a TCP segment: where it has not, no open
//! connection has, and the last walk over the sockets still holds.

/// Segments so far, in and out; retransmitted ones apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Traffic([u64; 3]);

impl Traffic {
    /// As of now; `None` if it cannot be read, and then nothing is known of it.
    pub(super) fn read() -> Option<Self> {
        let counts = procfs::net::snmp().ok()?;
        Some(Self([counts.tcp_in_segs, counts.tcp_out_segs, counts.tcp_retrans_segs]))
    }

    /// Any, for tests.
    #[cfg(test)]
    pub(super) const fn testing(segments: u64) -> Self {
        Self([segments; 3])
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::{Ipv4Addr, TcpListener, TcpStream};

    use super::*;

    #[test]
    fn a_byte_that_is_only_written_is_traffic() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let mut dialled = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (mut accepted, _) = listener.accept().unwrap();
        let before = Traffic::read().expect("this host counts");
        dialled.write_all(b"x").unwrap();
        accepted.read_exact(&mut [0]).unwrap();
        assert_ne!(Traffic::read(), Some(before));
    }
}
