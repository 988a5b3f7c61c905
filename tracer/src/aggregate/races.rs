//! Races between dials: a client with several addresses of one name dials some of them at once (Happy
//! Eyeballs), and gives the others up when one has answered. Owns nothing that outlives the fold.

use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::connection::{CloseCause, Connection, Role, Tick};
use crate::process::ProcessId;

/// The loser is closed when its winner is known: at once, but for a busy host's scheduling.
const AT_ONCE_NS: u64 = 100_000_000;

/// Who dialled which port in which network namespace.
type Race = (ProcessId, u32, u16);

/// Which dials were answered when; of a tick in which none was given up, nothing is kept.
#[derive(Debug, Default)]
pub(super) struct Races(BTreeMap<Race, Vec<(u64, IpAddr)>>);

fn race(connection: &Connection) -> Option<Race> {
    let is_dial = connection.role == Some(Role::Client);
    let owner = connection.owner.filter(|_| is_dial)?;
    Some((owner, connection.netns, connection.peer.port()))
}

impl Races {
    pub(super) fn of(tick: &Tick) -> Self {
        let given_up = |close: &_| matches!(close, CloseCause::DialCancelled);
        let mut races = Self::default();
        if !tick.ended.iter().any(|c| c.close().is_some_and(|close| given_up(&close.cause))) {
            return races;
        }
        for connection in tick.ended.iter().chain(&tick.live) {
            if let (Some(race), Some(at_ns)) = (race(connection), connection.established_ns) {
                races.0.entry(race).or_default().push((at_ns, connection.peer.ip()));
            }
        }
        for answers in races.0.values_mut() {
            answers.sort_unstable();
        }
        races
    }

    /// Whether `connection` was given up because another address had answered.
    pub(super) fn is_lost(&self, connection: &Connection) -> bool {
        let Some(close) = connection.close() else { return false };
        let answers = race(connection).and_then(|race| self.0.get(&race));
        let Some(answers) = answers.filter(|_| close.cause == CloseCause::DialCancelled) else {
            return false;
        };
        let opened_ns = connection.opened_ns.unwrap_or(0);
        let from_ns = close.at_ns.saturating_sub(AT_ONCE_NS).max(opened_ns);
        let first = answers.partition_point(|(at_ns, _)| *at_ns < from_ns);
        answers[first..]
            .iter()
            .take_while(|(at_ns, _)| *at_ns <= close.at_ns)
            .any(|(_, address)| *address != connection.peer.ip())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aggregate::support::{Build, MILLI};

    fn is_lost(loser: Build, winner: Build) -> bool {
        let loser = loser.end();
        let tick = Tick { now_ns: 0, ended: vec![loser.clone()], live: vec![winner.live()] };
        Races::of(&tick).is_lost(&loser)
    }

    fn loser() -> Build {
        Build::client().to("[::1]:8080").at(MILLI, 301 * MILLI).given_up()
    }

    #[test]
    fn a_dial_given_up_when_another_address_answered_has_lost() {
        assert!(is_lost(loser(), Build::client().at(300 * MILLI, 0)));
    }

    #[test]
    fn a_dial_given_up_at_another_moment_has_not() {
        assert!(!is_lost(loser(), Build::client().at(100 * MILLI, 0)), "long after");
        assert!(!is_lost(loser(), Build::client().at(302 * MILLI, 0)), "before");
    }

    #[test]
    fn what_another_process_port_or_the_same_address_answered_is_no_race() {
        assert!(!is_lost(loser(), Build::client().pid(7).at(300 * MILLI, 0)));
        assert!(!is_lost(loser(), Build::client().port(81).at(300 * MILLI, 0)));
        assert!(!is_lost(loser(), Build::client().to("[::1]:8080").at(300 * MILLI, 0)));
    }

    #[test]
    fn a_dial_that_failed_otherwise_has_not_lost() {
        assert!(!is_lost(loser().refused(), Build::client().at(300 * MILLI, 0)));
    }
}
