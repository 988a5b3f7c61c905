//! The open connections of one snapshot, as they come in: each once, and none of them twice in
//! memory, for there may be a million. Names no cause.

use std::hash::BuildHasher as _;

use foldhash::quality::RandomState;
use tracer_ebpf::Conn;

use super::id::Id;
use super::record::Connection;
use crate::hash::{Map, Set};

/// An identity in 8 bytes instead of 40. Two of a million open connections have the same one in one
/// of 30 million snapshots; then one of them is not seen in it.
pub(super) type Key = u64;

/// What has come in of the snapshot that belongs to the next tick.
#[derive(Default)]
pub(super) struct Snapshot {
    hasher: RandomState,
    open: Vec<Connection>,
    /// Of `open`, in its order.
    keys: Vec<Key>,
    /// The same, to be found.
    seen: Set<Key>,
    /// Entries that have ended: few.
    pub(super) over: Vec<Conn>,
}

impl Snapshot {
    /// The key of a connection, in this run.
    pub(super) fn key(&self, id: Id) -> Key {
        self.hasher.hash_one(id)
    }

    /// Connections that came in.
    pub(super) fn len(&self) -> usize {
        self.open.len()
    }

    /// Whether a connection has not come in yet; if so it must be pushed next. A walk of the table
    /// that begins anew, because its place was deleted, yields entries twice.
    pub(super) fn is_new(&mut self, id: Id) -> bool {
        let key = self.key(id);
        let is_new = self.seen.insert(key);
        if is_new {
            self.keys.push(key);
        }
        is_new
    }

    /// Takes a connection that is new.
    pub(super) fn push(&mut self, connection: Connection) {
        self.open.push(connection);
    }

    /// Takes out what came in, with the keys; which these were stays known.
    pub(super) fn take(&mut self) -> (Vec<Connection>, Vec<Key>) {
        (std::mem::take(&mut self.open), std::mem::take(&mut self.keys))
    }

    /// Whether a connection of this snapshot has this key.
    pub(super) fn has(&self, key: Key) -> bool {
        self.seen.contains(&key)
    }

    /// Makes ready for the next snapshot, of about `expected` connections: room that is not used is no
    /// memory, but growing would need twice the memory for a moment.
    pub(super) fn clear(&mut self, expected: usize) {
        self.seen.clear();
        self.seen.shrink_to(2 * expected);
        self.open.reserve_exact(expected + expected / 8);
        self.keys.reserve_exact(expected + expected / 8);
    }
}

/// Gives back room that a table once needed.
pub(super) fn shrink<V>(table: &mut Map<Key, V>) {
    if table.capacity() > 4 * table.len() {
        table.shrink_to(2 * table.len());
    }
}

/// The same for a list that held `most` in this interval: a burst leaves nothing behind, and a load that
/// goes on finds its room again.
pub(super) fn give_back<T>(list: &mut Vec<T>, most: usize) {
    if list.capacity() > 4 * most {
        list.shrink_to(2 * most);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_burst_took_goes_back_and_what_a_steady_load_takes_stays() {
        let mut list = Vec::with_capacity(10_000);
        give_back(&mut list, 10_000);
        list.push(1);
        give_back(&mut list, 3_000);
        assert_eq!(list.capacity(), 10_000, "as much may come again");
        give_back(&mut list, 100);
        assert_eq!((list.capacity(), &*list), (200, &[1][..]));
    }
}
