//! The most connections open at one time within one interval, exact because a tick is complete.
//!
//! A connection is open from dial or accept to its first close transition. One that is live but
//! already closing (`FIN_WAIT`, `LAST_ACK`) closed at a moment we are told only when it ends: it
//! counts at the instant it was opened, so that the peak is never overstated.

use crate::connection::{Connection, Phase, TcpState};

/// Whether the application has let go of a connection in this state.
const fn is_closing(state: TcpState) -> bool {
    !matches!(
        state,
        TcpState::SynSent | TcpState::SynRecv | TcpState::Established | TcpState::CloseWait
    )
}

/// The peak over the interval that began after `previous_ns`.
pub(super) fn peak<'a>(connections: impl Iterator<Item = &'a Connection>, previous_ns: u64) -> u64 {
    let mut open = 0_i64;
    // Room for each to begin and to end: growing it would copy it.
    let mut changes = Vec::with_capacity(2 * connections.size_hint().0);
    for connection in connections {
        let opened_ns = connection.opened_ns.unwrap_or(0);
        let end_ns = match &connection.phase {
            // Coarse clocks can put both in one instant; it was open for that instant.
            Phase::Closed(close) => Some(close.at_ns.max(opened_ns.saturating_add(1))),
            Phase::Open { state, .. } if is_closing(*state) => Some(opened_ns.saturating_add(1)),
            Phase::Open { .. } => None,
        };
        if end_ns.is_some_and(|end_ns| end_ns <= previous_ns) {
            continue;
        }
        if opened_ns <= previous_ns {
            open += 1;
        } else {
            changes.push((opened_ns, 1));
        }
        changes.extend(end_ns.map(|end_ns| (end_ns, -1)));
    }
    // At one instant closes come first: a close and a redial are one connection at a time.
    changes.sort_unstable();
    let mut peak = open;
    for (_, change) in changes {
        open += change;
        peak = peak.max(open);
    }
    peak.unsigned_abs()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aggregate::support::{Build, SECOND};

    #[test]
    fn one_after_another_is_a_peak_of_one() {
        let connections: Vec<_> =
            (0..10).map(|n| Build::client().at(n * SECOND, (n + 1) * SECOND).end()).collect();
        assert_eq!(peak(connections.iter(), 0), 1);
    }

    #[test]
    fn overlapping_ones_add_up() {
        let connections: Vec<_> =
            (0..10).map(|n| Build::client().at(n * SECOND, 20 * SECOND + n).end()).collect();
        assert_eq!(peak(connections.iter(), 0), 10);
    }

    #[test]
    fn those_open_before_the_interval_count() {
        let old = Build::client().at(1, 10 * SECOND).end();
        let new = Build::client().at(6 * SECOND, 0).live();
        assert_eq!(peak([&old, &new].into_iter(), 5 * SECOND), 2);
        assert_eq!(peak([&old, &new].into_iter(), 11 * SECOND), 1);
    }

    #[test]
    fn one_that_lingers_after_our_close_is_not_open() {
        let lingering = Build::client().at(SECOND, 0).state(TcpState::FinWait2).live();
        let next = Build::client().at(2 * SECOND, 0).live();
        assert_eq!(peak([&lingering, &next].into_iter(), 0), 1);
    }

    #[test]
    fn an_instant_counts() {
        let refused = Build::client().at(SECOND, SECOND).end();
        assert_eq!(peak([&refused].into_iter(), 0), 1);
    }
}
