//! What the last tick showed of connections that were open then: how long they had been silent tells
//! more than their end, where the end was preceded by a last write.

use std::collections::HashMap;
use std::net::SocketAddr;

use crate::connection::{Close, Connection, seconds};

/// Most remembered for one key; the oldest connections first.
const MOST: usize = 4096;

/// What a connection is known by.
type Id = (Option<u64>, Option<u64>, SocketAddr);

/// A silent connection.
#[derive(Clone, Copy, Debug)]
struct Seen {
    last_data_ns: u64,
    exchanges: u32,
}

/// The silent connections of the last tick.
#[derive(Clone, Debug, Default)]
pub(super) struct LastSeen(HashMap<Id, Seen>);

fn id(connection: &Connection) -> Id {
    (connection.cookie, connection.opened_ns, connection.local)
}

impl LastSeen {
    /// Remembers those of `live` that have been silent at `now_ns` and that `is_wanted`. What was
    /// remembered before is forgotten.
    pub(super) fn observe(
        &mut self,
        live: &[&Connection],
        now_ns: u64,
        is_wanted: impl Fn(&Connection) -> bool,
    ) {
        /// Less is a pause in the midst of use.
        const SILENT_S: f64 = 0.5;
        self.0.clear();
        let silent = live.iter().filter(|connection| is_wanted(connection));
        for connection in silent {
            let Some(last_data_ns) = connection.last_data_ns else { continue };
            if seconds(last_data_ns, now_ns) >= SILENT_S && self.0.len() < MOST {
                let seen = Seen { last_data_ns, exchanges: connection.exchanges };
                self.0.insert(id(connection), seen);
            }
        }
    }

    /// When the last data went either way, as of the last tick, if no exchange has ended since.
    fn last_data_ns(&self, connection: &Connection) -> Option<u64> {
        let seen = self.0.get(&id(connection))?;
        (seen.exchanges == connection.exchanges).then_some(seen.last_data_ns)
    }

    /// For how long an ended connection had been silent at its end; of one that was silent at the
    /// last tick, what was written since and had no answer does not count.
    pub(super) fn silent_s(&self, connection: &Connection, close: &Close) -> Option<f64> {
        let before_s = self.last_data_ns(connection).map(|at_ns| seconds(at_ns, close.at_ns));
        before_s.or(close.idle_s)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aggregate::support::{Build, MILLI, SECOND};

    fn silent_s(before: Build, after: Build) -> Option<f64> {
        let mut seen = LastSeen::default();
        seen.observe(&[&before.live()], 10 * SECOND, |_| true);
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
}
