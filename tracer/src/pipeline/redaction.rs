//! Addresses that nobody may read: each is replaced by a stand-in before anything is judged or told, so
//! that no output, text or metric can name it. Decides nothing else, and keeps the way back to itself.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::connection::Tick;
use crate::hash::Map;

/// Most addresses that have a stand-in of their own, 40 bytes each. Further ones of a family share one.
const MOST: usize = 262_144;
/// Where stand-ins are numbered from: `240.0.0.0/4` is reserved, `2001:db8::/32` is for documents. So
/// neither can be taken for an address that somebody has.
const V4: u32 = 0xf000_0000;
const V6: u128 = 0x2001_0db8 << 96;

/// The stand-ins, by address: the same one as long as this lives, numbered as they come.
#[derive(Clone, Debug, Default)]
pub(super) struct Redaction {
    stand_ins: Map<IpAddr, u32>,
    beyond: u64,
}

impl Redaction {
    /// Replaces all addresses of an interval.
    pub(super) fn apply(&mut self, tick: &mut Tick) {
        for connection in tick.ended.iter_mut().chain(&mut tick.live) {
            self.replace(&mut connection.local);
            self.replace(&mut connection.peer);
        }
    }

    /// How often an address had to share its stand-in.
    pub(super) const fn beyond(&self) -> u64 {
        self.beyond
    }

    fn replace(&mut self, at: &mut SocketAddr) {
        let ip = at.ip();
        // They tell nothing of anybody, and much of what goes on.
        if ip.is_loopback() || ip.is_unspecified() {
            return;
        }
        // 0 is that of all others.
        let next = self.stand_ins.len() + 1;
        let number = match self.stand_ins.get(&ip) {
            Some(number) => *number,
            None if next > MOST => {
                self.beyond += 1;
                0
            }
            None => {
                let number = u32::try_from(next).unwrap_or(0);
                self.stand_ins.insert(ip, number);
                number
            }
        };
        let stand_in = match ip {
            IpAddr::V4(_) => Ipv4Addr::from(V4 + number).into(),
            IpAddr::V6(_) => Ipv6Addr::from(V6 + u128::from(number)).into(),
        };
        // A scope would name an interface.
        *at = SocketAddr::new(stand_in, at.port());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn replaced(redaction: &mut Redaction, at: &str) -> String {
        let mut at: SocketAddr = at.parse().unwrap();
        redaction.replace(&mut at);
        at.to_string()
    }

    #[test]
    fn an_address_has_one_stand_in_and_no_other_has_it() {
        let mut redaction = Redaction::default();
        let mut replaced = |at: &str| replaced(&mut redaction, at);
        assert_eq!(replaced("10.1.2.3:443"), "240.0.0.1:443");
        assert_eq!(replaced("192.0.2.9:50000"), "240.0.0.2:50000");
        assert_eq!(replaced("10.1.2.3:80"), "240.0.0.1:80", "the port is kept");
        assert_eq!(replaced("[fe80::1%7]:80"), "[2001:db8::3]:80", "and no scope");
        assert_eq!(replaced("[::ffff:10.1.2.3]:80"), "[2001:db8::4]:80");
    }

    #[test]
    fn loopback_is_nobody() {
        let mut redaction = Redaction::default();
        for at in ["127.0.0.1:80", "127.9.9.9:80", "[::1]:80", "0.0.0.0:0", "[::]:0"] {
            assert_eq!(replaced(&mut redaction, at), at);
        }
    }

    #[test]
    fn addresses_beyond_the_bound_share_one_and_are_counted() {
        let mut redaction = Redaction::default();
        for number in 0..MOST {
            let ip = Ipv4Addr::from(0x0a00_0000 + u32::try_from(number).unwrap());
            redaction.replace(&mut SocketAddr::new(ip.into(), 1));
        }
        assert_eq!(redaction.beyond(), 0);
        assert_eq!(replaced(&mut redaction, "192.0.2.1:5"), "240.0.0.0:5");
        assert_eq!(replaced(&mut redaction, "10.0.0.0:5"), "240.0.0.1:5", "the first stays");
        assert_eq!(redaction.beyond(), 1);
    }
}
