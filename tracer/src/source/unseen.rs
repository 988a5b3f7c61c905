//! Connections whose end, and the freeing of whose socket, the kernel showed to no program. Their
//! entries would count as open until another socket is made at the same address. `iter/tcp` does not
//! show them any more: what several walks in a row should have shown and did not is over.
//!
//! Only looks at raw entries, and says which; [`super::kernel`] takes them out of the table.

use std::mem::offset_of;

use bytes::Buf as _;
use tracer_ebpf::{Conn, flags};

use crate::hash::{Map, Set};

/// Walks in a row that must have missed it: one may pass by a socket whose bucket changes under it
/// (before 6.17), and one is not hashed yet, or no longer, for microseconds of its life.
const WALKS: u32 = 4;
/// And for so long at least.
const LEAST_NS: u64 = 3_000_000_000;
/// Most that are remembered from one snapshot; the others are looked at when there is room.
const MOST: usize = 4_096;

const CLOSE: u8 = 7;

/// Which connection an entry is of: addresses of sockets are used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Which {
    cookie: u64,
    open_ns: u64,
}

/// An entry that the last walks did not show.
#[derive(Clone, Copy, Debug)]
struct Absent {
    which: Which,
    since_ns: u64,
    walks: u32,
}

/// Entries that walks do not show any more.
#[derive(Debug, Default)]
pub(super) struct Unseen {
    absent: Map<u64, Absent>,
    /// Those of the snapshot that is being taken.
    now: Map<u64, Absent>,
    /// Namespaces that were walked for it, and when that began.
    walked: Set<u32>,
    walk_ns: u64,
}

impl Unseen {
    /// Begins a snapshot, after a walk that began at `walk_ns` and has shown all sockets of `walked`.
    pub(super) fn begin(&mut self, walk_ns: u64, walked: impl IntoIterator<Item = u32>) {
        self.walk_ns = walk_ns;
        self.walked.clear();
        self.walked.extend(walked);
        self.now.clear();
    }

    /// Looks at one entry of the snapshot.
    pub(super) fn look(&mut self, key: u64, entry: &[u8]) {
        if self.now.len() >= MOST {
            return;
        }
        let Some(netns) = u32_at(entry, offset_of!(Conn, netns)) else { return };
        let known = self.absent.get(&key).filter(|known| Some(known.which) == which(entry));
        if !self.walked.contains(&netns) {
            // It was not its turn.
            if let Some(known) = known {
                self.now.insert(key, *known);
            }
            return;
        }
        let Some(which) = which(entry).filter(|which| self.is_absent(entry, *which)) else {
            return;
        };
        let first = Absent { which, since_ns: self.walk_ns, walks: 0 };
        let Absent { since_ns, walks, .. } = *known.unwrap_or(&first);
        self.now.insert(key, Absent { which, since_ns, walks: walks + 1 });
    }

    /// Ends the snapshot: the entries that are of no socket any more. Each comes again until it is
    /// taken out of the table.
    pub(super) fn end(&mut self) -> Vec<u64> {
        std::mem::swap(&mut self.absent, &mut self.now);
        let is_over = |absent: &Absent| {
            absent.walks >= WALKS && absent.since_ns.saturating_add(LEAST_NS) <= self.walk_ns
        };
        self.absent.iter().filter(|(_, absent)| is_over(absent)).map(|(key, _)| *key).collect()
    }

    /// Whether the last walk did not show some entry: the next ones will tell.
    pub(super) fn is_suspicious(&self) -> bool {
        !self.absent.is_empty()
    }

    /// Marks an entry as one whose end was missed, at about the time of the first walk that did not
    /// show it. `false`: it is not the connection that [`Self::end`] told of.
    pub(super) fn mark(&self, key: u64, entry: &mut [u8]) -> bool {
        let absent = self.absent.get(&key).filter(|absent| {
            which(entry) == Some(absent.which) && self.is_absent(entry, absent.which)
        });
        let (Some(absent), Some(state)) = (absent, entry.get(offset_of!(Conn, state)).copied())
        else {
            return false;
        };
        let bits = u32_at(entry, offset_of!(Conn, flags)).unwrap_or(0) | flags::END_MISSED;
        put(entry, offset_of!(Conn, flags), &bits.to_ne_bytes());
        put(entry, offset_of!(Conn, old_state), &[state]);
        put(entry, offset_of!(Conn, end_ns), &absent.since_ns.to_ne_bytes());
        if u64_at(entry, offset_of!(Conn, first_close_ns)) == Some(0) {
            put(entry, offset_of!(Conn, first_close_ns), &absent.since_ns.to_ne_bytes());
        }
        true
    }

    /// Whether the last walk should have shown an entry, and did not: all states but CLOSE are hashed.
    fn is_absent(&self, entry: &[u8], which: Which) -> bool {
        let byte = |at: usize| entry.get(at).copied().unwrap_or(0);
        let state = byte(offset_of!(Conn, state));
        let is_plain =
            u32_at(entry, offset_of!(Conn, flags)).is_none_or(|bits| bits & flags::PLAIN != 0);
        // In the plain tier no walk writes this time.
        let shown_ns = u64_at(entry, offset_of!(Conn, polled_ns)).unwrap_or(u64::MAX);
        state != 0
            && state != CLOSE
            && byte(offset_of!(Conn, old_state)) == 0
            && !is_plain
            && which.open_ns < self.walk_ns
            && shown_ns < self.walk_ns
    }
}

fn which(entry: &[u8]) -> Option<Which> {
    let cookie = u64_at(entry, offset_of!(Conn, cookie))?;
    Some(Which { cookie, open_ns: u64_at(entry, offset_of!(Conn, open_ns))? })
}

fn u32_at(entry: &[u8], at: usize) -> Option<u32> {
    entry.get(at..)?.try_get_u32_ne().ok()
}

fn u64_at(entry: &[u8], at: usize) -> Option<u64> {
    entry.get(at..)?.try_get_u64_ne().ok()
}

fn put(entry: &mut [u8], at: usize, value: &[u8]) {
    if let Some(place) = entry.get_mut(at..at + value.len()) {
        place.copy_from_slice(value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;
    const KEY: u64 = 0xffff_8880_0000_1000;
    const NETNS: u32 = 5;

    fn entry(state: u8, polled_ns: u64) -> Vec<u8> {
        let mut bytes = vec![0; Conn::SIZE];
        put(&mut bytes, offset_of!(Conn, state), &[state]);
        put(&mut bytes, offset_of!(Conn, netns), &NETNS.to_ne_bytes());
        put(&mut bytes, offset_of!(Conn, cookie), &7_u64.to_ne_bytes());
        put(&mut bytes, offset_of!(Conn, open_ns), &1_u64.to_ne_bytes());
        put(&mut bytes, offset_of!(Conn, polled_ns), &polled_ns.to_ne_bytes());
        bytes
    }

    /// What snapshots of an entry lead to, one a second from the second on that is given.
    fn over(unseen: &mut Unseen, seconds: std::ops::Range<u64>, entry: &[u8]) -> Vec<u64> {
        let mut over = Vec::new();
        for second in seconds {
            unseen.begin(second * SECOND, [NETNS]);
            unseen.look(KEY, entry);
            over = unseen.end();
        }
        over
    }

    #[test]
    fn what_four_walks_in_a_row_do_not_show_is_over_since_the_first() {
        let mut unseen = Unseen::default();
        let mut gone = entry(1, 9 * SECOND);
        assert!(!unseen.is_suspicious());
        assert!(over(&mut unseen, 10..13, &gone).is_empty() && unseen.is_suspicious());
        assert_eq!(over(&mut unseen, 13..14, &gone), [KEY]);
        assert!(unseen.mark(KEY, &mut gone));
        assert_eq!(u64_at(&gone, offset_of!(Conn, end_ns)), Some(10 * SECOND));
        assert_eq!(u64_at(&gone, offset_of!(Conn, first_close_ns)), Some(10 * SECOND));
        assert_eq!(gone[offset_of!(Conn, old_state)], 1);
        assert_eq!(u32_at(&gone, offset_of!(Conn, flags)), Some(flags::END_MISSED));
        assert!(!unseen.mark(KEY, &mut gone), "it is marked already");
    }

    #[test]
    fn one_walk_that_shows_it_is_enough() {
        let mut unseen = Unseen::default();
        assert!(over(&mut unseen, 10..13, &entry(1, 9 * SECOND)).is_empty());
        assert!(over(&mut unseen, 13..14, &entry(1, 13 * SECOND)).is_empty());
        assert!(over(&mut unseen, 14..17, &entry(1, 13 * SECOND)).is_empty(), "it begins anew");
    }

    #[test]
    fn walks_in_quick_succession_prove_less() {
        let mut unseen = Unseen::default();
        for walk in 0..20 {
            unseen.begin(10 * SECOND + walk, [NETNS]);
            unseen.look(KEY, &entry(1, 0));
            assert!(unseen.end().is_empty(), "{walk}");
        }
    }

    #[test]
    fn a_namespace_that_was_not_walked_tells_nothing_and_forgets_nothing() {
        let mut unseen = Unseen::default();
        let gone = entry(1, 0);
        for second in 10..30 {
            unseen.begin(second * SECOND, [NETNS + 1]);
            unseen.look(KEY, &gone);
            assert!(unseen.end().is_empty());
        }
        assert!(over(&mut unseen, 30..33, &gone).is_empty());
        unseen.begin(33 * SECOND, [NETNS + 1]);
        unseen.look(KEY, &gone);
        assert!(unseen.end().is_empty());
        assert_eq!(over(&mut unseen, 34..35, &gone), [KEY]);
    }

    #[test]
    fn what_is_not_hashed_or_has_ended_or_is_of_the_plain_tier_is_no_absence() {
        let other = |change: &dyn Fn(&mut Vec<u8>)| {
            let mut entry = entry(1, 0);
            change(&mut entry);
            over(&mut Unseen::default(), 10..20, &entry)
        };
        assert_eq!(other(&|_| {}), [KEY]);
        assert!(other(&|entry| put(entry, offset_of!(Conn, state), &[CLOSE])).is_empty());
        assert!(other(&|entry| put(entry, offset_of!(Conn, state), &[0])).is_empty());
        assert!(other(&|entry| put(entry, offset_of!(Conn, old_state), &[1])).is_empty());
        let plain = flags::PLAIN.to_ne_bytes();
        assert!(other(&|entry| put(entry, offset_of!(Conn, flags), &plain)).is_empty());
        assert!(other(&|entry| entry.truncate(20)).is_empty(), "cut off");
    }

    #[test]
    fn another_connection_at_the_same_address_begins_anew() {
        let mut unseen = Unseen::default();
        assert!(over(&mut unseen, 10..13, &entry(1, 0)).is_empty());
        let mut next = entry(1, 0);
        put(&mut next, offset_of!(Conn, cookie), &8_u64.to_ne_bytes());
        assert!(over(&mut unseen, 13..14, &next).is_empty());
        assert_eq!(over(&mut unseen, 14..17, &next), [KEY]);
        assert!(!unseen.mark(KEY, &mut entry(1, 0)), "that is the one before");
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut unseen = Unseen::default();
        unseen.begin(10 * SECOND, [NETNS]);
        for key in 0..2 * MOST as u64 {
            unseen.look(key, &entry(1, 0));
        }
        unseen.end();
        assert_eq!(unseen.absent.len(), MOST);
    }
}
