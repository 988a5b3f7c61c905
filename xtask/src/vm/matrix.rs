//! The finished matrix: what ran where and how it ended, as a table, as JSON and as a sentence.
//! Runs nothing and judges nothing.

use super::column::Column;
use super::transcript::{Transcript, Verdict};
use crate::outcome::Outcome;
use comfy_table::{CellAlignment, Table, presets};
use serde_json::{Value, json};

/// A column that was run or could not be.
pub(crate) struct Done {
    pub(crate) column: Column,
    pub(crate) outcome: Outcome,
    pub(crate) said: Transcript,
    /// Wall-clock time from the first boot to the end.
    pub(crate) seconds: f64,
    /// 0 where nothing is booted.
    pub(crate) boots: u32,
}

pub(crate) struct Matrix(pub(crate) Vec<Done>);

/// What stands where nothing is known.
const NONE: &str = "-";

impl Done {
    /// How the test called `name` ended here, if it ran.
    fn verdict(&self, name: &str) -> Option<Verdict> {
        let test = self.said.tests.iter().find(|test| test.name == name)?;
        (test.verdict != Verdict::Ignored).then_some(test.verdict)
    }

    /// The kernel release, or the name of the kernel if it did not come so far.
    fn kernel(&self) -> &str {
        self.said.release.as_deref().unwrap_or(self.column.kernel())
    }

    /// Missed events, one number a play.
    fn missed(&self) -> String {
        let plays: Vec<String> = self.said.missed.iter().map(u64::to_string).collect();
        if plays.is_empty() { NONE.to_owned() } else { plays.join("+") }
    }

    fn word(&self) -> &'static str {
        match self.outcome {
            Outcome::Passed => "passed",
            Outcome::Failed(_) => "FAILED",
            Outcome::Skipped(_) => "not run",
        }
    }

    fn reason(&self) -> Option<&str> {
        match &self.outcome {
            Outcome::Passed => None,
            Outcome::Failed(reason) | Outcome::Skipped(reason) => Some(reason),
        }
    }
}

impl Matrix {
    /// Every test that ran anywhere, in the order of its first line.
    fn tests(&self) -> Vec<&str> {
        let mut names: Vec<&str> = Vec::new();
        for test in self.0.iter().flat_map(|done| &done.said.tests) {
            if !names.contains(&test.name.as_str()) {
                names.push(&test.name);
            }
        }
        names
    }

    /// Two tables: what the columns are, then a row for each test.
    pub(crate) fn text(&self) -> String {
        let mut columns = table(&[
            "#", "KERNEL", "LOCKDOWN", "BTF", "TIER", "MISSED", "UNKNOWN", "SECONDS", "BOOTS",
            "OUTCOME",
        ]);
        let mut cells = table(&[""]);
        cells.set_header(
            [String::new()].into_iter().chain(
                self.0
                    .iter()
                    .enumerate()
                    .map(|(place, done)| format!("{}\n{}", place + 1, done.column.kernel())),
            ),
        );
        for (place, done) in self.0.iter().enumerate() {
            let said = &done.said;
            let known = |word: &Option<String>| word.as_deref().unwrap_or(NONE).to_owned();
            columns.add_row([
                (place + 1).to_string(),
                done.kernel().to_owned(),
                known(&said.lockdown),
                known(&said.btf),
                known(&said.tier),
                done.missed(),
                said.unknown.map_or(NONE.to_owned(), |unknown| unknown.to_string()),
                format!("{:.1}", done.seconds),
                done.boots.to_string(),
                done.word().to_owned(),
            ]);
        }
        for name in self.tests() {
            let verdicts = self.0.iter().map(|done| {
                done.verdict(name).map_or(NONE.to_owned(), |verdict| verdict.to_string())
            });
            cells.add_row([name.to_owned()].into_iter().chain(verdicts));
        }
        for number in [0, 5, 6, 7, 8] {
            if let Some(column) = columns.column_mut(number) {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        for column in cells.column_iter_mut().skip(1) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        format!("{columns}\n\n{cells}")
    }

    /// One object: `columns` in the order run, `tests` with a verdict per column, `null` where a
    /// test did not run. `missed` has a number a play. Times in seconds.
    pub(crate) fn json(&self) -> Value {
        let column = |done: &Done| {
            let said = &done.said;
            json!({
                "name": done.column.to_string(),
                "kernel": said.release,
                "lockdown": said.lockdown,
                "btf": said.btf,
                "modules": said.modules,
                "tier": said.tier,
                "missed": said.missed,
                "unknown": said.unknown,
                "seconds": done.seconds,
                "boots": done.boots,
                "outcome": done.word(),
                "reason": done.reason(),
            })
        };
        let test = |name: &str| {
            let verdicts = self.0.iter().map(|done| done.verdict(name).map(|v| v.to_string()));
            json!({ "name": name, "verdicts": verdicts.collect::<Vec<_>>() })
        };
        json!({
            "columns": self.0.iter().map(column).collect::<Vec<_>>(),
            "tests": self.tests().into_iter().map(test).collect::<Vec<_>>(),
        })
    }

    /// The columns that did not pass, a line for each with the reason.
    pub(crate) fn faults(&self) -> Vec<String> {
        let faulty = self.0.iter().filter_map(|done| Some((done, done.reason()?)));
        faulty.map(|(done, reason)| format!("{}: {}: {reason}", done.column, done.word())).collect()
    }

    /// The end of it all. Cells are tests times columns.
    pub(crate) fn sentence(&self) -> String {
        let count = |verdict| {
            let all = self.0.iter().flat_map(|done| &done.said.tests);
            all.filter(|test| test.verdict == verdict).count()
        };
        let passed = self.0.iter().filter(|done| done.outcome == Outcome::Passed).count();
        let (ok, failed) = (count(Verdict::Ok), count(Verdict::Failed));
        let again = count(Verdict::Again);
        let missed: u64 = self.0.iter().flat_map(|done| &done.said.missed).sum();
        let cells = self.tests().len() * self.0.len();
        let unknown: u64 = self.0.iter().filter_map(|done| done.said.unknown).sum();
        let silent = self.0.iter().filter(|done| done.said.unknown.is_none()).count();
        let silent =
            if silent == 0 { String::new() } else { format!(" ({silent} columns did not say)") };
        format!(
            "{passed} of {} columns passed; of {cells} cells {ok} are ok, {again} in one of two \
             plays, {failed} FAILED and {} did not run; at most {missed} events missed; {unknown} \
             closes of unknown cause{silent}.",
            self.0.len(),
            cells.saturating_sub(ok + again + failed),
        )
    }
}

fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING).set_header(header);
    table
}

#[cfg(test)]
mod tests {
    use super::{Done, Matrix};
    use crate::outcome::Outcome;
    use crate::vm::column::{Choice, columns};
    use crate::vm::transcript::Transcript;

    /// Three columns: one passed, one failed, one did not run.
    fn matrix() -> Matrix {
        let passed = [
            "COLUMN-FACT lockdown [none] integrity",
            "COLUMN-FACT btf shown",
            "COLUMN-READY 5.10.0-32",
            "COLUMN-SUITE scenarios",
            "tier full",
            "missed 2",
            "test a ... ok",
            "test b ... ok",
            "unknown 0",
        ];
        let failed = ["COLUMN-READY 5.10.0-32", "COLUMN-SUITE scenarios", "test b ... FAILED"];
        let said = |lines: &[&str]| {
            let mut transcript = Transcript::default();
            for line in lines {
                transcript.line(line);
            }
            transcript
        };
        let parts = [
            (Outcome::Passed, said(&passed)),
            (Outcome::Failed("1 FAILED".to_owned()), said(&failed)),
            (Outcome::Skipped("no emulator".to_owned()), Transcript::default()),
        ];
        let columns = columns(&Choice::default()).unwrap();
        let done = columns.into_iter().zip(parts).map(|(column, (outcome, said))| Done {
            column,
            outcome,
            said,
            seconds: 1.25,
            boots: 1,
        });
        Matrix(done.collect())
    }

    fn words(line: &str) -> Vec<&str> {
        line.split_whitespace().collect()
    }

    #[test]
    fn the_table_has_a_line_per_column_and_a_row_per_test() {
        let text = matrix().text();
        let lines: Vec<_> = text.lines().map(words).collect();
        let first = "1 5.10.0-32 none shown full 2 0 1.2 1 passed";
        assert_eq!(lines[1], words(first), "{text}");
        assert_eq!(lines[3], words("3 5.10 - - - - - 1.2 1 not run"), "{text}");
        assert_eq!(lines[5], words("1 2 3"), "{text}");
        assert_eq!(lines[6], words("5.10 5.10 5.10"), "{text}");
        assert_eq!(lines[7], words("scenarios::a ok - -"), "{text}");
        assert_eq!(lines[8], words("scenarios::b ok FAILED -"), "{text}");
    }

    #[test]
    fn what_did_not_run_is_null() {
        let json = matrix().json();
        assert_eq!(json["tests"][0]["verdicts"], serde_json::json!(["ok", null, null]));
        assert_eq!(json["columns"][2]["unknown"], serde_json::Value::Null);
        assert_eq!(json["columns"][2]["reason"], "no emulator");
    }

    #[test]
    fn faults_and_the_sentence_leave_nothing_out() {
        let matrix = matrix();
        let faults =
            ["5.10 confidentiality: FAILED: 1 FAILED", "5.10 without BTF: not run: no emulator"];
        assert_eq!(matrix.faults(), faults);
        assert_eq!(
            matrix.sentence(),
            "1 of 3 columns passed; of 6 cells 2 are ok, 0 in one of two plays, 1 FAILED and 3 did \
             not run; at most 2 events missed; 0 closes of unknown cause (2 columns did not say)."
        );
    }
}
