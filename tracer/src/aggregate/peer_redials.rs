//! Counts the redials of one peer address as its server sees them: connections that it opened within
//! half a second of closing its last one itself, while it had no other.
//!
//! Each is counted in the order of time, whatever order the records come in. It is settled one tick
//! after it was opened, because the close before it may be told a tick late.

use super::Slice;
use crate::connection::{Close, Connection, Initiator, Phase};

/// How soon after its own close a new connection of the peer is a redial. The same half second
/// within which a client's dial counts as the answer to its own close; a health check once a second
/// is none.
pub const REDIAL_NS: u64 = 500_000_000;

/// The first FIN or reset of a connection: from then on it cannot be used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Shut {
    at_ns: u64,
    by_peer: bool,
}

/// From when to when a connection could have been used.
#[derive(Clone, Copy, Debug)]
struct Life {
    /// 0 if it was there before us.
    opened_ns: u64,
    shut: Option<Shut>,
}

/// What happens at one moment, in the order in which it counts at equal times.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    Shut { by_peer: bool },
    Open,
}

/// The redials of one peer address into one server address.
#[derive(Clone, Debug, Default)]
pub(super) struct PeerRedials {
    settled: u64,
    /// Those of the last tick, counted anew with the next.
    recent: u64,
    /// Up to when openings are settled; `None` before the first tick.
    settled_ns: Option<u64>,
    /// Connections that ended in the last tick.
    ended: Vec<Life>,
    /// The last shut as of `settled_ns`.
    last: Option<Shut>,
}

impl PeerRedials {
    /// Takes in one interval, whether or not the peer had a connection in it.
    pub(super) fn observe(&mut self, slice: &Slice<'_>) {
        let from_ns = self.settled_ns.unwrap_or(slice.previous_ns);
        let mut lives = std::mem::take(&mut self.ended);
        lives.extend(slice.all().map(life));
        self.recent = 0;
        for at_ns in redials(&lives, self.last) {
            if at_ns > slice.previous_ns {
                self.recent += 1;
            } else if at_ns > from_ns {
                self.settled += 1;
            }
        }
        let shuts = lives.iter().filter_map(|life| life.shut);
        let past = shuts.filter(|shut| shut.at_ns <= slice.previous_ns);
        self.last = self.last.max(past.max());
        self.ended = slice.ended.iter().copied().map(life).collect();
        self.settled_ns = Some(slice.previous_ns);
    }

    /// How many, as of the last tick.
    pub(super) const fn count(&self) -> u64 {
        self.settled + self.recent
    }
}

fn life(connection: &Connection) -> Life {
    let opened_ns = connection.opened_ns.unwrap_or(0);
    let shut = match &connection.phase {
        Phase::Closed(close) => Some(Shut { at_ns: close.at_ns, by_peer: is_by_peer(close) }),
        Phase::Open { peer_fin_ns, .. } => {
            let by_peer = peer_fin_ns.map(|at_ns| Shut { at_ns, by_peer: true });
            let by_us = connection.local_fin_ns.map(|at_ns| Shut { at_ns, by_peer: false });
            by_peer.into_iter().chain(by_us).min()
        }
    };
    // Coarse clocks can put both in one instant; it was open for that instant.
    let shut = shut.map(|shut| Shut { at_ns: shut.at_ns.max(opened_ns.saturating_add(1)), ..shut });
    Life { opened_ns, shut }
}

/// Whether the peer's FIN or reset came first. After its FIN the cause may still be an abort of ours
/// or a timer.
fn is_by_peer(close: &Close) -> bool {
    close.initiator == Initiator::Peer || close.after_peer_fin
}

/// When redials were opened. `last` is the last shut before all that is in `lives`.
fn redials(lives: &[Life], mut last: Option<Shut>) -> Vec<u64> {
    let mut steps = Vec::with_capacity(2 * lives.len());
    for life in lives {
        steps.push((life.opened_ns, Step::Open));
        let shut = life.shut.map(|shut| (shut.at_ns, Step::Shut { by_peer: shut.by_peer }));
        steps.extend(shut);
    }
    steps.sort_unstable();
    let mut open = 0_u64;
    let mut found = Vec::new();
    for (at_ns, step) in steps {
        match step {
            Step::Open => {
                let closed = last.filter(|shut| shut.by_peer && open == 0);
                found.extend(closed.and_then(|shut| {
                    let gap_ns = at_ns.checked_sub(shut.at_ns)?;
                    (gap_ns <= REDIAL_NS).then_some(at_ns)
                }));
                open += 1;
            }
            Step::Shut { by_peer } => {
                open = open.saturating_sub(1);
                last = last.max(Some(Shut { at_ns, by_peer }));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aggregate::races::Races;
    use crate::aggregate::support::{Build, MILLI, SECOND, ticks};
    use crate::connection::{CloseCause, Tick};

    const AT: u64 = 10 * SECOND;

    fn count(ticks: &[Tick]) -> u64 {
        let mut redials = PeerRedials::default();
        let mut previous_ns = 0;
        for tick in ticks {
            let [ended, live] = [&tick.ended, &tick.live].map(|all| all.iter().collect::<Vec<_>>());
            let now_ns = tick.now_ns;
            let (ended, live) = (&ended[..], &live[..]);
            let races = &Races::default();
            redials.observe(&Slice { start_ns: 0, previous_ns, now_ns, ended, live, races });
            previous_ns = now_ns;
        }
        redials.count()
    }

    fn of(history: &[Connection]) -> u64 {
        count(&ticks(history, 20 * SECOND))
    }

    fn lived(opened_ns: u64, closed_ns: u64) -> Build {
        Build::server().at(opened_ns, closed_ns).by_peer()
    }

    fn next(gap_ns: u64) -> Connection {
        Build::server().at(AT + gap_ns, 0).live()
    }

    #[test]
    fn a_peer_that_closes_and_comes_back_at_once_redials() {
        let each = |n: u64| lived(AT + n * 40 * MILLI, AT + n * 40 * MILLI + MILLI).end();
        let history: Vec<_> = (0..100).map(each).collect();
        assert_eq!(of(&history), 99);
    }

    #[test]
    fn half_a_second_counts_and_any_later_does_not() {
        let first = lived(SECOND, AT).end();
        for (gap_ns, redials) in [(0, 1), (REDIAL_NS, 1), (REDIAL_NS + 1, 0)] {
            assert_eq!(of(&[first.clone(), next(gap_ns)]), redials, "{gap_ns}");
        }
    }

    #[test]
    fn what_the_server_closed_first_is_not_held_against_the_peer() {
        let local = Build::server().at(SECOND, AT);
        let timeout = local.clone().cause(CloseCause::RetransmitTimeout, Initiator::Kernel);
        for build in [local, timeout] {
            assert_eq!(of(&[build.end(), next(MILLI)]), 0);
        }
    }

    #[test]
    fn the_peers_fin_counts_whatever_the_server_did_after_it() {
        let aborted = Build::server().at(SECOND, AT).unread(7).after_peer_fin().end();
        assert_eq!(of(&[aborted, next(MILLI)]), 1);
        let never_closed = Build::server().at(SECOND, 0).close_wait(Some(AT)).live();
        assert_eq!(of(&[never_closed, next(MILLI)]), 1);
    }

    #[test]
    fn a_peer_that_still_had_a_connection_opened_another_one() {
        let kept = Build::server().at(2 * SECOND, 0).live();
        assert_eq!(of(&[kept, lived(SECOND, AT).end(), next(MILLI)]), 0);
        let before = Build::preexisting().live();
        assert_eq!(of(&[before, lived(SECOND, AT).end(), next(MILLI)]), 0);
    }

    #[test]
    fn several_at_once_after_one_close_are_one_redial() {
        let burst = (1..=5).map(|n| next(n * MILLI));
        let history: Vec<_> = [lived(SECOND, AT).end()].into_iter().chain(burst).collect();
        assert_eq!(of(&history), 1);
    }

    #[test]
    fn only_the_last_close_counts() {
        let by_us = Build::server().at(SECOND, AT + MILLI).end();
        assert_eq!(of(&[lived(SECOND, AT).end(), by_us, next(2 * MILLI)]), 0);
    }

    #[test]
    fn the_order_of_the_records_does_not_matter() {
        let history: Vec<_> = (0..10)
            .map(|n| lived(AT + n * 50 * MILLI, AT + n * 50 * MILLI + MILLI).end())
            .collect();
        let mut reversed = ticks(&history, 20 * SECOND);
        for tick in &mut reversed {
            tick.ended.reverse();
        }
        assert_eq!(count(&reversed), 9);
    }

    #[test]
    fn a_close_that_is_told_a_tick_late_still_counts_and_once() {
        let (closed_ns, again_ns) = (AT - 20 * MILLI, AT - 10 * MILLI);
        let again = Build::server().at(again_ns, 0).live();
        let open = Build::server().at(SECOND, 0).live();
        let ended = lived(SECOND, closed_ns).end();
        let tick = |now_ns, ended: &[&Connection], live: &[&Connection]| Tick {
            now_ns,
            ended: ended.iter().copied().cloned().collect(),
            live: live.iter().copied().cloned().collect(),
        };
        let mut history = vec![
            tick(AT - SECOND, &[], &[&open]),
            tick(AT, &[], &[&open, &again]),
            tick(AT + SECOND, &[&ended], &[&again]),
        ];
        assert_eq!(count(&history[..2]), 0, "not known yet");
        assert_eq!(count(&history), 1);
        history.extend((2..5).map(|n| tick(AT + n * SECOND, &[], &[&again])));
        assert_eq!(count(&history), 1);
    }

    #[test]
    fn a_close_and_its_redial_on_either_side_of_a_tick_belong_together() {
        let first = lived(SECOND, AT - MILLI).end();
        assert_eq!(of(&[first, next(MILLI)]), 1);
    }
}
