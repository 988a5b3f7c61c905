//! What must hold after a soak. Pure; each rule says in a sentence what was seen.

use super::cycle::Ends;
use super::detach::End;
use super::observer::Heard;
use rustix::process::Signal;
use std::os::unix::process::ExitStatusExt as _;

/// Growth of memory over half of the time that counts as none, MiB, or part of the memory.
const NOISE_MIB: f64 = 1.0;
const NOISE_SHARE: f64 = 0.05;
/// Ends told without a network namespace cannot be counted as the load's or as others'.
const NOWHERE: u64 = 0;

/// Whether a rule held, and what was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Verdict {
    pub(super) holds: bool,
    pub(super) seen: String,
}

/// RSS is flat: a line through the medians of the cycles of the second half rises by no more than
/// [`NOISE_MIB`] or [`NOISE_SHARE`] of their mean, whichever is more, over that half.
pub(super) fn flat(medians: &[f64]) -> Verdict {
    let half = &medians[medians.len() / 2..];
    if half.len() < 2 {
        return Verdict { holds: false, seen: "fewer than four cycles: nothing to compare".into() };
    }
    let count = half.len() as f64;
    let mean = half.iter().sum::<f64>() / count;
    let middle = (count - 1.0) / 2.0;
    let at = |number: usize| number as f64 - middle;
    let slope = half.iter().enumerate().map(|(n, rss)| at(n) * (rss - mean)).sum::<f64>()
        / (0..half.len()).map(|n| at(n) * at(n)).sum::<f64>();
    let growth = slope * (count - 1.0);
    let noise = NOISE_MIB.max(NOISE_SHARE * mean);
    Verdict {
        holds: growth <= noise,
        seen: format!(
            "RSS {:.1} MiB in the first cycle, {mean:.1} MiB in the second half, growing by \
             {growth:+.2} MiB in it; {noise:.2} are noise",
            medians[0]
        ),
    }
}

/// Each end that the load counted was told or is among the losses; none was told twice.
pub(super) fn accounted(ends: &Ends, heard: &Heard) -> Verdict {
    let (expected, lost) = (ends.expected(), heard.lost.values().sum::<u64>());
    let missing = i128::from(expected) - i128::from(heard.told);
    let is_whole = heard.nowhere == NOWHERE && heard.decode_errors == 0;
    let reasons: Vec<_> = heard.lost.iter().map(|(why, count)| format!("{why} {count}")).collect();
    Verdict {
        holds: is_whole && expected > 0 && (0..=i128::from(lost)).contains(&missing),
        seen: format!(
            "{expected} ends by the load, {} told, {missing} missing; lost: {}; {} without a \
             namespace, {} not decoded; {} of other traffic",
            heard.told,
            reasons.join(", "),
            heard.nowhere,
            heard.decode_errors,
            heard.others
        ),
    }
}

/// The load did what it says without errors: else its counts are no measure.
pub(super) fn sound(ends: &Ends) -> Verdict {
    let errors: Vec<_> =
        ends.errors.iter().map(|(name, count)| format!("{name} {count}")).collect();
    let faults: Vec<_> =
        ends.faults.iter().map(|(name, count)| format!("{name} {count}")).collect();
    let is_mixed = ends.faults.values().all(|count| *count > 0) && !ends.faults.is_empty();
    Verdict {
        holds: errors.is_empty() && is_mixed,
        seen: format!(
            "{} dialled, {} accepted; errors: {}; faults: {}",
            ends.dialled,
            ends.accepted,
            if errors.is_empty() { "none".to_owned() } else { errors.join(", ") },
            faults.join(", ")
        ),
    }
}

/// The table in the kernel had the load's connections, and has none of them any more.
pub(super) fn empty(most: u64, left: u64) -> Verdict {
    Verdict {
        holds: most > 0 && left == 0,
        seen: format!("{most} entries of the load at most, {left} after it"),
    }
}

/// tracer ended as documented and left nothing.
pub(super) fn gone(signal: Signal, end: &End) -> Verdict {
    let is_documented = if signal == Signal::KILL {
        end.status.signal() == Some(signal.as_raw())
    } else {
        end.status.code() == Some(0)
    };
    let left: Vec<_> = end.left.iter().map(String::as_str).collect();
    Verdict {
        holds: is_documented && end.left.is_empty(),
        seen: format!(
            "ended with {}; of {} programs, maps and links, left: {}",
            end.status,
            end.held,
            if left.is_empty() { "none".to_owned() } else { left.join(", ") }
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::ExitStatus;

    #[test]
    fn memory_that_grows_in_the_second_half_is_not_flat() {
        // The first half is for warming up.
        assert!(flat(&[10.0, 20.0, 30.0, 30.2, 29.9, 30.1]).holds);
        assert!(!flat(&[30.0, 30.0, 30.0, 30.0, 31.0, 32.0, 33.0, 34.0]).holds);
        assert!(flat(&[30.0, 30.0, 30.0, 34.0, 33.0, 32.0]).holds, "shrinking is fine");
        assert!(!flat(&[30.0, 30.0]).holds, "too short to tell");
    }

    fn heard(told: u64, lost: u64) -> Heard {
        Heard { told, lost: [("ring_full".to_owned(), lost)].into(), ..Heard::default() }
    }

    #[test]
    fn what_is_missing_must_be_among_the_losses() {
        let ends = Ends { dialled: 60, accepted: 40, ..Ends::default() };
        assert!(accounted(&ends, &heard(100, 0)).holds);
        assert!(accounted(&ends, &heard(97, 3)).holds);
        assert!(!accounted(&ends, &heard(96, 3)).holds, "one is missing");
        assert!(!accounted(&ends, &heard(101, 0)).holds, "one is told twice");
        assert!(!accounted(&ends, &Heard { nowhere: 1, ..heard(100, 0) }).holds);
        assert!(!accounted(&Ends::default(), &heard(0, 0)).holds, "there was no load");
    }

    #[test]
    fn a_load_with_errors_or_without_faults_is_no_measure() {
        let played =
            |count| Ends { faults: [("refused".to_owned(), count)].into(), ..Ends::default() };
        assert!(sound(&played(1)).holds);
        assert!(!sound(&played(0)).holds);
        assert!(
            !sound(&Ends { errors: [("churn EMFILE".to_owned(), 1)].into(), ..played(1) }).holds
        );
    }

    #[test]
    fn a_table_that_never_filled_or_never_emptied_breaks_the_rule() {
        assert!(empty(5, 0).holds);
        assert!(!empty(5, 1).holds);
        assert!(!empty(0, 0).holds);
    }

    #[test]
    fn an_undocumented_status_or_anything_left_breaks_the_rule() {
        let end = |raw, left: &[&str]| End {
            status: ExitStatus::from_raw(raw),
            held: 9,
            left: left.iter().map(ToString::to_string).collect(),
        };
        assert!(gone(Signal::INT, &end(0, &[])).holds);
        assert!(gone(Signal::KILL, &end(9, &[])).holds);
        assert!(!gone(Signal::INT, &end(2, &[])).holds, "killed by the signal itself");
        assert!(!gone(Signal::KILL, &end(0, &[])).holds);
        assert!(!gone(Signal::TERM, &end(0, &["link 4"])).holds);
    }
}
