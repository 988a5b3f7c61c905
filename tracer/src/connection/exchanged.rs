//! Exchanges since an earlier look: a connection counts them as long as it lives, and whoever adds up
//! intervals wants each of them once.

use std::hash::BuildHasher as _;

use foldhash::quality::RandomState;

use super::Connection;
use crate::hash::{Map, Set};

/// What open connections had at the last look. Of a connection 12 bytes; two of a million have the same
/// key in one of 30 million looks, and then one of them counts anew.
#[derive(Debug, Default)]
pub struct Exchanged {
    hasher: RandomState,
    before: Map<u64, u32>,
}

impl Exchanged {
    /// Those of a connection since the last look; all of them if it was not open then.
    #[must_use]
    pub fn since(&self, connection: &Connection) -> u32 {
        let before = self.before.get(&self.key(connection)).copied().unwrap_or(0);
        // The kernel side counts in 32 bits, and begins anew.
        connection.exchanges.wrapping_sub(before)
    }

    /// Looks at what is open now.
    pub fn look(&mut self, open: &[Connection]) {
        let mut now = std::mem::take(&mut self.before);
        now.clear();
        now.shrink_to(2 * open.len());
        now.extend(open.iter().map(|connection| (self.key(connection), connection.exchanges)));
        self.before = now;
    }

    fn key(&self, connection: &Connection) -> u64 {
        key(&self.hasher, connection)
    }
}

/// Open connections that something was put off for, from one interval to the next. One that is gone
/// without its end is forgotten.
#[derive(Debug, Default)]
pub struct PutOff {
    hasher: RandomState,
    before: Set<u64>,
    now: Set<u64>,
}

impl PutOff {
    /// Begins an interval.
    pub fn turn(&mut self) {
        self.before = std::mem::take(&mut self.now);
    }

    /// Takes a connection out: whether it was put off in the interval before.
    pub fn take(&mut self, connection: &Connection) -> bool {
        !self.before.is_empty() && self.before.remove(&key(&self.hasher, connection))
    }

    /// Puts it off.
    pub fn put(&mut self, connection: &Connection) {
        self.now.insert(key(&self.hasher, connection));
    }
}

fn key(hasher: &RandomState, of: &Connection) -> u64 {
    hasher.hash_one((of.cookie, of.opened_ns, of.netns, of.local, of.peer))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connection::testing;

    fn with(exchanges: u32, port: u16) -> Connection {
        let mut connection = testing::live(5);
        connection.exchanges = exchanges;
        connection.peer.set_port(port);
        connection
    }

    #[test]
    fn each_exchange_is_counted_in_one_interval() {
        let mut exchanged = Exchanged::default();
        assert_eq!(exchanged.since(&with(7, 1)), 7, "all of a new one");
        exchanged.look(&[with(7, 1), with(3, 2)]);
        assert_eq!([exchanged.since(&with(9, 1)), exchanged.since(&with(3, 2))], [2, 0]);
        exchanged.look(&[with(u32::MAX, 1)]);
        assert_eq!(exchanged.since(&with(4, 1)), 5, "its counter began anew");
        assert_eq!(exchanged.since(&with(4, 2)), 4, "one that was not open is another");
    }

    #[test]
    fn what_is_put_off_is_taken_once() {
        let mut off = PutOff::default();
        assert!(!off.take(&with(0, 1)));
        off.put(&with(0, 1));
        off.turn();
        assert_eq!(
            [off.take(&with(9, 2)), off.take(&with(9, 1)), off.take(&with(9, 1))],
            [false, true, false]
        );
        off.put(&with(0, 1));
        off.turn();
        off.turn();
        assert!(!off.take(&with(0, 1)), "it was not there for an interval");
    }
}
