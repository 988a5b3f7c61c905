//! How long a connection lay quiet before it ended, a farewell not counted.
//!
//! TLS and HTTP/2 say goodbye in data (`close_notify`, GOAWAY) right before the FIN: by the kernel's
//! account such a connection ends busy. What was seen at the tick before tells: it lay quiet then,
//! and no request has been answered since.

use std::collections::BTreeMap;

use crate::aggregate::Slice;
use crate::connection::{Close, Connection, Phase, seconds};

/// Shorter is the pause within an answer, or between two requests of a busy client.
const MIN_S: f64 = 0.25;

/// A farewell is followed by the end at once.
const FAREWELL_S: f64 = 0.1;

/// More quiet connections than this are a pool of which a part tells enough.
const KEPT: usize = 256;

/// Cookie and dial.
type Id = (Option<u64>, Option<u64>);

/// Connections that lay quiet at the last tick: last data, and exchanges until then.
#[derive(Clone, Debug, Default)]
pub(super) struct Quiet(BTreeMap<Id, (u64, u32)>);

fn id(connection: &Connection) -> Id {
    (connection.cookie, connection.opened_ns)
}

impl Quiet {
    /// Takes in the state at the end of an interval, after those that ended in it were asked about.
    pub(super) fn observe(&mut self, slice: &Slice<'_>) {
        let before = std::mem::take(&mut self.0);
        for connection in slice.live.iter().filter(|c| c.cookie.is_some()) {
            let is_shut = connection.local_fin_ns.is_some()
                || matches!(connection.phase, Phase::Open { peer_fin_ns: Some(_), .. });
            let quiet = if is_shut {
                // The last data by now is the farewell.
                before.get(&id(connection)).copied()
            } else {
                let data_ns = connection.last_data_ns.filter(|_| !connection.unanswered);
                data_ns
                    .filter(|data_ns| seconds(*data_ns, slice.now_ns) >= MIN_S)
                    .map(|data_ns| (data_ns, connection.exchanges))
            };
            if let Some(quiet) = quiet.filter(|_| self.0.len() < KEPT) {
                self.0.insert(id(connection), quiet);
            }
        }
    }

    /// Time from the last request or answer to the first close transition, seconds.
    pub(super) fn idle_s(&self, connection: &Connection, close: &Close) -> Option<f64> {
        let idle_s = close.idle_s?;
        let since_s = self.before_s(connection, close).filter(|_| idle_s <= FAREWELL_S);
        Some(since_s.map_or(idle_s, |since_s| since_s.max(idle_s)))
    }

    /// Time from the last data before the tick before, if it lay quiet then and no request was
    /// answered since.
    fn before_s(&self, connection: &Connection, close: &Close) -> Option<f64> {
        let (data_ns, exchanges) = self.0.get(&id(connection))?;
        (*exchanges == connection.exchanges).then(|| seconds(*data_ns, close.at_ns))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aggregate::support::{Build, MILLI, SECOND};

    fn observed(live: &Connection) -> Quiet {
        let mut quiet = Quiet::default();
        quiet.observe(&Slice::of_live(2 * SECOND, &[live]));
        quiet
    }

    fn idle_s(quiet: &Quiet, ended: &Connection) -> Option<f64> {
        quiet.idle_s(ended, ended.close()?)
    }

    #[test]
    fn a_farewell_does_not_end_the_quiet() {
        let build = Build::client().at(SECOND, 6 * SECOND).idle_s(0.0);
        let quiet = observed(&build.clone().live());
        assert_eq!(idle_s(&quiet, &build.clone().end()), Some(5.0));
        assert_eq!(idle_s(&quiet, &build.exchanges(2).end()), Some(0.0), "a request was answered");
    }

    #[test]
    fn what_was_busy_at_the_tick_is_taken_as_the_kernel_tells() {
        let build = Build::client().at(2 * SECOND - MILLI, 6 * SECOND).idle_s(0.0);
        assert_eq!(idle_s(&observed(&build.clone().live()), &build.end()), Some(0.0));
    }

    #[test]
    fn a_farewell_that_waits_in_close_wait_is_not_taken_for_the_last_request() {
        let build = Build::client().at(SECOND, 6 * SECOND).idle_s(0.0);
        let mut quiet = observed(&build.clone().live());
        let shut = build.clone().last_read(6 * SECOND).close_wait(Some(6 * SECOND)).live();
        quiet.observe(&Slice::of_live(9 * SECOND, &[&shut]));
        assert_eq!(idle_s(&quiet, &build.end()), Some(5.0));
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let many: Vec<_> = (1..1000).map(|n| Build::client().at(n, 0).live()).collect();
        let live: Vec<_> = many.iter().collect();
        let mut quiet = Quiet::default();
        quiet.observe(&Slice::of_live(9 * SECOND, &live));
        assert_eq!(quiet.0.len(), KEPT);
    }
}
