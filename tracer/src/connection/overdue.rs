//! Connections that have ended while their record waits for what the kernel may
//! tell yet: until the socket is freed, so as long as the application keeps it. They are taken from
//! the snapshot, once.

use std::collections::HashSet;

use tracer_ebpf::{Conn, flags};

/// Age of an end whose record is late: the kernel tells what follows at once within microseconds,
/// unless it is preempted in between.
const LATE_NS: u64 = 100_000_000;

/// Most remembered; past that all are forgotten, and their records may count twice.
const CAPACITY: usize = 65_536;

/// A connection and its end, whatever is learned of it later.
type Id = (u64, u64, [u8; 16], u16, u16);

/// Those that were taken, until their record comes.
#[derive(Debug, Default)]
pub(super) struct Overdue {
    taken: HashSet<Id>,
    /// Those that were forgotten before their record came.
    forgotten: u64,
}

impl Overdue {
    /// Whether an entry of the snapshot of `now_ns` is one to take, if its record is not here.
    pub(super) const fn is_due(entry: &Conn, now_ns: u64) -> bool {
        let is_sent = entry.flags & flags::SENT != 0;
        entry.old_state != 0 && !is_sent && entry.end_ns.saturating_add(LATE_NS) <= now_ns
    }

    /// Takes an entry that is due; `false` if it was taken before.
    pub(super) fn take(&mut self, entry: &Conn) -> bool {
        if self.taken.len() >= CAPACITY {
            self.forgotten += self.taken.len() as u64;
            self.taken.clear();
        }
        self.taken.insert(id(entry))
    }

    /// How many may have counted twice.
    pub(super) const fn forgotten(&self) -> u64 {
        self.forgotten
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
        assert!(overdue.take(&waiting()));
        assert!(!overdue.take(&waiting()), "in the next snapshot");
        let record = Conn { cookie: 7, flags: flags::PLAIN | flags::SENT, ..waiting() };
        assert!(overdue.was_taken(&record), "with what was learned since");
        assert!(!overdue.was_taken(&record));
    }

    #[test]
    fn what_is_remembered_is_bounded_and_what_is_forgotten_counted() {
        let mut overdue = Overdue::default();
        for open_ns in 1..=CAPACITY as u64 + 1 {
            overdue.take(&Conn { open_ns, ..waiting() });
        }
        assert_eq!((overdue.taken.len(), overdue.forgotten()), (1, CAPACITY as u64));
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
