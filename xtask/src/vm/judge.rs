//! Whether a column is as it must be: from how it ended and what it said. Pure.

use super::column::Column;
use super::suites::{self, SCENARIOS};
use super::transcript::{Ending, Transcript, Verdict};
use crate::outcome::Outcome;

/// Passed only if the machine was the one asked for, every suite ran to its end, and no cause of a
/// close is unknown. All faults are named. `filtered`: a suite may have no test of the name asked
/// for.
pub(crate) fn judge(
    column: &Column,
    filtered: bool,
    ending: &Ending,
    said: &Transcript,
) -> Outcome {
    let mut faults = Vec::new();
    match ending {
        Ending::Exited(0) => {}
        Ending::Exited(status) => faults.push(format!("tests ended with status {status}")),
        Ending::NotReady(why) => {
            // Nothing else can be told then.
            return Outcome::Failed(format!("it died before tests could run: {why}"));
        }
        Ending::Misprepared(why) => return Outcome::Failed(format!("it cannot be had: {why}")),
        Ending::Died(why) => faults.push(format!("it died while tests ran: {why}")),
        Ending::TimedOut => faults.push("it took too long".to_owned()),
    }
    faults.extend(machine(column, said));
    faults.extend(tests(column, filtered, said));
    if faults.is_empty() { Outcome::Passed } else { Outcome::Failed(faults.join("; ")) }
}

/// Faults of the machine.
fn machine(column: &Column, said: &Transcript) -> Vec<String> {
    let mut faults = Vec::new();
    if let Some(asked) = column.lockdown() {
        let found = said.lockdown.as_deref().unwrap_or("unknown");
        if found != asked.word() {
            faults.push(format!("lockdown is {found}, not {}", asked.word()));
        }
    }
    let (found, asked) = (said.btf.as_deref().unwrap_or("unknown"), column.btf.word());
    if found != asked {
        faults.push(format!("BTF is {found}, not {asked}"));
    }
    faults
}

/// Faults of what the suites said.
fn tests(column: &Column, filtered: bool, said: &Transcript) -> Vec<String> {
    let mut faults = Vec::new();
    for target in suites::on(column) {
        if !said.suites.iter().any(|suite| suite == target) {
            faults.push(format!("suite {target} did not run"));
        } else if said.tests_of(target) == 0 && !filtered {
            faults.push(format!("suite {target} has no test"));
        }
    }
    if said.summaries != said.suites.len() {
        faults.push(format!("{} of {} suites summed up", said.summaries, said.suites.len()));
    }
    let tally = said.tally;
    if tally.failed > 0 {
        faults.push(format!("{} FAILED", tally.failed));
    }
    if tally.passed + tally.failed + tally.again == 0 {
        faults.push("no test ran".to_owned());
    }
    // Two counts of the same: a lost or garbled line must not pass for a test that was not there.
    for (verdict, counted) in [
        (Verdict::Ok, tally.passed),
        (Verdict::Again, tally.again),
        (Verdict::Failed, tally.failed),
        (Verdict::Ignored, tally.ignored),
    ] {
        let lines = said.tests.iter().filter(|test| test.verdict == verdict).count();
        if u32::try_from(lines) != Ok(counted) {
            faults.push(format!("{lines} lines say {verdict}, the summary says {counted}"));
        }
    }
    if said.tests_of(SCENARIOS) > 0 {
        match said.unknown {
            None => faults.push("it does not say how many causes of close are unknown".to_owned()),
            Some(unknown) if unknown <= said.excused_unknown => {}
            Some(unknown) => faults.push(format!("{unknown} closes of unknown cause")),
        }
        if said.missed.is_empty() {
            faults.push("it does not say how many events were missed".to_owned());
        }
        if said.tier.is_none() {
            faults.push("it does not say the tier".to_owned());
        }
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::judge;
    use crate::outcome::Outcome;
    use crate::vm::column::{Choice, Column, columns};
    use crate::vm::transcript::{Ending, Transcript};

    const GOOD: [&str; 10] = [
        "COLUMN-FACT lockdown none integrity [confidentiality]",
        "COLUMN-FACT btf shown",
        "COLUMN-READY 6.1",
        "COLUMN-SUITE scenarios",
        "tier btf",
        "missed 0",
        "test a ... ok",
        "test b ... ok",
        "unknown 0",
        "test result: ok. 2 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out",
    ];

    fn column() -> Column {
        let all = columns(&Choice::default()).unwrap();
        all.into_iter().find(|column| column.to_string() == "6.1 confidentiality").unwrap()
    }

    /// The outcome of the good lines after `from` was replaced by `to`.
    fn with(from: &str, to: &str) -> Outcome {
        let mut transcript = Transcript::default();
        for line in GOOD {
            transcript.line(if line == from { to } else { line });
        }
        judge(&column(), false, &Ending::Exited(0), &transcript)
    }

    fn failed(reason: &str) -> Outcome {
        Outcome::Failed(reason.to_owned())
    }

    #[test]
    fn a_column_where_all_is_well_has_passed() {
        assert_eq!(with("", ""), Outcome::Passed);
    }

    #[test]
    fn the_wrong_machine_proves_nothing() {
        let open = "COLUMN-FACT lockdown [none] integrity confidentiality";
        assert_eq!(with(GOOD[0], open), failed("lockdown is none, not confidentiality"));
        assert_eq!(with(GOOD[0], ""), failed("lockdown is unknown, not confidentiality"));
        assert_eq!(with(GOOD[1], "COLUMN-FACT btf hidden"), failed("BTF is hidden, not shown"));
    }

    #[test]
    fn a_cause_that_is_unknown_is_a_fault_and_so_is_not_telling() {
        assert_eq!(with("unknown 0", "unknown 3"), failed("3 closes of unknown cause"));
        let silent = failed("it does not say how many causes of close are unknown");
        assert_eq!(with("unknown 0", ""), silent);
        assert_eq!(with("tier btf", ""), failed("it does not say the tier"));
        let silent = failed("it does not say how many events were missed");
        assert_eq!(with("missed 0", ""), silent);
    }

    #[test]
    fn a_test_without_its_line_is_a_fault() {
        let garbled = with("test b ... ok", "test b ... o[    9.1] a line of the kernel");
        assert_eq!(garbled, failed("1 lines say ok, the summary says 2"));
    }

    #[test]
    fn a_suite_that_did_not_run_is_a_fault() {
        let Outcome::Failed(reason) = with(GOOD[3], "") else { panic!("passed") };
        assert!(reason.starts_with("suite scenarios did not run"), "{reason}");
    }

    #[test]
    fn a_suite_that_did_not_sum_up_is_a_fault() {
        let Outcome::Failed(reason) = with(GOOD[9], "") else { panic!("passed") };
        assert!(reason.starts_with("0 of 1 suites summed up"), "{reason}");
    }

    #[test]
    fn a_machine_that_dies_under_tests_fails_even_if_they_passed() {
        let mut transcript = Transcript::default();
        for line in GOOD {
            transcript.line(line);
        }
        let died = judge(&column(), false, &Ending::Died("panic".to_owned()), &transcript);
        assert_eq!(died, failed("it died while tests ran: panic"));
    }
}
