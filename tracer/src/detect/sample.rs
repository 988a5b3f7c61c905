//! Which connections count towards a verdict: how many, since when, and a few examples.

use crate::connection::{Connection, seconds};

/// Enough to look at by hand.
const EXAMPLES: usize = 5;

/// Bounded memory of the connections behind a verdict; the same whatever order they come in.
#[derive(Clone, Debug, Default)]
pub(super) struct Sample {
    pub(super) connections: u64,
    span_ns: Option<(u64, u64)>,
    /// The earliest ones: moment and cookie.
    examples: Vec<(u64, u64)>,
}

impl Sample {
    /// Counts `connection`, noticed at `at_ns`.
    pub(super) fn add(&mut self, at_ns: u64, connection: &Connection) {
        self.connections += 1;
        self.widen(at_ns, at_ns);
        let Some(cookie) = connection.cookie else { return };
        let is_full = self.examples.len() >= EXAMPLES;
        if is_full && self.examples.last().is_some_and(|last| *last <= (at_ns, cookie)) {
            return;
        }
        self.examples.reserve_exact(EXAMPLES + 1 - self.examples.len());
        self.examples.push((at_ns, cookie));
        self.trim();
    }

    pub(super) fn merge(&mut self, other: &Self) {
        self.connections = self.connections.saturating_add(other.connections);
        if let Some((first_ns, last_ns)) = other.span_ns {
            self.widen(first_ns, last_ns);
        }
        self.examples.extend(&other.examples);
        self.trim();
    }

    fn widen(&mut self, first_ns: u64, last_ns: u64) {
        let (first, last) = self.span_ns.unwrap_or((first_ns, last_ns));
        self.span_ns = Some((first.min(first_ns), last.max(last_ns)));
    }

    fn trim(&mut self) {
        self.examples.sort_unstable();
        self.examples.truncate(EXAMPLES);
    }

    /// First and last moment; 0 and 0 of an empty sample.
    pub(super) fn span_ns(&self) -> (u64, u64) {
        self.span_ns.unwrap_or_default()
    }

    /// Mean time from one to the next, seconds; `None` of fewer than two.
    pub(super) fn interval_s(&self) -> Option<f64> {
        let (first_ns, last_ns) = self.span_ns();
        let steps = self.connections.checked_sub(1).filter(|steps| *steps > 0)?;
        Some(seconds(first_ns, last_ns) / steps as f64)
    }

    /// Cookies of the earliest ones.
    pub(super) fn cookies(&self) -> Vec<u64> {
        self.examples.iter().map(|(_, cookie)| *cookie).collect()
    }
}
