//! How much of what happened was seen: what counts, shares and verdicts rest on.

/// Above this share of lost connections a verdict is an indication only, and its sentence begins with
/// how many were seen: what was lost may be all of one kind.
const MOST_LOST_SHARE: f64 = 0.1;

/// Connections seen and lost, over an observation or the window of a verdict.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Coverage {
    /// Ended connections whose records were judged.
    pub seen: u64,
    /// Connections that were lost as a whole.
    pub lost_connections: u64,
    /// Losses of any kind, these included: also of single facts, and of events that may have been
    /// skipped.
    pub lost: u64,
}

impl Coverage {
    /// What came since `before`.
    #[must_use]
    pub const fn since(self, before: Self) -> Self {
        Self {
            seen: self.seen.saturating_sub(before.seen),
            lost_connections: self.lost_connections.saturating_sub(before.lost_connections),
            lost: self.lost.saturating_sub(before.lost),
        }
    }

    /// Share of the connections that was seen; `None` if none was lost.
    #[must_use]
    pub fn seen_share(self) -> Option<f64> {
        let all = self.seen.saturating_add(self.lost_connections);
        (self.lost_connections > 0).then(|| self.seen as f64 / all as f64)
    }

    /// Whether so much is missing that nothing can be said of all connections.
    #[must_use]
    pub fn is_poor(self) -> bool {
        self.seen_share().is_some_and(|seen| seen < 1.0 - MOST_LOST_SHARE)
    }

    /// The share that was seen, in per cent and rounded down: 100 % is all of them. `None` if none was
    /// lost.
    #[must_use]
    pub fn seen_percent(self) -> Option<u64> {
        let all = self.seen.saturating_add(self.lost_connections);
        (self.lost_connections > 0).then(|| self.seen.saturating_mul(100) / all)
    }
}

/// So many losses of any kind, none of them a whole connection.
impl From<u64> for Coverage {
    fn from(lost: u64) -> Self {
        Self { lost, ..Self::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn coverage(seen: u64, lost: u64) -> Coverage {
        Coverage { seen, lost_connections: lost, lost }
    }

    #[test]
    fn what_was_seen_is_told_of_all_and_never_rounded_up() {
        assert_eq!(coverage(100, 0).seen_share(), None);
        assert_eq!(coverage(81, 19).seen_percent(), Some(81));
        assert_eq!(coverage(999, 1).seen_percent(), Some(99));
        assert_eq!(coverage(0, 5).seen_share(), Some(0.0));
        assert_eq!(Coverage::from(7).seen_share(), None);
    }

    #[test]
    fn a_tenth_lost_is_the_most_that_a_verdict_bears() {
        assert!(!coverage(90, 10).is_poor());
        assert!(coverage(89, 11).is_poor());
        assert!(!Coverage::from(1_000).is_poor());
    }

    #[test]
    fn losses_before_a_window_are_not_its_own() {
        assert_eq!(coverage(100, 50).since(coverage(60, 50)), coverage(40, 0));
    }
}
