//! Sums over all rows of a report, for its header and for the sentence that says nothing is wrong.

use std::collections::BTreeSet;

use super::report::Row;
use crate::aggregate::Who;
use crate::connection::{Basis, Role};

/// Fewer connections than this say little about reuse.
const MANY: u64 = 10;
/// A reuse below this is worth a hint: less than two exchanges per connection.
pub(super) const LITTLE: f64 = 0.5;

/// Sums over all keys.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) opened: u64,
    pub(super) closed: u64,
    pub(super) open: u64,
    pub(super) preexisting: u64,
    pub(super) failed: u64,
    pub(super) exchanges: u64,
    pub(super) used: u64,
    /// Some exchanges are an upper bound.
    pub(super) bound: bool,
    /// Clients whose many connections are used little: no health check or single command.
    pub(super) little_reused: u64,
    /// Known processes: each counted once, folded ones by their number.
    pub(super) processes: u64,
    /// A verdict would hold if there were more of what it is about.
    pub(super) almost: bool,
}

impl Seen {
    pub(super) fn of(rows: &[Row]) -> Self {
        let mut seen = Self::default();
        let mut single = BTreeSet::new();
        for Row { key, totals, .. } in rows {
            seen.opened += totals.opened;
            seen.closed += totals.closed;
            seen.open += totals.open;
            seen.preexisting += totals.preexisting;
            seen.failed += totals.failed;
            seen.exchanges += totals.exchanges;
            seen.used += totals.used;
            seen.bound |= totals.exchanges_basis == Basis::Bound;
            let is_client = key.role == Some(Role::Client) && totals.used >= MANY;
            let reuse = totals.reuse_ratio().filter(|_| is_client);
            seen.little_reused += u64::from(reuse.is_some_and(|reuse| reuse < LITTLE));
            match &key.who {
                Who::Process(id) => {
                    single.insert(*id);
                }
                Who::Executable { .. } | Who::Other => seen.processes += totals.processes,
                Who::Unknown => {}
            }
        }
        seen.processes += single.len() as u64;
        seen
    }

    /// Connections seen at all.
    pub(super) const fn connections(&self) -> u64 {
        self.opened + self.preexisting
    }
}
