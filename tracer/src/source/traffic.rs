//! Whether our network namespace has sent or received a TCP segment: where it has not, no open
//! connection has, and the last walk over the sockets still holds.

/// Segments so far, in and out; retransmitted ones apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Traffic([u64; 3]);

impl Traffic {
    /// As of now; `None` if it cannot be read, and then nothing is known of it.
    pub(super) fn read() -> Option<Self> {
        Self::of(&std::fs::read_to_string("/proc/thread-self/net/snmp").ok()?)
    }

    /// Any, for tests.
    #[cfg(test)]
    pub(super) const fn testing(segments: u64) -> Self {
        Self([segments; 3])
    }

    /// The kernel writes a line of names, then one of numbers.
    fn of(text: &str) -> Option<Self> {
        let mut lines = text.lines().filter_map(|line| line.strip_prefix("Tcp:"));
        let (names, values) = (lines.next()?.split_whitespace(), lines.next()?.split_whitespace());
        let values: Vec<(&str, &str)> = names.zip(values).collect();
        let number = |wanted: &str| {
            values
                .iter()
                .find(|(name, _)| *name == wanted)
                .and_then(|(_, value)| value.parse().ok())
        };
        Some(Self([number("InSegs")?, number("OutSegs")?, number("RetransSegs")?]))
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

    #[test]
    fn what_lacks_a_number_is_not_known() {
        let whole =
            "Ip: Forwarding\nIp: 1\nTcp: MaxConn InSegs OutSegs RetransSegs\nTcp: -1 7 8 9\n";
        assert_eq!(Traffic::of(whole), Some(Traffic([7, 8, 9])));
        for cut in ["", "Tcp: InSegs OutSegs", &whole[..whole.len() - 3], &whole.replace('8', "x")]
        {
            assert_eq!(Traffic::of(cut), None, "{cut}");
        }
    }
}
