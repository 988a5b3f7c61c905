//! Names the cause of an open: what else this process had towards the destination at that moment.
//!
//! A sweep over one interval in time order. It needs no event per open: every connection of the
//! interval is known at its end, whether it ended or lives.

use std::net::SocketAddr;

use super::record::{CloseCause, Connection, OpenCause, Phase, Role};
use crate::hash::Map;
use crate::process::ProcessId;

/// How long the last close towards a destination is remembered: past that, a dial is a first one.
/// 60 s is the longest that common servers keep an idle connection.
const MEMORY_NS: u64 = 60_000_000_000;

/// How long a connection must have lain idle to count as one that could have been reused: between
/// the answer's last segment and the application that reads it, then closes or hands it back, a busy
/// host takes its time.
const CERTAINLY_IDLE_NS: u64 = 100_000_000;

/// Most pools remembered. Past that all are forgotten, and dials that would be first ones are of
/// unknown cause until the memory is whole again.
const CAPACITY: usize = 65_536;

/// No number of a pool: there are fewer than records, which are bounded.
const NOWHERE: u32 = u32::MAX;

/// One process (or nobody known) towards one destination, within one network namespace.
type Pool = (Option<ProcessId>, u32, SocketAddr);

/// Remembers the last close of each pool between intervals.
#[derive(Debug, Default)]
pub(super) struct Openings {
    last_close: Map<Pool, (u64, CloseCause)>,
    /// When the memory was given up.
    forgot_ns: Option<u64>,
    /// Closes that were forgotten too early.
    forgotten: u64,
}

/// What happens at one moment. Declared in the order in which they count at equal times.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    Close(CloseCause),
    IdleEnd,
    IdleStart,
    Open { arrival: u32, place: u32, is_asked: bool },
}

/// What is open in a pool at one moment of the sweep.
#[derive(Default)]
struct Now {
    open: usize,
    idle: usize,
}

/// The connections of one interval, each with what it contributes.
pub(super) struct Sweep {
    since_ns: u64,
    /// Number of each pool that takes part.
    numbers: Map<Pool, u32>,
    pools: Vec<InPool>,
    /// Of each connection that was shown, the pool it is to be named in, or [`NOWHERE`].
    asked: Vec<u32>,
    places: u32,
}

/// What happens in one pool.
struct InPool {
    pool: Pool,
    /// It has a dial to be named: of the others only closes are remembered, for there may be very many
    /// connections, and most of them do nothing in an interval.
    is_asked: bool,
    steps: Vec<(u64, Step)>,
}

impl Sweep {
    /// A sweep over the interval since `since_ns`.
    pub(super) fn since(since_ns: u64) -> Self {
        let (numbers, pools) = (Map::default(), Vec::new());
        Self { since_ns, numbers, pools, asked: Vec::new(), places: 0 }
    }

    /// Looks whether a connection has to be named. All that are to be added must be shown before, in
    /// the same order.
    pub(super) fn show(&mut self, connection: &Connection) {
        let is_asked = is_asked(connection, self.since_ns) && connection.role != Some(Role::Server);
        let mut number = NOWHERE;
        if is_asked {
            number = self.number(pool(connection));
            self.pools[number as usize].is_asked = true;
        }
        self.asked.push(number);
    }

    fn number(&mut self, pool: Pool) -> u32 {
        let Self { numbers, pools, .. } = self;
        *numbers.entry(pool).or_insert_with(|| {
            pools.push(InPool { pool, is_asked: false, steps: Vec::new() });
            u32::try_from(pools.len() - 1).unwrap_or(NOWHERE)
        })
    }

    /// Adds a connection. Every one that was open at any time of the interval must be added. Of dials
    /// at one moment the one with the lower `arrival` comes first, then the one added first.
    pub(super) fn add(&mut self, arrival: u32, connection: &Connection) {
        let place = self.places;
        self.places += 1;
        if connection.role == Some(Role::Server) {
            return;
        }
        let shut = shut(connection);
        let named_in = self.asked.get(place as usize).copied().filter(|number| *number != NOWHERE);
        let is_asked = named_in.is_some();
        let pool = pool(connection);
        let Some(number) = named_in.or_else(|| self.numbers.get(&pool).copied()) else {
            if let Some((at_ns, cause)) = shut {
                let number = self.number(pool);
                self.pools[number as usize].steps.push((at_ns, Step::Close(cause)));
            }
            return;
        };
        let pool = &mut self.pools[number as usize];
        if pool.is_asked {
            steps(Step::Open { arrival, place, is_asked }, connection, shut, &mut pool.steps);
        } else if let Some((at_ns, cause)) = shut {
            pool.steps.push((at_ns, Step::Close(cause)));
        }
    }
}

/// Whether it was dialled since then and has no cause yet.
fn is_asked(connection: &Connection, since_ns: u64) -> bool {
    connection.open_cause == OpenCause::Unknown && connection.opened_ns.unwrap_or(0) > since_ns
}

const fn pool(connection: &Connection) -> Pool {
    (connection.owner, connection.netns, connection.peer)
}

impl Openings {
    /// Closes that were forgotten because there were too many.
    pub(super) const fn forgotten(&self) -> u64 {
        self.forgotten
    }

    /// The open cause of each connection of the sweep that was dialled in its interval and has none
    /// yet, with the number of connections that were added before it.
    pub(super) fn name(&mut self, sweep: Sweep, now_ns: u64) -> Vec<(usize, OpenCause)> {
        let mut names = Vec::new();
        for InPool { pool, mut steps, .. } in sweep.pools {
            // By one process most come in order.
            steps.sort();
            let mut now = Now::default();
            let mut last = self.last_close.get(&pool).copied();
            for (at_ns, step) in steps {
                match step {
                    Step::Open { place, is_asked, .. } => {
                        if is_asked {
                            let is_whole =
                                self.forgot_ns.is_none_or(|forgot| at_ns > forgot + MEMORY_NS);
                            names.push((place as usize, cause(&now, last, at_ns, is_whole)));
                        }
                        now.open += 1;
                    }
                    Step::Close(cause) => {
                        now.open = now.open.saturating_sub(1);
                        // One that stays in CLOSE_WAIT is told anew in each interval.
                        last = last.max(Some((at_ns, cause)));
                    }
                    Step::IdleStart => now.idle += 1,
                    Step::IdleEnd => now.idle = now.idle.saturating_sub(1),
                }
            }
            if let Some(last) = last {
                self.last_close.insert(pool, last);
            }
        }
        self.last_close.retain(|_, (at_ns, _)| now_ns.saturating_sub(*at_ns) < MEMORY_NS);
        if self.last_close.len() > CAPACITY {
            self.forgotten += self.last_close.len() as u64;
            self.last_close.clear();
            self.forgot_ns = Some(now_ns);
        }
        names
    }
}

/// When and why it could not be used any more, if that is so.
fn shut(connection: &Connection) -> Option<(u64, CloseCause)> {
    let shut = match &connection.phase {
        Phase::Closed(close) => Some((close.at_ns, close.cause)),
        // One side has closed it: not open to reuse any more.
        Phase::Open { peer_fin_ns, .. } => {
            let by_us = connection.local_fin_ns.map(|at_ns| (at_ns, CloseCause::LocalClose));
            by_us.or(peer_fin_ns.map(|at_ns| (at_ns, CloseCause::PeerClose)))
        }
    };
    let opened_ns = connection.opened_ns.unwrap_or(0);
    shut.map(|(at_ns, cause)| (at_ns.max(opened_ns + 1), cause))
}

/// Adds what `connection` contributes. One that was there before us was open all the time.
fn steps(
    open: Step,
    connection: &Connection,
    shut: Option<(u64, CloseCause)>,
    steps: &mut Vec<(u64, Step)>,
) {
    steps.push((connection.opened_ns.unwrap_or(0), open));
    if let Some((at_ns, cause)) = shut {
        steps.push((at_ns, Step::Close(cause)));
    }
    // Idle only where it is certain: nothing outstanding, and for some time.
    if let (Some(data_ns), false) = (connection.last_data_ns, connection.unanswered) {
        let from_ns = data_ns.max(connection.established_ns.unwrap_or(0)) + CERTAINLY_IDLE_NS;
        let until_ns = shut.map_or(u64::MAX, |(at_ns, _)| at_ns);
        if from_ns < until_ns {
            steps.push((from_ns, Step::IdleStart));
            steps.push((until_ns, Step::IdleEnd));
        }
    }
}

fn cause(now: &Now, last: Option<(u64, CloseCause)>, at_ns: u64, is_whole: bool) -> OpenCause {
    if now.idle > 0 {
        return OpenCause::IdleAvailable;
    }
    if now.open > 0 {
        return OpenCause::Parallel;
    }
    match last {
        Some((closed_ns, cause)) if at_ns.saturating_sub(closed_ns) < MEMORY_NS => after(cause),
        _ if is_whole => OpenCause::First,
        _ => OpenCause::Unknown,
    }
}

fn after(cause: CloseCause) -> OpenCause {
    match cause {
        cause if cause.is_failed_dial() => OpenCause::RetryFailedDial,
        CloseCause::LocalClose
        | CloseCause::LocalAbortUnread
        | CloseCause::LocalAbortLinger0
        | CloseCause::LocalAbort
        | CloseCause::LocalCloseThenReset
        | CloseCause::SimultaneousClose
        | CloseCause::Disconnect => OpenCause::AfterLocalClose,
        CloseCause::PeerClose => OpenCause::AfterPeerClose,
        CloseCause::ResetByPeer => OpenCause::AfterReset,
        CloseCause::ResetAfterPeerFin => OpenCause::AfterStaleReuse,
        _ => OpenCause::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connection::TcpState;
    use crate::connection::testing::{closed, live};

    const S: u64 = 1_000_000_000;

    fn name(openings: &mut Openings, all: &mut [Connection], since_ns: u64, now_ns: u64) {
        let mut sweep = Sweep::since(since_ns);
        for connection in &*all {
            sweep.show(connection);
        }
        for (arrival, connection) in (0..).zip(&*all) {
            sweep.add(arrival, connection);
        }
        for (place, cause) in openings.name(sweep, now_ns) {
            all[place].open_cause = cause;
        }
    }

    fn named(mut all: Vec<Connection>) -> Vec<OpenCause> {
        name(&mut Openings::default(), &mut all, 0, 100 * S);
        all.into_iter().map(|connection| connection.open_cause).collect()
    }

    #[test]
    fn a_dial_after_our_close_is_told_from_the_first_one() {
        let one = closed(S, 2 * S, CloseCause::LocalClose);
        let two = closed(3 * S, 4 * S, CloseCause::PeerClose);
        let three = closed(5 * S, 6 * S, CloseCause::ConnectRefused);
        let four = closed(7 * S, 8 * S, CloseCause::LocalClose);
        assert_eq!(
            named(vec![four, two, three, one]),
            [
                OpenCause::RetryFailedDial,
                OpenCause::AfterLocalClose,
                OpenCause::AfterPeerClose,
                OpenCause::First
            ]
        );
    }

    #[test]
    fn a_connection_counts_as_idle_only_if_it_certainly_was() {
        let mut idle = live(S);
        idle.last_data_ns = Some(2 * S);
        let mut unknown = idle.clone();
        unknown.last_data_ns = None;
        let mut busy = idle.clone();
        busy.unanswered = true;
        let mut later = idle.clone();
        later.last_data_ns = Some(5 * S);
        for (other, expected) in [
            (idle, OpenCause::IdleAvailable),
            (unknown, OpenCause::Parallel),
            (busy, OpenCause::Parallel),
            (later, OpenCause::Parallel),
        ] {
            assert_eq!(named(vec![live(4 * S), other])[0], expected);
        }
    }

    #[test]
    fn a_connection_that_the_peer_has_closed_is_not_open_to_reuse() {
        let mut gone = live(S);
        gone.last_data_ns = Some(2 * S);
        gone.phase = Phase::Open { state: TcpState::CloseWait, peer_fin_ns: Some(3 * S) };
        assert_eq!(named(vec![live(4 * S), gone])[0], OpenCause::AfterPeerClose);
    }

    #[test]
    fn the_last_close_is_remembered_between_intervals_and_then_forgotten() {
        let mut openings = Openings::default();
        name(&mut openings, &mut [closed(S, 2 * S, CloseCause::ResetByPeer)], 0, 3 * S);
        let mut next = [live(4 * S)];
        name(&mut openings, &mut next, 3 * S, 5 * S);
        assert_eq!(next[0].open_cause, OpenCause::AfterReset);
        name(&mut openings, &mut [], 5 * S, 200 * S);
        assert!(openings.last_close.is_empty());
    }

    #[test]
    fn another_process_has_its_own_pool() {
        let mut other = live(4 * S);
        other.owner = Some(ProcessId { pid: 99, start_ns: 1 });
        assert_eq!(named(vec![other, live(S)])[0], OpenCause::First);
    }

    #[test]
    fn the_newest_close_names_the_dial_though_an_older_one_is_still_in_the_slice() {
        let mut openings = Openings::default();
        let mut leaked = live(S);
        leaked.phase = Phase::Open { state: TcpState::CloseWait, peer_fin_ns: Some(2 * S) };
        let mut first = [leaked.clone(), closed(3 * S, 4 * S, CloseCause::LocalClose)];
        name(&mut openings, &mut first, 0, 5 * S);
        leaked.open_cause = OpenCause::First;
        let mut second = [leaked, live(6 * S)];
        name(&mut openings, &mut second, 5 * S, 7 * S);
        assert_eq!(second[1].open_cause, OpenCause::AfterLocalClose);
    }

    #[test]
    fn a_fork_storm_is_forgotten_and_nothing_false_is_said_afterwards() {
        let mut openings = Openings::default();
        let mut storm: Vec<_> = (0..=u32::try_from(CAPACITY).unwrap())
            .map(|pid| {
                let mut one = closed(S, 2 * S, CloseCause::LocalClose);
                one.owner = Some(ProcessId { pid, start_ns: 1 });
                one
            })
            .collect();
        name(&mut openings, &mut storm, 0, 3 * S);
        assert!(openings.last_close.is_empty());
        assert_eq!(openings.forgotten(), CAPACITY as u64 + 1);
        let mut next = [live(4 * S)];
        name(&mut openings, &mut next, 3 * S, 5 * S);
        assert_eq!(next[0].open_cause, OpenCause::Unknown);
        let mut later = [live(90 * S)];
        name(&mut openings, &mut later, 5 * S, 91 * S);
        assert_eq!(later[0].open_cause, OpenCause::First);
    }
}
