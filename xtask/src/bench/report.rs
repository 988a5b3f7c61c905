//! What is told in the end: tables for people, and the same figures as JSON. Measures nothing.

use super::goal::{Bound, Goal};
use super::spread::{Spread, round};
use crate::process::print_line;
use comfy_table::{CellAlignment, Table, presets};
use serde_json::{Map, Value, json};

/// A table with its heading.
#[derive(Clone, Debug)]
pub(crate) struct Section {
    title: String,
    head: Vec<String>,
    rows: Vec<Vec<String>>,
    notes: Vec<String>,
}

/// A goal, and what was measured of it; `None` if it was not.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Target {
    goal: Goal,
    measured: Option<f64>,
    /// Whether the run was long enough to say that it is met.
    is_judged: bool,
}

/// All that was measured.
#[derive(Default)]
pub(crate) struct Report {
    is_judged: bool,
    measured: Vec<(Goal, Option<f64>)>,
    errors: Vec<String>,
    json: Map<String, Value>,
}

impl Section {
    pub(super) fn new(title: impl Into<String>, head: &[&str]) -> Self {
        let head = head.iter().map(|word| (*word).to_owned()).collect();
        Self { title: title.into(), head, rows: Vec::new(), notes: Vec::new() }
    }

    pub(super) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }

    /// A sentence below the table.
    pub(super) fn note(&mut self, sentence: impl Into<String>) {
        self.notes.push(sentence.into());
    }

    fn print(&self) {
        let mut table = Table::new();
        table.load_preset(presets::ASCII_MARKDOWN).set_header(&self.head).add_rows(&self.rows);
        for column in table.column_iter_mut().skip(1) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        print_line(&format!("\n## {}\n\n{table}", self.title));
        for note in &self.notes {
            print_line(&format!("\n{note}"));
        }
    }
}

impl Target {
    fn is_met(self) -> Option<bool> {
        let measured = self.measured.filter(|_| self.is_judged)?;
        Some(self.goal.bound().is_met_by(measured))
    }

    fn verdict(self) -> &'static str {
        match (self.is_met(), self.measured) {
            (Some(true), _) => "met",
            (Some(false), _) => "NOT MET",
            (None, Some(_)) => "not judged",
            (None, None) => "not measured",
        }
    }

    fn json(self) -> Value {
        let (least, most, unit) = match self.goal.bound() {
            Bound::AtMost(bound, unit) => (None, Some(bound), unit),
            Bound::AtLeast(bound, unit) => (Some(bound), None, unit),
        };
        let mut line = Map::new();
        line.insert("what".into(), self.goal.what().into());
        let values = [("at_least", least), ("at_most", most), ("measured", self.measured)];
        for (key, value) in values {
            if let Some(value) = value {
                line.insert(key.into(), round(value).into());
            }
        }
        line.insert("unit".into(), unit.into());
        if let Some(is_met) = self.is_met() {
            line.insert("met".into(), is_met.into());
        }
        Value::Object(line)
    }
}

impl Report {
    /// With verdicts on the targets, if the run is long enough for them.
    pub(super) fn new(is_judged: bool) -> Self {
        Self { is_judged, ..Self::default() }
    }

    /// What cannot be right.
    pub(super) fn error(&mut self, sentence: String) {
        self.errors.push(sentence);
    }

    pub(super) fn errors(&self) -> &[String] {
        &self.errors
    }

    /// Prints a table at once: a run is long, and may be ended early.
    #[expect(clippy::unused_self, reason = "what is printed belongs to this report")]
    pub(super) fn section(&self, section: &Section) {
        section.print();
    }

    pub(super) fn measured(&mut self, goal: Goal, measured: Option<f64>) {
        self.measured.push((goal, measured));
    }

    /// Every goal, those not measured included.
    fn targets(&self) -> impl Iterator<Item = Target> {
        Goal::ALL.into_iter().map(|goal| {
            let found = self.measured.iter().rev().find(|(other, _)| *other == goal);
            let measured = found.and_then(|(_, measured)| *measured);
            Target { goal, measured, is_judged: self.is_judged }
        })
    }

    /// A key of the JSON document.
    pub(super) fn put(&mut self, key: &str, value: Value) {
        self.json.insert(key.to_owned(), value);
    }

    /// Prints what came of the targets.
    pub(super) fn print_targets(&self) {
        let mut targets = Section::new("Targets", &["what", "target", "measured", "verdict"]);
        for target in self.targets() {
            let bound = target.goal.bound();
            let measured = |value| format!("{} {}", short(value), bound.unit());
            targets.row([
                target.goal.what().to_owned(),
                bound.text(),
                target.measured.map_or_else(String::new, measured),
                target.verdict().to_owned(),
            ]);
        }
        if !self.is_judged {
            targets.note("This run is too short for a verdict.");
        }
        targets.print();
    }

    /// The whole document.
    pub(super) fn json(&self) -> Value {
        let mut document = self.json.clone();
        let targets = self.targets().map(Target::json).collect();
        document.insert("targets".into(), Value::Array(targets));
        document.insert("errors".into(), json!(self.errors));
        json!(document)
    }
}

/// Three figures, as many as these measurements are worth.
pub(super) fn short(value: f64) -> String {
    let places = match value.abs() {
        100.0.. => 0,
        10.0.. => 1,
        _ => 2,
    };
    format!("{value:.places$}")
}

/// The median with the least and the greatest.
pub(super) fn spread(spread: Option<Spread>) -> String {
    spread.map_or_else(
        || "-".to_owned(),
        |s| format!("{} ({}..{})", short(s.median), short(s.min), short(s.max)),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_measured_is_neither_met_nor_missed() {
        let target = Target { goal: Goal::ByFloor, measured: None, is_judged: true };
        assert_eq!((target.is_met(), target.verdict()), (None, "not measured"));
        let line = target.json();
        assert_eq!((line.get("measured"), line.get("met")), (None, None));
    }

    #[test]
    fn a_run_that_is_too_short_has_figures_and_no_verdict() {
        let target = Target { goal: Goal::ByFloor, measured: Some(9.0), is_judged: false };
        assert_eq!((target.is_met(), target.verdict()), (None, "not judged"));
        let line = target.json();
        assert_eq!((line["measured"].as_f64(), line.get("met")), (Some(9.0), None));
    }

    #[test]
    fn every_goal_is_in_the_report_and_the_last_figure_counts() {
        let mut report = Report::new(true);
        report.measured(Goal::ByFloor, Some(9.0));
        report.measured(Goal::ByFloor, Some(4.0));
        let targets = report.json()["targets"].clone();
        assert_eq!(targets.as_array().map(Vec::len), Some(Goal::ALL.len()));
        assert_eq!(targets[0]["met"], true);
    }

    #[test]
    fn figures_are_as_long_as_they_are_worth() {
        assert_eq!([1234.5, 12.34, 1.234].map(short), ["1234", "12.3", "1.23"]);
    }
}
