//! When more is missing than was told: at once if it is of what is counted and judged; of dropped lines
//! once a minute, for a line about them would often be dropped itself, and fill the outputs that are well.

use crate::pipeline::Pipeline;

const PAUSE_NS: u64 = 60_000_000_000;

/// What was told the last time.
#[derive(Debug, Default)]
pub(super) struct Losses {
    lost: u64,
    unwritten: u64,
    told_ns: Option<u64>,
}

impl Losses {
    /// Whether to tell now; if so it counts as told.
    pub(super) fn are_due(&mut self, pipeline: &Pipeline, now_ns: u64) -> bool {
        self.tell(pipeline.lost(), pipeline.unwritten(), now_ns)
    }

    fn tell(&mut self, lost: u64, unwritten: u64, now_ns: u64) -> bool {
        let has_paused = self.told_ns.is_none_or(|at_ns| now_ns.saturating_sub(at_ns) >= PAUSE_NS);
        let is_due = lost != self.lost || unwritten != self.unwritten && has_paused;
        if is_due {
            *self = Self { lost, unwritten, told_ns: Some(now_ns) };
        }
        is_due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_told_of_at_once_and_lines_once_a_minute() {
        const S: u64 = 1_000_000_000;
        let mut losses = Losses::default();
        assert!(!losses.tell(0, 0, S));
        assert!(losses.tell(0, 5, S), "the first ones at once");
        assert!(!losses.tell(0, 9, 2 * S));
        assert!(losses.tell(1, 9, 3 * S), "a record");
        assert!(!losses.tell(1, 12, 62 * S));
        assert!(losses.tell(1, 12, 63 * S));
        assert!(!losses.tell(1, 12, 200 * S), "nothing more is missing");
    }
}
