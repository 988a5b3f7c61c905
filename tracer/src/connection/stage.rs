//! The stage itself: wire records in, complete intervals of named connections out.

use compact_str::CompactString;
use tracer_ebpf::{Conn, Late, first, flags, opened};

use super::build;
use super::close::Context;
use super::id::Id;
use super::open::{Openings, Sweep};
use super::overdue::Overdue;
use super::plain::Sees;
use super::record::{Connection, OpenCause};
use super::served::Served;
use super::snapshot::{Key, Snapshot, give_back, shrink};
use super::tick::Tick;
use crate::bounds::{Evicted, Evictions};
use crate::hash::{Map, Set};

/// How long an ended connection waits for data that arrives after our close: longer than nearly all
/// round trips, shorter than a tick.
pub const LATE_WAIT_NS: u64 = 500_000_000;

const ESTABLISHED: u8 = 1;
const CLOSE: u8 = 7;
/// Most records of one interval: what two CPUs at their limits send in ten seconds.
const MOST_RECORDS: usize = 1_048_576;
/// Most entries of one snapshot: what the kernel's table can be made to hold.
const MOST_OPEN: usize = 16_777_216;
/// Most late facts kept for an interval.
const LATE_CAPACITY: usize = 65_536;

/// What the records of a host are read with.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// Length of a kernel clock tick, nanoseconds.
    pub tick_ns: u64,
    /// Kernel reset reasons by number.
    pub reset_reasons: Map<u32, CompactString>,
    /// Which end we are of connections that were there before us.
    pub served: Served,
    /// The `tcp_close` hook is attached.
    pub sees_close: bool,
    /// What is attached in the plain tier.
    pub sees: Sees,
}

/// Collects what the source delivers, and hands it on interval by interval.
pub struct Connections {
    facts: Facts,
    ended: Vec<Conn>,
    open: Snapshot,
    late: Map<u64, Late>,
    /// Open causes of connections that are still open, named when they were first seen; of those
    /// whose record tells it anew each time none.
    named: Map<Key, OpenCause>,
    openings: Openings,
    overdue: Overdue,
    previous_ns: u64,
    late_unjoined: u64,
    evicted: Evictions,
    bounds: Bounds,
}

/// Most of what is taken in one interval.
#[derive(Clone, Copy, Debug)]
struct Bounds {
    records: usize,
    open: usize,
}

impl Connections {
    /// `start_ns`: when observation began.
    #[must_use]
    pub fn new(facts: Facts, start_ns: u64) -> Self {
        Self {
            facts,
            ended: Vec::new(),
            open: Snapshot::default(),
            late: Map::default(),
            named: Map::default(),
            openings: Openings::default(),
            overdue: Overdue::default(),
            previous_ns: start_ns,
            late_unjoined: 0,
            evicted: Evictions::default(),
            bounds: Bounds { records: MOST_RECORDS, open: MOST_OPEN },
        }
    }

    /// Records that wait for the end of their interval.
    #[must_use]
    pub const fn waiting(&self) -> usize {
        self.ended.len()
    }

    /// Which bounds were met.
    #[must_use]
    pub fn evicted(&self) -> Evictions {
        let mut evicted = self.evicted;
        evicted.add(Evicted::Closes, self.openings.forgotten());
        evicted.add(Evicted::Overdue, self.overdue.passed_over());
        evicted
    }

    /// Takes the record of an ended connection.
    pub fn ended(&mut self, conn: Conn) {
        if self.overdue.was_taken(&conn) {
            return;
        }
        if self.ended.len() < self.bounds.records {
            self.ended.push(conn);
        } else {
            self.evicted.add(Evicted::Records, 1);
        }
    }

    /// Takes a fact that came after its connection's record.
    pub fn late(&mut self, late: Late) {
        // Without a cookie (5.10) nothing tells whose it is.
        if late.cookie == 0 || self.late.len() >= LATE_CAPACITY {
            self.late_unjoined += 1;
        } else {
            self.late.insert(late.cookie, late);
        }
    }

    /// Takes one entry of the snapshot that belongs to the next tick.
    pub fn live(&mut self, conn: Conn) {
        if is_closed(&conn) {
            self.open.over.push(conn);
        } else if self.open.len() >= self.bounds.open {
            self.evicted.add(Evicted::Open, 1);
        } else if is_open(&conn) && self.open.is_new(Id::of(&conn)) {
            // At once: what is open may be very much, and is not kept twice.
            let connection = self.build(&conn, None);
            self.open.push(connection);
        }
    }

    /// Late facts that found no connection: it ended before observation began, or in an earlier
    /// interval.
    #[must_use]
    pub const fn late_unjoined(&self) -> u64 {
        self.late_unjoined
    }

    /// Closes an interval. The snapshot must have been taken at `now_ns`, and every record sent
    /// before must have been delivered. Unless this is the last tick, the interval ends
    /// [`LATE_WAIT_NS`] earlier, so that late data finds its connection.
    pub fn tick(&mut self, now_ns: u64, is_last: bool) -> Tick {
        let wait_ns = if is_last { 0 } else { LATE_WAIT_NS };
        let cut_ns = now_ns.saturating_sub(wait_ns).max(self.previous_ns);
        let fresh = self.take_overdue(now_ns, is_last);
        let (mut live, mut keys) = self.open.take();
        let waiting = self.open_at(cut_ns, &fresh, &mut live, &mut keys);
        let waiting_count = waiting.len();
        // Built in the order of their ends: connections are large, and would be moved to be sorted.
        let mut done: Vec<(u64, u32)> = (0..)
            .zip(&self.ended)
            .filter(|(_, conn)| conn.end_ns <= cut_ns)
            .map(|(arrival, conn)| (if is_closed(conn) { conn.first_close_ns } else { 0 }, arrival))
            .collect();
        done.sort_by_key(|(at_ns, _)| *at_ns);
        let mut sweep = Sweep::since(self.previous_ns);
        let mut ended = Vec::with_capacity(done.len());
        let arrivals: Vec<u32> = done.iter().map(|(_, arrival)| *arrival).collect();
        for arrival in &arrivals {
            let conn = &self.ended[*arrival as usize];
            let late = if is_closed(conn) { self.late.remove(&conn.cookie) } else { None };
            ended.push(self.build(conn, late.as_ref()));
        }
        for conn in waiting {
            live.push(self.build(&conn, None));
            keys.push(self.open.key(Id::of(&conn)));
        }
        // Nothing is moved for it: those that wait are named before the snapshot, and lie behind it.
        let (open, waiting) = live.split_at(live.len() - waiting_count);
        let in_order = || ended.iter().chain(waiting).chain(open);
        in_order().for_each(|connection| sweep.show(connection));
        for (arrival, connection) in
            arrivals.into_iter().chain(std::iter::repeat(u32::MAX)).zip(in_order())
        {
            sweep.add(arrival, connection);
        }
        let (done, opened) = (ended.len(), open.len());
        for (place, cause) in self.openings.name(sweep, cut_ns) {
            if let Some(connection) = ended.get_mut(place) {
                connection.open_cause = cause;
                continue;
            }
            let place = place - done;
            let place = if place < waiting_count { opened + place } else { place - waiting_count };
            live[place].open_cause = cause;
            self.named.insert(keys[place], cause);
        }
        let waiting: Set<Key> = keys[opened..].iter().copied().collect();
        self.named.retain(|key, _| self.open.has(*key) || waiting.contains(key));
        self.open.clear(live.len());
        shrink(&mut self.named);
        let taken = self.ended.len();
        self.ended.retain(|conn| conn.end_ns > cut_ns);
        give_back(&mut self.ended, taken);
        self.forget_late(cut_ns);
        self.previous_ns = cut_ns;
        Tick { now_ns: cut_ns, ended, live }
    }

    /// Takes what ended of the snapshot, if its record is not here and will not come soon, or never, as
    /// this is the last tick. Returns those whose record is to come.
    fn take_overdue(&mut self, now_ns: u64, is_last: bool) -> Vec<Conn> {
        let mut over = std::mem::take(&mut self.open.over);
        over.retain(|conn| Overdue::is_unsent(conn) && !self.overdue.has_returned(conn));
        self.overdue.next();
        if over.is_empty() {
            return over;
        }
        // A record that came while the snapshot was taken is here already.
        let here: Set<Id> = self.ended.iter().map(Id::of).collect();
        over.retain(|conn| !here.contains(&Id::of(conn)));
        let (mut due, fresh) =
            over.into_iter().partition(|conn| is_last || Overdue::is_due(conn, now_ns));
        self.overdue.take(&mut due);
        self.ended.append(&mut due);
        fresh
    }

    /// What was open at the cut: returns those whose records wait, as they were then, and leaves in
    /// the snapshot what was open besides. What was opened later is not part of this interval at all.
    /// One that ended while the snapshot was taken is in it too, and counts once.
    /// `fresh`: those that have just ended, and whose records are not here yet.
    fn open_at(
        &self,
        cut_ns: u64,
        fresh: &[Conn],
        live: &mut Vec<Connection>,
        keys: &mut Vec<Key>,
    ) -> Vec<Conn> {
        let key = |conn: &Conn| self.open.key(Id::of(conn));
        let is_done = |conn: &&Conn| conn.end_ns <= cut_ns;
        let waits = |conn: &&Conn| !is_done(conn) && conn.open_ns <= cut_ns;
        let waiting = || self.ended.iter().chain(fresh).filter(waits);
        let here: Set<Key> = waiting().map(key).collect();
        let mut over: Set<Key> = Set::default();
        if !here.is_empty() || !keys.is_empty() {
            // Very many may be done, and few of them are also in the snapshot or wait.
            let done = self.ended.iter().filter(is_done).map(key);
            over.extend(done.filter(|key| self.open.has(*key) || here.contains(key)));
        }
        let waiting = waiting().filter(|conn| over.insert(key(conn)));
        let waiting = waiting.map(|conn| reopened(conn, cut_ns)).collect();
        let is_later = |connection: &Connection| connection.opened_ns > Some(cut_ns);
        let later = live.iter().zip(&*keys).filter(|(connection, _)| is_later(connection));
        over.extend(later.map(|(_, key)| *key));
        if !over.is_empty() {
            let mut at = keys.iter();
            live.retain(|_| at.next().is_none_or(|key| !over.contains(key)));
            keys.retain(|key| !over.contains(key));
        }
        waiting
    }

    fn build(&self, conn: &Conn, late: Option<&Late>) -> Connection {
        // Only what was open at the last cut has a name.
        let is_new = conn.open_ns > self.previous_ns;
        let named =
            if is_new { None } else { self.named.get(&self.open.key(Id::of(conn))).copied() };
        let context = Context {
            tick_ns: self.facts.tick_ns,
            sees_close: self.facts.sees_close,
            sees: self.facts.sees,
            served: &self.facts.served,
            reset_reasons: &|reason| self.facts.reset_reasons.get(&reason).cloned(),
        };
        build::connection(conn, late, named.unwrap_or_else(|| at_once(conn)), &context)
    }

    /// Late facts wait only for records that are here already: theirs came first.
    fn forget_late(&mut self, cut_ns: u64) {
        let before = self.late.len();
        if before > 0 {
            let waiting: Set<u64> = self.ended.iter().map(|conn| conn.cookie).collect();
            self.late.retain(|cookie, late| late.at_ns > cut_ns || waiting.contains(cookie));
        }
        self.late_unjoined += (before - self.late.len()) as u64;
    }
}

/// Whether the kernel saw it end.
const fn is_closed(conn: &Conn) -> bool {
    conn.old_state != 0
}

/// Neither ended, nor a dial that may end before its SYN.
const fn is_open(conn: &Conn) -> bool {
    !is_closed(conn) && conn.state != CLOSE
}

/// What the record alone tells of its opening.
fn at_once(conn: &Conn) -> OpenCause {
    match conn.opened {
        opened::PASSIVE => OpenCause::Accept,
        opened::PREEXISTING => OpenCause::Preexisting,
        _ if conn.flags & flags::REOPENED != 0 => OpenCause::ReopenSameSocket,
        _ => OpenCause::Unknown,
    }
}

/// An ended record as it was at the cut, as far as is known.
fn reopened(conn: &Conn, cut_ns: u64) -> Conn {
    let is_closing = conn.first_close_ns <= cut_ns;
    Conn {
        old_state: 0,
        state: if is_closing { conn.old_state } else { ESTABLISHED },
        first: if is_closing { conn.first } else { first::NONE },
        ..*conn
    }
}

#[cfg(test)]
mod tests;
