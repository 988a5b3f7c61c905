//! When a column is played a second time, and what two plays say together. Pure.
//!
//! Kernels skip a tracing program that is running already and count it; under emulation tasks are
//! preempted within programs so often that an event may pass all copies by. The tracer says how many
//! (`missed`). Only where it says so, or where its kernel does not count them, may a scene that failed
//! have failed for that. So its failure counts if it fails in both plays. Nothing else is excused: no
//! scene where nothing was missed or that could not be played, no loss, no other suite, no fault of the
//! machine.

use super::column::Column;
use super::judge::judge;
use super::suites::SCENARIOS;
use super::transcript::{Ending, Test, Transcript, Verdict};
use crate::outcome::Outcome;

/// The trial of the scenarios that is about none of the scenes: what it counts is certain.
const NOTHING_LOST: &str = "suite::nothing_is_lost";

/// What the test programs exit with if a test failed.
const FAILED_STATUS: i32 = 101;

/// The scenes to play the column again for, if it is all that is wrong with the first play that
/// scenes failed where events were missed, or may have been.
pub(crate) fn is_due(
    column: &Column,
    filtered: bool,
    (ending, said): &(Ending, Transcript),
) -> Option<Vec<String>> {
    let mut rest = (ending.clone(), said.clone());
    let failed = excuse(column, &mut rest, |_| true);
    let is_all = judge(column, filtered, &rest.0, &rest.1) == Outcome::Passed;
    (!failed.is_empty() && is_all).then_some(failed)
}

/// What two plays say: all that the second does, and [`Verdict::Again`] of each scene that failed in
/// one of them where it may have. A test that failed in the first and is not ok in the second has
/// failed.
pub(crate) fn join(
    column: &Column,
    first: &Transcript,
    mut second: (Ending, Transcript),
) -> (Ending, Transcript) {
    let failed = |test: &&Test| test.verdict == Verdict::Failed;
    let before: Vec<&Test> = first.tests.iter().filter(failed).collect();
    excuse(column, &mut second, |name| !before.iter().any(|test| test.name == name));
    let said = &mut second.1;
    for test in before {
        match said.tests.iter_mut().find(|other| other.name == test.name) {
            Some(other) if other.verdict == Verdict::Ok => {
                other.verdict = Verdict::Again;
                said.tally.passed = said.tally.passed.saturating_sub(1);
                said.tally.again += 1;
            }
            Some(_) => {}
            None => {
                said.tests.push(test.clone());
                said.tally.failed += 1;
            }
        }
    }
    said.missed.splice(..0, first.missed.iter().copied());
    second
}

/// Takes back the failures of scenes whose name `may` be excused, where events were missed, or may have
/// been: their names.
fn excuse(
    column: &Column,
    (ending, said): &mut (Ending, Transcript),
    may: impl Fn(&str) -> bool,
) -> Vec<String> {
    let is_missing = !column.counts_skipped() || said.missed.iter().any(|missed| *missed > 0);
    if !is_missing || said.broken != Some(0) {
        return Vec::new();
    }
    let mut names = Vec::new();
    for test in &mut said.tests {
        if test.verdict == Verdict::Failed && is_scene(&test.name) && may(&test.name) {
            test.verdict = Verdict::Again;
            said.tally.failed = said.tally.failed.saturating_sub(1);
            said.tally.again += 1;
            names.push(test.name.clone());
        }
    }
    if !names.is_empty() {
        // Each of them may have told a cause that it could not know.
        said.excused_unknown = said.unknown.unwrap_or(0);
    }
    if said.tally.failed == 0 && *ending == Ending::Exited(FAILED_STATUS) {
        *ending = Ending::Exited(0);
    }
    names
}

fn is_scene(name: &str) -> bool {
    let in_suite = name.strip_prefix(SCENARIOS).and_then(|rest| rest.strip_prefix("::"));
    in_suite.is_some_and(|name| name != NOTHING_LOST)
}

#[cfg(test)]
mod tests {
    use super::{excuse, is_due, join};
    use crate::outcome::Outcome;
    use crate::vm::column::{Choice, Column, columns};
    use crate::vm::judge::judge;
    use crate::vm::transcript::{Ending, Transcript, Verdict};

    fn column() -> Column {
        column_of("sid confidentiality")
    }

    fn column_of(name: &str) -> Column {
        let all = columns(&Choice::default()).unwrap();
        all.into_iter().find(|column| column.to_string() == name).unwrap()
    }

    /// A play that missed so many events, in which these tests failed of `a`, `b` and the loss.
    fn play(missed: u64, failed: &[&str]) -> (Ending, Transcript) {
        play_of(missed, 0, 0, failed)
    }

    fn play_of(missed: u64, broken: u64, unknown: u64, failed: &[&str]) -> (Ending, Transcript) {
        let mut said = Transcript::default();
        let ok = 3 - failed.len();
        let mut lines = vec![
            "COLUMN-FACT lockdown none integrity [confidentiality]".to_owned(),
            "COLUMN-FACT btf shown".to_owned(),
            "COLUMN-READY 7.2".to_owned(),
            "COLUMN-SUITE scenarios".to_owned(),
            format!("tier btf\nmissed {missed}\nbroken {broken}\nunknown {unknown}"),
        ];
        for name in ["1::a", "2::b", "suite::nothing_is_lost"] {
            let verdict = if failed.contains(&name) { "FAILED" } else { "ok" };
            lines.push(format!("test {name} ... {verdict}"));
        }
        lines.push(format!("test result: x. {ok} passed; {} failed; 0 ignored", failed.len()));
        for line in lines.iter().flat_map(|lines| lines.lines()) {
            said.line(line);
        }
        (Ending::Exited(if failed.is_empty() { 0 } else { 101 }), said)
    }

    fn due(play: &(Ending, Transcript)) -> Option<Vec<String>> {
        is_due(&column(), false, play)
    }

    /// The outcome of two plays and how `scenarios::1::a` ended.
    fn together(
        first: &(Ending, Transcript),
        second: (Ending, Transcript),
    ) -> (Outcome, Verdict, Vec<u64>) {
        let (ending, said) = join(&column(), &first.1, second);
        let outcome = judge(&column(), false, &ending, &said);
        let test = said.tests.iter().find(|test| test.name == "scenarios::1::a").unwrap();
        (outcome, test.verdict, said.missed.clone())
    }

    #[test]
    fn a_scene_that_failed_where_events_were_missed_is_played_again() {
        assert_eq!(due(&play(3, &["1::a"])), Some(vec!["scenarios::1::a".to_owned()]));
        assert!(due(&play_of(3, 0, 1, &["1::a"])).is_some(), "its cause may be what was missed");
        assert_eq!(due(&play(3, &[])), None);
    }

    #[test]
    fn a_failure_where_nothing_was_missed_is_one_at_once() {
        assert_eq!(due(&play(0, &["1::a"])), None);
    }

    #[test]
    fn what_a_kernel_does_not_count_may_have_been() {
        let (old, counting) = (column_of("6.1 without BTF"), column_of("6.12 without BTF"));
        let mut play = play(0, &["1::a"]);
        let is_excused = |column: &Column, play: &mut _| !excuse(column, play, |_| true).is_empty();
        assert!(!is_excused(&counting, &mut play));
        assert!(is_excused(&old, &mut play));
        assert!(!is_excused(&column_of("6.1"), &mut self::play(0, &["1::a"])));
    }

    #[test]
    fn nothing_but_scenes_is_excused() {
        assert_eq!(due(&play(3, &["1::a", "suite::nothing_is_lost"])), None, "a certain loss");
        assert_eq!(due(&play_of(3, 1, 0, &["1::a"])), None, "a scene that was not played out");
        assert_eq!(due(&play_of(3, 0, 1, &[])), None, "an unknown cause of no failed scene");
        let (_, said) = play(3, &["1::a"]);
        assert_eq!(due(&(Ending::Exited(139), said.clone())), None, "a crash");
        assert_eq!(due(&(Ending::TimedOut, said.clone())), None);
        let mut other = said;
        other.line("COLUMN-SUITE vm");
        other.line("test c ... FAILED");
        assert_eq!(due(&(Ending::Exited(101), other)), None, "another suite");
    }

    #[test]
    fn a_scene_that_fails_in_one_play_shows_as_such() {
        let first = play(3, &["1::a"]);
        let passed = (Outcome::Passed, Verdict::Again, vec![3, 0]);
        assert_eq!(together(&first, play(0, &[])), passed);
        // The other way round, and only where the second play may be excused, too.
        let first = play(3, &["2::b"]);
        let passed = (Outcome::Passed, Verdict::Again, vec![3, 1]);
        assert_eq!(together(&first, play_of(1, 0, 1, &["1::a"])), passed);
        let (outcome, verdict, _) = together(&first, play(0, &["1::a"]));
        assert!(matches!(outcome, Outcome::Failed(_)), "{outcome}");
        assert_eq!(verdict, Verdict::Failed);
    }

    #[test]
    fn a_scene_that_fails_in_both_plays_has_failed() {
        let first = play(3, &["1::a"]);
        let (outcome, verdict, _) = together(&first, play(4, &["1::a", "2::b"]));
        assert_eq!(outcome, Outcome::Failed("tests ended with status 101; 1 FAILED".to_owned()));
        assert_eq!(verdict, Verdict::Failed);
    }

    #[test]
    fn a_scene_that_the_second_play_does_not_tell_of_has_failed() {
        let first = play(3, &["1::a"]);
        let (ending, mut said) = play(0, &[]);
        said.tests.retain(|test| test.name != "scenarios::1::a");
        let (outcome, verdict, _) = together(&first, (ending, said));
        assert!(matches!(outcome, Outcome::Failed(_)), "{outcome}");
        assert_eq!(verdict, Verdict::Failed);
    }
}
