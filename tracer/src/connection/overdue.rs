//! Connections that have ended while their record waits for what the kernel may
//! tell yet: until the socket is freed, so as long as the application keeps it. They are taken from
//! the snapshot, once.

use std::collections::HashSet;

use tracer_ebpf::{Conn, flags};

/// Age of an end whose record is late: the kernel tells what follows at once within microseconds,
/// unless it is preempted in between.
const LATE_NS: u64 = 100_000_000;

/// Most remembered. Those beyond are left in the kernel's table: they are told when their record comes.
const CAPACITY: usize = 65_536;

/// A connection and its end, whatever is learned of it later.
type Id = (u64, u64, [u8; 16], u16, u16);

/// Those that were taken, until their record comes.
#[derive(Debug, Default)]
pub(super) struct Overdue {
    taken: HashSet<Id>,
    /// Those that were due at this tick and had no room.
    left: u64,
    /// The most of them at one tick.
    most_left: u64,
}

impl Overdue {
    /// Whether an entry of the snapshot of `now_ns` is one to take, if its record is not here.
    pub(super) const fn is_due(entry: &Conn, now_ns: u64) -> bool {
        let is_sent = entry.flags & flags::SENT != 0;
        entry.old_state != 0 && !is_sent && entry.end_ns.saturating_add(LATE_NS) <= now_ns
    }

    /// Takes, of all entries of a snapshot that are due, those that were not taken before.
    pub(super) fn take(&mut self, due: &mut Vec<Conn>) {
        if self.taken.len() + due.len() > CAPACITY {
            // What is not in the table any more is not waited for.
            let here: HashSet<Id> = due.iter().map(id).collect();
            self.taken.retain(|id| here.contains(id));
        }
        self.left = 0;
        due.retain(|entry| {
            if self.taken.contains(&id(entry)) {
                return false;
            }
            let has_room = self.taken.len() < CAPACITY;
            if has_room {
                self.taken.insert(id(entry));
            } else {
                self.left += 1;
            }
            has_room
        });
        self.most_left = self.most_left.max(self.left);
    }

    /// The most that were passed over at one time: each of them once, however often it was due.
    pub(super) const fn passed_over(&self) -> u64 {
        self.most_left
    }

    /// Whether this record was taken before.
    pub(super) fn was_taken(&mut self, record: &Conn) -> bool {
        !self.taken.is_empty() && self.taken.remove(&id(record))
    }
}

const fn id(conn: &Conn) -> Id {
    (conn.open_ns, conn.end_ns, conn.daddr, conn.dport, conn.sport)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::testing::blank;

    const NOW: u64 = 2 + LATE_NS;

    fn waiting() -> Conn {
        Conn { flags: flags::PLAIN, old_state: 1, open_ns: 1, end_ns: 2, ..blank() }
    }

    #[test]
    fn an_ended_entry_whose_record_waits_is_taken_once() {
        let mut overdue = Overdue::default();
        assert!(!Overdue::is_due(&waiting(), LATE_NS), "its record may be under way");
        assert!(Overdue::is_due(&waiting(), NOW));
        assert_eq!(taken(&mut overdue, 1..2), 1);
        assert_eq!(taken(&mut overdue, 1..2), 0, "in the next snapshot");
        let record = Conn { cookie: 7, flags: flags::PLAIN | flags::SENT, ..waiting() };
        assert!(overdue.was_taken(&record), "with what was learned since");
        assert!(!overdue.was_taken(&record));
    }

    /// How many are taken of those that were opened at these times.
    fn taken(overdue: &mut Overdue, opened: std::ops::Range<u64>) -> usize {
        let mut due: Vec<_> = opened.map(|open_ns| Conn { open_ns, ..waiting() }).collect();
        overdue.take(&mut due);
        due.len()
    }

    #[test]
    fn what_has_no_room_is_counted_once_and_nothing_is_taken_twice() {
        let mut overdue = Overdue::default();
        let all = 1..CAPACITY as u64 + 6;
        assert_eq!(taken(&mut overdue, all.clone()), CAPACITY);
        for _ in 0..3 {
            assert_eq!(taken(&mut overdue, all.clone()), 0, "tick by tick");
        }
        assert_eq!((overdue.taken.len(), overdue.passed_over()), (CAPACITY, 5));
        // Some are gone, and whatever became of their records makes room.
        assert_eq!(taken(&mut overdue, 11..CAPACITY as u64 + 6), 5);
        assert_eq!(overdue.passed_over(), 5);
    }

    #[test]
    fn nothing_else_is_taken() {
        let mut overdue = Overdue::default();
        assert!(!Overdue::is_due(&Conn { old_state: 0, ..waiting() }, NOW), "open");
        let sent = Conn { flags: flags::PLAIN | flags::SENT, ..waiting() };
        assert!(!Overdue::is_due(&sent, NOW));
        assert!(!overdue.was_taken(&waiting()));
    }
}
