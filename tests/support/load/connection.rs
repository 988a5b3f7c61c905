//! What is exchanged on a connection: all of it follows from the number of the client and of the
//! connection, so that both ends know it and two connections are seldom alike.

use std::net::{Ipv4Addr, SocketAddrV4};

use super::behaviour::Behaviour;
use super::log::Side;
use super::port;

/// Room for the longest message.
pub(super) const ROOM: usize = 1024;
/// Number, behaviour and length, and whether it belongs to the last batch.
const HEADER: usize = 8 + 1 + 2 + 1;

/// One connection of one client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    /// Pair it belongs to.
    pub(crate) pair: u8,
    /// Its number, counted by the client.
    pub(crate) number: u64,
    /// How it ends.
    pub(crate) behaviour: Behaviour,
}

/// Finalizer of `SplitMix64`: spreads consecutive numbers.
const fn spread(number: u64) -> u64 {
    let mut x = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

fn between(least: u64, most: u64, seed: u64) -> usize {
    usize::try_from(least + spread(seed) % (most - least + 1)).expect("a small length")
}

impl Plan {
    /// What client `pair` does as its `number`th connection.
    pub(super) fn of(pair: u8, number: u64) -> Self {
        let seed = spread(number ^ (u64::from(pair) << 48));
        let at = usize::try_from(seed % 7).expect("below 7");
        Self { pair, number, behaviour: Behaviour::ALL[at] }
    }

    fn seed(&self) -> u64 {
        (self.number << 8) | u64::from(self.pair)
    }

    /// Length of the first request.
    pub(super) fn request(&self) -> usize {
        between(32, 400, self.seed())
    }

    /// Length of an answer.
    pub(super) fn answer(&self) -> usize {
        between(16, 600, !self.seed())
    }

    /// Length of the second request, where there is one.
    pub(super) fn second(&self) -> usize {
        match self.behaviour {
            Behaviour::ServerResets | Behaviour::TwoExchanges => {
                between(1, 99, self.seed().rotate_left(32))
            }
            _ => 0,
        }
    }

    fn answers(&self) -> usize {
        if self.behaviour == Behaviour::TwoExchanges { 2 } else { 1 }
    }

    /// Payload bytes that this side sent, and how many of the last ones the peer may not have
    /// acknowledged: a reset tells nothing of what its sender had received, and it may overtake the
    /// acknowledgement on its way.
    pub(crate) fn sent(&self, side: Side) -> (usize, usize) {
        match side {
            Side::Client => {
                let is_doubtful = self.behaviour == Behaviour::ServerResets;
                let doubtful = if is_doubtful { self.second() } else { 0 };
                (self.request() + self.second(), doubtful)
            }
            Side::Server => {
                let is_doubtful = matches!(
                    self.behaviour,
                    Behaviour::ClientResets | Behaviour::ClientLeavesUnread
                );
                let doubtful = if is_doubtful { self.answer() } else { 0 };
                (self.answer() * self.answers(), doubtful)
            }
        }
    }

    /// Payload bytes that this side's kernel received.
    pub(crate) fn received(&self, side: Side) -> usize {
        match side {
            Side::Client => self.answer() * self.answers(),
            Side::Server => self.request() + self.second(),
        }
    }

    /// Bytes that the client did not read.
    pub(crate) fn unread(&self, side: Side) -> Option<usize> {
        let leaves = side == Side::Client && self.behaviour == Behaviour::ClientLeavesUnread;
        leaves.then(|| self.answer() - 1)
    }

    /// Where it is dialled: the numbers of one client meet an address again after four million.
    pub(super) fn destination(&self) -> SocketAddrV4 {
        let number = u32::try_from(self.number % 0x3f_fffe).expect("below 2^22") + 1;
        let host = (u32::from(self.pair % 4) << 22) | number;
        let address = u32::from(Ipv4Addr::new(127, 0, 0, 0)) | host;
        SocketAddrV4::new(address.into(), port(self.pair))
    }

    /// The first request.
    pub(super) fn write(&self, is_last: bool, room: &mut [u8; ROOM]) -> usize {
        let length = self.request();
        room[..8].copy_from_slice(&self.number.to_be_bytes());
        let place = Behaviour::ALL.iter().position(|behaviour| *behaviour == self.behaviour);
        room[8] = u8::try_from(place.expect("one of all")).expect("below 7");
        room[9..11].copy_from_slice(&u16::try_from(length).expect("short").to_be_bytes());
        room[11] = u8::from(is_last);
        room[HEADER..length].fill(b'.');
        length
    }

    /// The reverse: the plan, and whether its batch is the last one.
    pub(super) fn read(pair: u8, message: &[u8]) -> (Self, bool) {
        let (number, rest) = message.split_at(8);
        let number = u64::from_be_bytes(number.try_into().expect("8 bytes"));
        let plan = Self { pair, number, behaviour: Behaviour::ALL[usize::from(rest[0])] };
        assert_eq!(message.len(), usize::from(u16::from_be_bytes([rest[1], rest[2]])));
        (plan, rest[3] != 0)
    }
}
