//! Sums over all rows of a report, for its header and for the sentence that says nothing is wrong.

use std::collections::BTreeSet;

use super::report::Row;
use crate::aggregate::Who;
use crate::connection::Basis;

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
    /// Known processes: each counted once, folded ones by their number.
    pub(super) processes: u64,
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
