//! When the open sockets are walked. The walk goes over the kernel's whole table of sockets, which
//! costs milliseconds however few connections there are: it is left out where nobody asks for what it
//! tells, and where nothing can have changed of that.

use tracer_ebpf::Conn;

use super::entry;

/// Most entries that are kept until it is known whether they must be walked. With more the walk comes
/// first.
const MOST_HELD: usize = 1024;
/// Longest time between two walks while there is something to walk: what only is written, or arrives
/// and is not read, changes no entry.
const LONGEST_NS: u64 = 10_000_000_000;

/// What an entry is to the walk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Met {
    /// It tells something of it that is asked for.
    Polled,
    /// It only shows that its socket is still there.
    Settled,
    /// Neither.
    Other,
}

impl Met {
    /// Whether its namespace is to be walked, when the walk is due.
    pub(super) const fn is_walked(self) -> bool {
        !matches!(self, Self::Other)
    }
}

/// What is known of the table since the last walk.
#[derive(Debug)]
pub(super) struct Polling {
    /// Entries of this snapshot of which a walk tells something.
    held: Vec<[u8; Conn::SIZE]>,
    /// How many there were, held or not.
    count: usize,
    /// How many have been open for a while.
    settled: usize,
    /// The last walk did not show some entry.
    is_suspicious: bool,
    /// Of this snapshot, and of that of the last walk.
    digest: u64,
    walked: Option<(u64, u64)>,
    /// A connection that was dialled has ended since the last walk.
    has_ended: bool,
    /// Whether the walk comes before the table is read.
    is_ahead: bool,
}

impl Polling {
    /// Before the first snapshot: the kernel side waits for a walk.
    pub(super) const fn new() -> Self {
        Self {
            held: Vec::new(),
            count: 0,
            settled: 0,
            is_suspicious: false,
            digest: 0,
            walked: None,
            has_ended: false,
            is_ahead: true,
        }
    }

    /// Begins a snapshot; whether it begins with a walk.
    pub(super) fn begin(&mut self) -> bool {
        self.is_ahead = self.walked.is_none() || self.count > MOST_HELD;
        self.held.clear();
        (self.count, self.digest, self.settled) = (0, 0, 0);
        self.is_ahead
    }

    /// Takes the record of an ended connection.
    pub(super) fn ended(&mut self, record: &[u8]) {
        self.has_ended |= !entry::is_accepted(record);
    }

    /// Takes an entry.
    pub(super) fn meet(&mut self, bytes: &[u8], now_ns: u64) -> Met {
        let is_polled = entry::is_polled(bytes, now_ns);
        if is_polled || !entry::is_accepted(bytes) {
            self.digest = self.digest.wrapping_add(entry::digest(bytes));
        }
        self.count += usize::from(is_polled);
        let is_settled = entry::is_settled(bytes, now_ns);
        self.settled += usize::from(is_settled);
        match (is_polled, is_settled) {
            (true, _) => Met::Polled,
            (false, true) => Met::Settled,
            (false, false) => Met::Other,
        }
    }

    /// Keeps an entry for later. One that it has no room for makes the walk due, after which it is read
    /// again.
    pub(super) fn hold(&mut self, bytes: &[u8]) {
        if let Some(entry) = bytes.first_chunk().filter(|_| self.held.len() < MOST_HELD) {
            self.held.push(*entry);
        }
    }

    /// Whether the walk must be made now, all entries having been met: there is something to walk, and
    /// it may be another than it was.
    pub(super) fn is_due(&self, now_ns: u64) -> bool {
        let is_long_ago =
            self.walked.is_none_or(|(_, at_ns)| now_ns.saturating_sub(at_ns) >= LONGEST_NS);
        let is_other = self.walked.is_none_or(|(digest, _)| digest != self.digest);
        let is_asked = is_other || self.has_ended || self.count > MOST_HELD;
        (self.count > 0 && (is_asked || is_long_ago))
            || (self.settled > 0 && (self.is_suspicious || is_long_ago))
    }

    /// Whether the last walk left out entries that it should have shown: the next ones must tell.
    pub(super) const fn suspect(&mut self, is_suspicious: bool) {
        self.is_suspicious = is_suspicious;
    }

    /// The walk has been made, at `now_ns`; entries that it was made ahead of are still to be met.
    pub(super) const fn done(&mut self, now_ns: u64) {
        self.has_ended = false;
        self.walked = Some((self.digest, now_ns));
    }

    /// All entries were met.
    pub(super) const fn met(&mut self) {
        if let (true, Some((_, at_ns))) = (self.is_ahead, self.walked) {
            self.walked = Some((self.digest, at_ns));
        }
    }

    /// Whether entries are held.
    pub(super) const fn is_holding(&self) -> bool {
        !self.held.is_empty()
    }

    /// Those that are held.
    pub(super) fn held(&self) -> impl Iterator<Item = &[u8]> {
        self.held.iter().map(<[u8; Conn::SIZE]>::as_slice)
    }
}

#[cfg(test)]
mod tests {
    use std::mem::offset_of;

    use tracer_ebpf::opened;

    use super::super::entry::testing::entry;
    use super::*;

    const S: u64 = 1_000_000_000;

    /// A snapshot at `now_ns` of these entries; whether they are walked.
    fn walks(polling: &mut Polling, entries: &[Vec<u8>], now_ns: u64) -> bool {
        let is_ahead = polling.begin();
        if is_ahead {
            polling.done(now_ns);
        }
        for bytes in entries {
            if polling.meet(bytes, now_ns) == Met::Polled && !is_ahead {
                polling.hold(bytes);
            }
        }
        polling.met();
        let is_due = !is_ahead && polling.is_due(now_ns);
        if is_due {
            polling.done(now_ns);
        }
        is_ahead || is_due
    }

    fn dialled() -> Vec<u8> {
        entry(opened::ACTIVE, 1, 0)
    }

    fn begun(entries: &[Vec<u8>]) -> Polling {
        let mut polling = Polling::new();
        assert!(walks(&mut polling, entries, 100 * S), "the first is always made");
        polling
    }

    #[test]
    fn what_is_as_it_was_is_walked_again_after_a_while_only() {
        let entries = [dialled(), dialled()];
        let mut polling = begun(&entries);
        let walked: Vec<_> =
            (1..=20).filter(|s| walks(&mut polling, &entries, (100 + s) * S)).collect();
        assert_eq!(walked, [10, 20]);
    }

    #[test]
    fn an_exchange_a_dial_and_an_end_make_a_walk_due() {
        let mut entries = vec![dialled()];
        let mut polling = begun(&entries);
        entries[0][offset_of!(Conn, exchanges)] += 1;
        assert!(walks(&mut polling, &entries, 101 * S));
        assert!(!walks(&mut polling, &entries, 102 * S));
        entries.push(entry(opened::ACTIVE, 103 * S, 0));
        assert!(walks(&mut polling, &entries, 103 * S), "too young to be idle, but others are not");
        polling.ended(&dialled());
        assert!(walks(&mut polling, &entries, 104 * S));
        polling.ended(&entry(opened::PASSIVE, 1, 0));
        assert!(!walks(&mut polling, &entries, 105 * S), "no dial depends on it");
    }

    #[test]
    fn what_was_accepted_is_walked_now_and_then_only_unless_a_walk_did_not_show_it() {
        let accepted = [entry(opened::PASSIVE, 1, 0)];
        let mut polling = begun(&accepted);
        polling.ended(&dialled());
        let mut walked = |from, is_suspicious| -> Vec<u64> {
            polling.suspect(is_suspicious);
            (from..from + 12).filter(|s| walks(&mut polling, &accepted, s * S)).collect()
        };
        assert_eq!(walked(101, false), [110]);
        assert_eq!(walked(113, true), (113..125).collect::<Vec<_>>());
        assert!((300..400).all(|s| !walks(&mut polling, &[], s * S)), "nothing is open");
    }

    #[test]
    fn very_many_are_walked_ahead_of_the_snapshot_and_few_entries_are_kept() {
        let entries = vec![dialled(); MOST_HELD + 1];
        let mut polling = begun(&[]);
        assert!(walks(&mut polling, &entries, 101 * S), "those without room are read again");
        assert_eq!(polling.held().count(), MOST_HELD);
        assert!(polling.begin(), "from now on the walk comes first");
    }
}
