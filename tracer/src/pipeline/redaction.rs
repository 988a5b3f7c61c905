//! Addresses that nobody may read: each is replaced by a stand-in before anything is judged or told, so
//! that no output, text or metric can name it. Decides nothing else, and keeps the way back to itself.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::connection::Tick;
use crate::hash::{Map, Set};

/// Most addresses that have a stand-in of their own, some 60 bytes each. Further ones of a family share
/// one.
const MOST: usize = 262_144;
/// Where stand-ins are numbered from: `240.0.0.0/4` is reserved, `2001:db8::/32` is for documents. So
/// neither can be taken for an address that somebody has.
const V4: u32 = 0xf000_0000;
const V6: u128 = 0x2001_0db8 << 96;
/// The last number that the range for IPv4 has room for.
const LAST: u32 = (1 << 28) - 1;
/// The number of all that have none of their own.
const SHARED: u32 = 0;
const SECOND_NS: u64 = 1_000_000_000;
/// For how long an address must not have been seen to be forgotten once the table is full.
const UNUSED_NS: u64 = 600 * SECOND_NS;
/// How soon the table, still or again full, is looked through once more.
const PAUSE_NS: u64 = 60 * SECOND_NS;

/// What an address has.
#[derive(Clone, Copy, Debug)]
struct StandIn {
    number: u32,
    used_ns: u64,
}

/// The stand-ins, by address: the same one as long as it is kept here, numbered as they come.
#[derive(Clone, Debug, Default)]
pub(super) struct Redaction {
    stand_ins: Map<IpAddr, StandIn>,
    /// The number that was given last.
    given: u32,
    /// Those from before the range was used up that are still in use.
    taken: Set<u32>,
    swept_ns: Option<u64>,
    beyond: u64,
}

impl Redaction {
    /// Replaces all addresses of an interval.
    pub(super) fn apply(&mut self, tick: &mut Tick) {
        for connection in tick.ended.iter_mut().chain(&mut tick.live) {
            self.replace(&mut connection.local, tick.now_ns);
            self.replace(&mut connection.peer, tick.now_ns);
        }
    }

    /// How often an address had to share its stand-in: each time that it was met.
    pub(super) const fn beyond(&self) -> u64 {
        self.beyond
    }

    fn replace(&mut self, at: &mut SocketAddr, now_ns: u64) {
        let ip = at.ip();
        // They tell nothing of anybody, and much of what goes on.
        if ip.is_loopback() || ip.is_unspecified() {
            return;
        }
        let number = self.number(ip, now_ns);
        let stand_in = match ip {
            IpAddr::V4(_) => Ipv4Addr::from(V4 + number).into(),
            IpAddr::V6(_) => Ipv6Addr::from(V6 + u128::from(number)).into(),
        };
        // A scope would name an interface.
        *at = SocketAddr::new(stand_in, at.port());
    }

    fn number(&mut self, ip: IpAddr, now_ns: u64) -> u32 {
        if let Some(known) = self.stand_ins.get_mut(&ip) {
            known.used_ns = now_ns;
            return known.number;
        }
        if self.stand_ins.len() >= MOST {
            self.sweep(now_ns);
        }
        if self.stand_ins.len() >= MOST {
            self.beyond += 1;
            return SHARED;
        }
        let number = self.next();
        self.stand_ins.insert(ip, StandIn { number, used_ns: now_ns });
        number
    }

    /// Forgets what has not been used for long; all are looked at, so not at each new one.
    fn sweep(&mut self, now_ns: u64) {
        if self.swept_ns.is_some_and(|swept_ns| now_ns.saturating_sub(swept_ns) < PAUSE_NS) {
            return;
        }
        self.swept_ns = Some(now_ns);
        self.stand_ins.retain(|_, known| now_ns.saturating_sub(known.used_ns) < UNUSED_NS);
    }

    /// A number that nobody has had since the range began, or that nobody has any more.
    fn next(&mut self) -> u32 {
        loop {
            self.given += 1;
            if self.given > LAST {
                self.given = SHARED + 1;
                self.taken = self.stand_ins.values().map(|known| known.number).collect();
            }
            // There are fewer in use than the range has, so that this ends.
            if !self.taken.contains(&self.given) {
                return self.given;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn replaced(redaction: &mut Redaction, at: &str) -> String {
        let mut at: SocketAddr = at.parse().unwrap();
        redaction.replace(&mut at, 0);
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

    fn fill(redaction: &mut Redaction, now_ns: u64) {
        for number in 0..MOST {
            let ip = Ipv4Addr::from(0x0a00_0000 + u32::try_from(number).unwrap());
            redaction.replace(&mut SocketAddr::new(ip.into(), 1), now_ns);
        }
    }

    #[test]
    fn addresses_beyond_the_bound_share_one_and_each_time_is_counted() {
        let mut redaction = Redaction::default();
        fill(&mut redaction, 0);
        assert_eq!(redaction.beyond(), 0);
        assert_eq!(replaced(&mut redaction, "192.0.2.1:5"), "240.0.0.0:5");
        assert_eq!(replaced(&mut redaction, "10.0.0.0:5"), "240.0.0.1:5", "the first stays");
        assert_eq!(redaction.beyond(), 1);
        assert_eq!(replaced(&mut redaction, "192.0.2.1:6"), "240.0.0.0:6");
        assert_eq!(redaction.beyond(), 2, "not how many addresses there are");
    }

    #[test]
    fn what_was_not_used_for_ten_minutes_makes_room_and_its_number_is_not_given_again() {
        let mut redaction = Redaction::default();
        fill(&mut redaction, 0);
        let mut at = |text: &str, seconds: u64| {
            let mut at: SocketAddr = text.parse().unwrap();
            redaction.replace(&mut at, seconds * SECOND_NS);
            at.to_string()
        };
        assert_eq!(at("10.0.0.7:1", 30), "240.0.0.8:1");
        assert_eq!(at("192.0.2.1:1", 599), "240.0.0.0:1");
        assert_eq!(at("192.0.2.1:1", 658), "240.0.0.0:1", "looked through less than a minute ago");
        assert_eq!(at("10.0.0.7:1", 658), "240.0.0.8:1");
        // 262,144 is 0x4_0000.
        assert_eq!(at("192.0.2.1:1", 659), "240.4.0.1:1");
        assert_eq!(at("10.0.0.7:1", 660), "240.0.0.8:1", "it was in use");
        assert_eq!(at("10.0.0.8:1", 660), "240.4.0.2:1", "and that was not");
        assert_eq!(redaction.stand_ins.len(), 3);
    }

    #[test]
    fn once_the_range_is_used_up_numbers_begin_anew_but_for_those_in_use() {
        let mut redaction = Redaction::default();
        assert_eq!(replaced(&mut redaction, "10.0.0.1:1"), "240.0.0.1:1");
        redaction.given = LAST - 1;
        assert_eq!(replaced(&mut redaction, "10.0.0.2:1"), "255.255.255.255:1");
        assert_eq!(replaced(&mut redaction, "10.0.0.3:1"), "240.0.0.2:1");
    }
}
