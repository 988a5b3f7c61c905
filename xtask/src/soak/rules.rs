//! What must hold after a soak. Pure; each rule says in a sentence what was seen.

use super::cycle::Ends;
use super::detach::End;
use super::heard::Counts;
use super::overload::Overload;
use super::samples::Left;
use rustix::process::Signal;
use std::os::unix::process::ExitStatusExt as _;
use std::time::Duration;

/// Growth of memory over half of the time that counts as none, MiB, or part of the memory.
const NOISE_MIB: f64 = 1.0;
const NOISE_SHARE: f64 = 0.05;
/// A soak that is shorter tells nothing of memory: what tracer remembers for its window of a minute
/// grows for some.
const LONG: Duration = Duration::from_mins(10);

/// Whether a rule holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Holds {
    Yes,
    No,
    /// The soak was too short for it.
    NotJudged,
}

impl Holds {
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Yes => "holds",
            Self::No => "BROKEN",
            Self::NotJudged => "not judged",
        }
    }

    pub(super) const fn known(self) -> Option<bool> {
        match self {
            Self::Yes => Some(true),
            Self::No => Some(false),
            Self::NotJudged => None,
        }
    }
}

impl From<bool> for Holds {
    fn from(holds: bool) -> Self {
        if holds { Self::Yes } else { Self::No }
    }
}

/// Whether a rule held, and what was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Verdict {
    pub(super) holds: Holds,
    pub(super) seen: String,
}

/// RSS is flat: a line through the medians of the cycles of the second half rises by no more than
/// [`NOISE_MIB`] or [`NOISE_SHARE`] of their mean, whichever is more, over that half.
pub(super) fn flat(medians: &[f64], time: Duration) -> Verdict {
    let half = &medians[medians.len() / 2..];
    if half.len() < 2 {
        let seen = "fewer than four cycles: nothing to compare".into();
        return Verdict { holds: Holds::NotJudged, seen };
    }
    let count = half.len() as f64;
    let mean = half.iter().sum::<f64>() / count;
    let middle = (count - 1.0) / 2.0;
    let at = |number: usize| number as f64 - middle;
    let slope = half.iter().enumerate().map(|(n, rss)| at(n) * (rss - mean)).sum::<f64>()
        / (0..half.len()).map(|n| at(n) * at(n)).sum::<f64>();
    let growth = slope * (count - 1.0);
    let noise = NOISE_MIB.max(NOISE_SHARE * mean);
    let is_long = time >= LONG;
    let why = if is_long { "" } else { "; too short to judge, which takes ten minutes" };
    Verdict {
        holds: if is_long { (growth <= noise).into() } else { Holds::NotJudged },
        seen: format!(
            "RSS {:.1} MiB in the first of {} cycles (median), {mean:.1} MiB in the second half of \
             them, where a line through their medians rises by {growth:+.2} MiB; up to {noise:.2} \
             is noise{why}",
            medians[0],
            medians.len()
        ),
    }
}

/// Each end that the load counted was told in a line, or is among the ends that tracer counted as
/// lost, which are those of the whole host; none was told twice, no line was dropped.
pub(super) fn accounted(ends: &Ends, told: &Counts, left: &[Left]) -> Verdict {
    let (expected, lost) = (ends.expected(), told.lost_ends());
    let missing = i128::from(expected) - i128::from(told.lines);
    let is_whole = told.nowhere == 0 && told.decode_errors == 0 && told.dropped_lines() == 0;
    let dead = left.last().map_or(0, Left::dead);
    let holds = is_whole && expected > 0 && (0..=i128::from(lost)).contains(&missing);
    Verdict {
        holds: holds.into(),
        seen: format!(
            "{expected} ends by the load, {} lines of ends, {}; counted: {}; {} without a namespace, \
             {} not decoded; {} lines of other traffic; {dead} dead entries in the table at the end",
            told.lines,
            difference(missing),
            reasons(told),
            told.nowhere,
            told.decode_errors,
            told.others
        ),
    }
}

/// Nobody read for a while, and more came than could be printed: the totals lack no end but those
/// that tracer counted as lost, and the lines that are missing are those it counted as dropped.
pub(super) fn overloaded(overload: &Overload) -> Verdict {
    let (ends, told) = (&overload.ends, &overload.told);
    let (expected, totals) = (ends.expected(), told.totals.unwrap_or(0));
    let missing = i128::from(expected) - i128::from(totals);
    // Of other lines only those of health can be dropped, of which there is one a second.
    let health = i128::from(told.dropped_lines()) - (i128::from(totals) - i128::from(told.lines));
    let seconds = i128::from(overload.time.as_secs()) + 2;
    let holds = expected > 0
        && ends.errors.is_empty()
        && told.decode_errors == 0
        && (0..=i128::from(told.lost_ends())).contains(&missing)
        && told.dropped_lines() > 0
        && (0..=seconds).contains(&health);
    Verdict {
        holds: holds.into(),
        seen: format!(
            "{expected} ends by the load in {:.0} s, {totals} in the totals, {}; counted: {}; {} lines \
             of ends, so that {health} dropped lines were of health; {} not decoded; errors of the \
             load: {}; RSS at most {:.1} MiB",
            overload.time.as_secs_f64(),
            difference(missing),
            reasons(told),
            told.lines,
            told.decode_errors,
            ends.errors.values().sum::<u64>(),
            overload.peak_mib
        ),
    }
}

fn difference(missing: i128) -> String {
    if missing < 0 { format!("{} TOLD TWICE", -missing) } else { format!("{missing} missing") }
}

fn reasons(told: &Counts) -> String {
    let reasons: Vec<_> = told.lost.iter().map(|(why, count)| format!("{why} {count}")).collect();
    reasons.join(", ")
}

/// The load did what it says without errors: else its counts are no measure.
pub(super) fn sound(ends: &Ends) -> Verdict {
    let errors: Vec<_> =
        ends.errors.iter().map(|(name, count)| format!("{name} {count}")).collect();
    let faults: Vec<_> =
        ends.faults.iter().map(|(name, count)| format!("{name} {count}")).collect();
    let is_mixed = ends.faults.values().all(|count| *count > 0) && !ends.faults.is_empty();
    Verdict {
        holds: (errors.is_empty() && is_mixed).into(),
        seen: format!(
            "{} dialled, {} accepted; errors: {}; faults: {}",
            ends.dialled,
            ends.accepted,
            if errors.is_empty() { "none".to_owned() } else { errors.join(", ") },
            faults.join(", ")
        ),
    }
}

/// The table in the kernel had the load's connections, and after each cycle none of its sockets;
/// what belongs to no socket is told by [`no_dead`].
pub(super) fn returned(most: u64, left: &[Left]) -> Verdict {
    let kept: Vec<_> = left.iter().map(|left| left.entries - left.dead()).collect();
    let sockets: u64 = left.iter().map(|left| left.sockets).sum();
    Verdict {
        holds: (most > 0 && !left.is_empty() && sockets == 0).into(),
        seen: format!(
            "{most} entries of the load at most; entries of sockets after each of {} cycles: {}",
            left.len(),
            list(&kept)
        ),
    }
}

/// No entry belongs to a socket that is gone: its end was shown to no program. It is told once tracer
/// has seen that the socket is gone; until then it is neither told nor counted.
pub(super) fn no_dead(left: &[Left]) -> Verdict {
    let dead: Vec<_> = left.iter().map(Left::dead).collect();
    let outlived: Vec<_> = left.iter().map(|left| left.outlived).collect();
    let which: Vec<_> = left.iter().flat_map(|left| &left.which).map(String::as_str).collect();
    let which = if which.is_empty() { String::new() } else { format!("; {}", which.join("; ")) };
    Verdict {
        holds: (!dead.is_empty() && dead.iter().all(|count| *count == 0)).into(),
        seen: format!(
            "after each load: {}; outlived their sockets at first: {}{which}",
            list(&dead),
            list(&outlived)
        ),
    }
}

/// Runs of the same number are told once.
fn list(counts: &[u64]) -> String {
    let runs = counts.chunk_by(|one, other| one == other);
    let text = |run: &[u64]| match run {
        [one] => one.to_string(),
        _ => format!("{} ({} times)", run[0], run.len()),
    };
    runs.map(text).collect::<Vec<_>>().join(", ")
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
        holds: (is_documented && end.left.is_empty()).into(),
        seen: format!(
            "ended with {}; of {} programs, maps and links, left: {}",
            end.status,
            end.held,
            if left.is_empty() { "none".to_owned() } else { left.join(", ") }
        ),
    }
}

#[cfg(test)]
mod tests;
