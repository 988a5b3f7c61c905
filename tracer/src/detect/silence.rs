//! What the last tick showed of connections that were open then and silent: how long they had been so
//! tells more than their end, where the end was preceded by a last write. TLS and HTTP/2 say goodbye
//! in data (`close_notify`, GOAWAY) right before the FIN: by the kernel's account such a connection
//! ends busy.
//!
//! Owns no judgement. One memory for all detectors of a key.

use crate::connection::{Close, Connection, Phase, Role, seconds};

/// Lies quiet; shorter is the pause within an answer, or between two requests of a busy client.
const QUIET_S: f64 = 0.25;

/// Is silent; less is a pause in the midst of use.
const SILENT_S: f64 = 0.5;

/// A farewell is followed by the end at once.
const FAREWELL_S: f64 = 0.1;

/// More quiet connections than this are a pool of which a part tells enough.
const MOST_QUIET: usize = 256;

/// Most silent ones remembered, and most of those that wait for an answer; the oldest first.
const MOST_SILENT: usize = 4096;

/// One open connection, as of the last tick.
#[derive(Clone, Copy, Debug)]
struct Seen {
    /// With the cookie and our port, what it is known by.
    opened_ns: Option<u64>,
    cookie: Option<u64>,
    port: u16,
    /// A request had no answer yet.
    is_waiting: bool,
    is_silent: bool,
    is_quiet: bool,
    exchanges: u32,
    last_data_ns: u64,
}

/// The silent connections of the last tick, in the order of their dials and cookies.
#[derive(Clone, Debug, Default)]
pub(super) struct Silence(Vec<Seen>);

impl Silence {
    /// Takes in the state at the end of an interval, after those that ended in it were asked about.
    /// `live` are in the order of their dials and cookies.
    pub(super) fn observe(&mut self, live: &[&Connection], now_ns: u64) {
        let before = std::mem::take(self);
        let (mut quiet, mut silent, mut waiting) = (0, 0, 0);
        for connection in live.iter().filter(|connection| connection.role != Some(Role::Server)) {
            let farewell = before.before_farewell(connection).filter(|_| quiet < MOST_QUIET);
            if let Some(seen) = farewell {
                quiet += 1;
                self.0.push(Seen { is_silent: false, ..*seen });
            }
            let Some(last_data_ns) = connection.last_data_ns else { continue };
            let silent_s = seconds(last_data_ns, now_ns);
            let is_waiting = connection.unanswered;
            let may_be_quiet = !is_waiting && !is_shut(connection) && connection.cookie.is_some();
            let is_quiet = may_be_quiet && silent_s >= QUIET_S && quiet < MOST_QUIET;
            let has_room = silent < MOST_SILENT || (is_waiting && waiting < MOST_SILENT);
            let is_silent = silent_s >= SILENT_S && has_room;
            if !is_quiet && !is_silent {
                continue;
            }
            quiet += usize::from(is_quiet);
            silent += usize::from(is_silent);
            waiting += usize::from(is_silent && is_waiting);
            self.0.push(Seen {
                opened_ns: connection.opened_ns,
                cookie: connection.cookie,
                port: connection.local.port(),
                is_waiting,
                is_silent,
                is_quiet,
                exchanges: connection.exchanges,
                last_data_ns,
            });
        }
    }

    /// Of one that either end has shut: the last data by now is the farewell, so what was known of it
    /// before holds.
    fn before_farewell(&self, connection: &Connection) -> Option<&Seen> {
        if self.0.is_empty() || connection.cookie.is_none() || !is_shut(connection) {
            return None;
        }
        self.of(connection).find(|seen| seen.is_quiet)
    }

    fn of(&self, connection: &Connection) -> impl Iterator<Item = &Seen> {
        let id = (connection.opened_ns, connection.cookie);
        let id_of = |seen: &Seen| (seen.opened_ns, seen.cookie);
        let first = self.0.partition_point(|seen| id_of(seen) < id);
        self.0[first..].iter().take_while(move |seen| id_of(seen) == id)
    }

    /// Time from the last request or answer to the first close transition, a farewell not counted,
    /// seconds: it lay quiet at the last tick, and no request has been answered since.
    pub(super) fn idle_s(&self, connection: &Connection, close: &Close) -> Option<f64> {
        let idle_s = close.idle_s?;
        if self.0.is_empty() || idle_s > FAREWELL_S {
            return Some(idle_s);
        }
        let seen = self.of(connection).find(|seen| seen.is_quiet);
        let seen = seen.filter(|seen| seen.exchanges == connection.exchanges);
        let since_s = seen.map(|seen| seconds(seen.last_data_ns, close.at_ns));
        Some(since_s.map_or(idle_s, |since_s| since_s.max(idle_s)))
    }

    /// For how long an ended connection had been silent at its end; of one that was silent at the
    /// last tick, what was written since and had no answer does not count.
    pub(super) fn silent_s(&self, connection: &Connection, close: &Close) -> Option<f64> {
        self.silent_where(connection, close, |_| true)
    }

    /// The same, but only of one that waited for an answer then is it known.
    pub(super) fn waited_s(&self, connection: &Connection, close: &Close) -> Option<f64> {
        self.silent_where(connection, close, |seen| seen.is_waiting)
    }

    fn silent_where(
        &self,
        connection: &Connection,
        close: &Close,
        is_wanted: impl Fn(&Seen) -> bool,
    ) -> Option<f64> {
        let port = connection.local.port();
        let seen = self.of(connection).find(|seen| seen.is_silent && seen.port == port);
        let seen = seen.filter(|seen| is_wanted(seen) && seen.exchanges == connection.exchanges);
        seen.map(|seen| seconds(seen.last_data_ns, close.at_ns)).or(close.idle_s)
    }
}

const fn is_shut(connection: &Connection) -> bool {
    connection.local_fin_ns.is_some()
        || matches!(connection.phase, Phase::Open { peer_fin_ns: Some(_), .. })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aggregate::support::{Build, MILLI, SECOND};

    fn observed(live: &Connection) -> Silence {
        let mut silence = Silence::default();
        silence.observe(&[live], 2 * SECOND);
        silence
    }

    fn idle_s(silence: &Silence, ended: &Connection) -> Option<f64> {
        silence.idle_s(ended, ended.close()?)
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
        quiet.observe(&[&shut], 9 * SECOND);
        assert_eq!(idle_s(&quiet, &build.clone().end()), Some(5.0));
        quiet.observe(&[&shut], 10 * SECOND);
        assert_eq!(idle_s(&quiet, &build.end()), Some(5.0), "a tick later too");
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let many: Vec<_> = (1..9000).map(|n| Build::client().at(n, 0).live()).collect();
        let live: Vec<_> = many.iter().collect();
        let mut silence = Silence::default();
        silence.observe(&live, 9 * SECOND);
        assert_eq!(silence.0.len(), MOST_SILENT);
        assert_eq!(silence.0.iter().filter(|seen| seen.is_quiet).count(), MOST_QUIET);
    }

    fn silent_s(before: Build, after: Build) -> Option<f64> {
        let mut seen = Silence::default();
        seen.observe(&[&before.live()], 10 * SECOND);
        let after = after.end();
        seen.silent_s(&after, after.close().unwrap())
    }

    fn build() -> Build {
        Build::client().at(1, 10_500 * MILLI).idle_s(0.001)
    }

    #[test]
    fn a_write_at_the_end_does_not_hide_the_silence_before_it() {
        let silent_s = silent_s(build().last_read(2_500 * MILLI), build());
        assert_eq!(silent_s, Some(8.0));
    }

    #[test]
    fn an_exchange_since_then_ended_the_silence() {
        let before = build().last_read(2_500 * MILLI);
        assert_eq!(silent_s(before, build().exchanges(2)), Some(0.001));
    }

    #[test]
    fn one_in_use_or_not_seen_says_what_its_end_says() {
        assert_eq!(silent_s(build().last_read(9_900 * MILLI), build()), Some(0.001));
        assert_eq!(silent_s(build().at(5, 0), build()), Some(0.001));
    }

    #[test]
    fn only_of_one_that_waited_is_it_known_how_long() {
        let waited_s = |before: Build| {
            let mut seen = Silence::default();
            seen.observe(&[&before.last_read(2_500 * MILLI).live()], 10 * SECOND);
            let after = build().waiting().end();
            seen.waited_s(&after, after.close().unwrap())
        };
        assert_eq!(waited_s(build().waiting()), Some(8.0));
        assert_eq!(waited_s(build()), Some(0.001));
    }
}
