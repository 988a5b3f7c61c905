//! The stage itself: wire records in, complete intervals of named connections out.

use std::collections::{HashMap, HashSet};

use tracer_ebpf::{Conn, Late, first, flags, opened};

use super::build;
use super::close::Context;
use super::open::Openings;
use super::overdue::Overdue;
use super::plain::Sees;
use super::record::OpenCause;
use super::served::Served;
use super::tick::Tick;
use crate::bounds::{Evicted, Evictions};

/// How long an ended connection waits for data that arrives after our close: longer than nearly all
/// round trips, shorter than a tick.
pub const LATE_WAIT_NS: u64 = 500_000_000;

/// Identity of a connection: a cookie is per socket, and a socket may dial again. Where the kernel
/// gives no cookie (5.10), the peer, and our port if it was there before us, must do.
type Id = (u64, u64, u32, [u8; 16], u16, u16);

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
    pub reset_reasons: HashMap<u32, String>,
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
    live: Vec<Conn>,
    late: HashMap<u64, Late>,
    /// Open causes of connections that are still open, named when they were first seen.
    named: HashMap<Id, OpenCause>,
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
            live: Vec::new(),
            late: HashMap::new(),
            named: HashMap::new(),
            openings: Openings::default(),
            overdue: Overdue::default(),
            previous_ns: start_ns,
            late_unjoined: 0,
            evicted: Evictions::default(),
            bounds: Bounds { records: MOST_RECORDS, open: MOST_OPEN },
        }
    }

    /// Which bounds were met.
    #[must_use]
    pub fn evicted(&self) -> Evictions {
        let mut evicted = self.evicted;
        evicted.add(Evicted::Closes, self.openings.forgotten());
        evicted.add(Evicted::Overdue, self.overdue.forgotten());
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
        if self.live.len() < self.bounds.open {
            self.live.push(conn);
        } else {
            self.evicted.add(Evicted::Open, 1);
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
        let mut all = Vec::new();
        // A record that came while the snapshot was taken is here already.
        let here: HashSet<Id> = self.ended.iter().map(id).collect();
        let is_new = |conn: &&Conn| conn.old_state != 0 && !here.contains(&id(conn));
        let overdue = self.live.iter().filter(is_new);
        self.ended.extend(overdue.filter(|conn| self.overdue.take(conn, now_ns)));
        let (done, waiting): (Vec<_>, Vec<_>) =
            self.ended.drain(..).partition(|conn| conn.end_ns <= cut_ns);
        // Not ended yet as of the cut; if not even opened, not part of this interval at all. One that
        // ended while the snapshot was taken is in it too, and a walk of the table that begins anew,
        // because its place was deleted, yields entries twice: each counts once.
        let waiting_ids: HashSet<Id> = waiting.iter().map(id).collect();
        let mut seen: HashSet<Id> = done.iter().map(id).collect();
        let still_open: Vec<Conn> = waiting
            .iter()
            .map(|conn| reopened(conn, cut_ns))
            .chain(self.live.drain(..).filter(is_open))
            .filter(|conn| conn.open_ns <= cut_ns && seen.insert(id(conn)))
            .collect();
        self.ended = waiting;
        let done_count = done.len();
        for conn in done.iter().chain(&still_open) {
            let is_done = conn.old_state != 0;
            let late = if is_done { self.late.remove(&conn.cookie) } else { None };
            let cause = self.named.get(&id(conn)).copied().unwrap_or_else(|| at_once(conn));
            let context = Context {
                tick_ns: self.facts.tick_ns,
                sees_close: self.facts.sees_close,
                sees: self.facts.sees,
                served: &self.facts.served,
                reset_reasons: &|reason| self.facts.reset_reasons.get(&reason).cloned(),
            };
            all.push(build::connection(conn, late.as_ref(), cause, &context));
        }
        self.openings.name(&mut all, self.previous_ns, cut_ns);
        self.named = still_open
            .iter()
            .zip(&all[done_count..])
            .map(|(conn, connection)| (id(conn), connection.open_cause))
            .collect();
        self.forget_late(cut_ns, &waiting_ids);
        self.previous_ns = cut_ns;
        let live = all.split_off(done_count);
        all.sort_by_key(|connection| connection.close().map_or(0, |close| close.at_ns));
        Tick { now_ns: cut_ns, ended: all, live }
    }

    /// Late facts wait only for records that are here already: theirs came first.
    fn forget_late(&mut self, cut_ns: u64, waiting: &HashSet<Id>) {
        let before = self.late.len();
        let cookies: HashSet<u64> = waiting.iter().map(|id| id.0).collect();
        self.late.retain(|cookie, late| late.at_ns > cut_ns || cookies.contains(cookie));
        self.late_unjoined += (before - self.late.len()) as u64;
    }
}

/// Neither ended, nor a dial that may end before its SYN.
fn is_open(conn: &Conn) -> bool {
    conn.old_state == 0 && conn.state != CLOSE
}

fn id(conn: &Conn) -> Id {
    // Plain tracepoints may tell the cookie later than the opening.
    if conn.cookie != 0 && conn.flags & flags::PLAIN == 0 {
        return (conn.cookie, conn.open_ns, 0, [0; 16], 0, 0);
    }
    let sport = if conn.open_ns == 0 { conn.sport } else { 0 };
    (0, conn.open_ns, conn.netns, conn.daddr, conn.dport, sport)
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
mod tests {
    use super::*;
    use crate::connection::Phase;
    use crate::decode::testing::blank;

    const S: u64 = 1_000_000_000;

    fn conn(cookie: u64, open_ns: u64, end_ns: u64) -> Conn {
        Conn {
            cookie,
            open_ns,
            end_ns,
            first_close_ns: end_ns,
            established_ns: open_ns,
            opened: opened::ACTIVE,
            old_state: if end_ns == 0 { 0 } else { 5 },
            state: if end_ns == 0 { 1 } else { 7 },
            first: u8::from(end_ns != 0),
            ..blank()
        }
    }

    fn stage() -> Connections {
        Connections::new(Facts { tick_ns: 4_000_000, ..Facts::default() }, 0)
    }

    fn late(cookie: u64, at_ns: u64) -> Late {
        Late { kind: 2, abi: 2, len: 32, cookie, at_ns, rst_reason: 0, reserved: 0 }
    }

    #[test]
    fn a_connection_that_ended_just_now_waits_one_tick_and_is_open_meanwhile() {
        let mut stage = stage();
        stage.ended(conn(1, S, 2 * S - 1));
        let tick = stage.tick(2 * S, false);
        assert_eq!((tick.ended.len(), tick.live.len()), (0, 1));
        assert!(matches!(tick.live[0].phase, Phase::Open { .. }));
        stage.late(late(1, 2 * S));
        let tick = stage.tick(3 * S, false);
        assert_eq!((tick.ended.len(), tick.live.len()), (1, 0));
        assert!(tick.ended[0].close().unwrap().late_peer_data);
        assert_eq!(stage.late_unjoined(), 0);
    }

    #[test]
    fn a_connection_opened_after_the_cut_belongs_to_the_next_interval() {
        let mut stage = stage();
        stage.live(conn(1, 2 * S - 1, 0));
        assert_eq!(stage.tick(2 * S, false).live.len(), 0);
        stage.live(conn(1, 2 * S - 1, 0));
        assert_eq!(stage.tick(3 * S, false).live.len(), 1);
    }

    #[test]
    fn the_last_tick_waits_for_nothing() {
        let mut stage = stage();
        stage.ended(conn(1, S, 2 * S - 1));
        assert_eq!(stage.tick(2 * S, true).ended.len(), 1);
    }

    #[test]
    fn an_open_cause_is_named_once_and_kept() {
        let mut stage = stage();
        stage.live(conn(1, S, 0));
        assert_eq!(stage.tick(2 * S, false).live[0].open_cause, OpenCause::First);
        stage.ended(conn(1, S, 3 * S));
        stage.ended(conn(2, S / 2, S));
        assert_eq!(stage.tick(4 * S, true).ended[1].open_cause, OpenCause::First);
    }

    #[test]
    fn late_data_without_its_connection_is_counted() {
        let mut stage = stage();
        stage.late(late(9, S));
        stage.tick(2 * S, true);
        assert_eq!(stage.late_unjoined(), 1);
    }

    #[test]
    fn a_snapshot_entry_that_ended_meanwhile_is_left_to_its_record() {
        let mut stage = stage();
        stage.live(Conn { flags: flags::SENT, ..conn(1, S, 2 * S) });
        let tick = stage.tick(3 * S, true);
        assert_eq!((tick.ended.len(), tick.live.len()), (0, 0));
    }

    #[test]
    fn a_connection_that_ends_while_the_snapshot_is_taken_is_counted_once() {
        let mut stage = stage();
        stage.live(conn(1, S, 0));
        stage.ended(conn(1, S, 2 * S + 1));
        assert_eq!(stage.tick(2 * S, true).live.len(), 1);
    }

    #[test]
    fn a_dial_before_its_syn_is_not_open() {
        let mut stage = stage();
        stage.live(Conn { state: CLOSE, ..conn(1, S, 0) });
        assert_eq!(stage.tick(2 * S, true).live.len(), 0);
    }

    #[test]
    fn an_entry_that_the_walk_of_the_table_yields_twice_is_counted_once() {
        // The kernel restarts a walk whose current key was deleted meanwhile.
        let mut stage = stage();
        stage.live(conn(1, S, 0));
        stage.live(conn(1, S, 0));
        assert_eq!(stage.tick(2 * S, true).live.len(), 1);
    }

    #[test]
    fn what_an_interval_takes_is_bounded_and_the_rest_is_counted() {
        let mut stage = stage();
        stage.bounds = Bounds { records: 10, open: 20 };
        for cookie in 1..=100 {
            stage.ended(conn(cookie, S, 2 * S - 1));
            stage.live(conn(1_000 + cookie, S, 0));
        }
        let evicted = stage.evicted();
        assert_eq!((evicted.of(Evicted::Records), evicted.of(Evicted::Open)), (90, 80));
        let tick = stage.tick(2 * S, true);
        assert_eq!((tick.ended.len(), tick.live.len()), (10, 20));
        stage.ended(conn(101, 2 * S, 3 * S - 1));
        assert_eq!(stage.tick(3 * S, true).ended.len(), 1, "there is room again");
    }

    #[test]
    fn late_facts_that_wait_are_bounded_and_the_rest_is_counted() {
        let mut stage = stage();
        for cookie in 1..=LATE_CAPACITY as u64 + 9 {
            stage.late(late(cookie, S));
        }
        assert_eq!((stage.late.len(), stage.late_unjoined()), (LATE_CAPACITY, 9));
    }

    #[test]
    fn a_late_reset_without_cookie_is_pinned_on_nobody() {
        // Kernel 5.10: every cookie is 0.
        let mut stage = stage();
        stage.ended(conn(0, S, 2 * S - 1));
        stage.late(late(0, 2 * S - 2));
        assert!(!stage.tick(2 * S, true).ended[0].close().unwrap().late_peer_data);
    }

    #[test]
    fn a_redial_after_our_close_is_no_parallel_dial_though_the_record_comes_later() {
        // The FIN is sent before the cut, and acknowledged (delayed ACK) after it.
        let mut stage = stage();
        let cut = 2 * S - LATE_WAIT_NS;
        let fin = cut - 20_000_000;
        stage.ended(Conn { first_close_ns: fin, ..conn(1, S, cut + 20_000_000) });
        stage.live(conn(2, fin + 10_000_000, 0));
        let tick = stage.tick(2 * S, false);
        assert_eq!(tick.live[1].open_cause, OpenCause::AfterLocalClose);
    }
}
