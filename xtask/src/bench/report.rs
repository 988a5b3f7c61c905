//! What is told in the end: tables for people, and the same figures as JSON. Measures nothing.

use super::spread::Spread;
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

/// What `tracer` is to cost at most, or to do at least.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Target {
    /// Of what.
    pub(super) what: &'static str,
    /// The bound.
    pub(super) bound: Bound,
    /// What was measured, `None` if it was not.
    pub(super) measured: Option<f64>,
}

/// A bound with its unit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Bound {
    AtMost(f64, &'static str),
    AtLeast(f64, &'static str),
}

/// All that was measured.
#[derive(Default)]
pub(crate) struct Report {
    sections: Vec<Section>,
    targets: Vec<Target>,
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
    pub(super) fn is_met(&self) -> Option<bool> {
        self.measured.map(|measured| match self.bound {
            Bound::AtMost(bound, _) => measured <= bound,
            Bound::AtLeast(bound, _) => measured >= bound,
        })
    }

    fn verdict(&self) -> &'static str {
        match self.is_met() {
            Some(true) => "met",
            Some(false) => "NOT MET",
            None => "not measured",
        }
    }

    fn json(&self) -> Value {
        let (least, most, unit) = match self.bound {
            Bound::AtMost(bound, unit) => (None, Some(bound), unit),
            Bound::AtLeast(bound, unit) => (Some(bound), None, unit),
        };
        let mut line = Map::new();
        line.insert("what".into(), self.what.into());
        let values = [("at_least", least), ("at_most", most), ("measured", self.measured)];
        for (key, value) in values {
            if let Some(value) = value {
                line.insert(key.into(), super::spread::round(value).into());
            }
        }
        line.insert("unit".into(), unit.into());
        if let Some(is_met) = self.is_met() {
            line.insert("met".into(), is_met.into());
        }
        Value::Object(line)
    }
}

impl Bound {
    fn text(self) -> String {
        match self {
            Self::AtMost(bound, unit) => format!("≤ {bound} {unit}"),
            Self::AtLeast(bound, unit) => format!("≥ {bound} {unit}"),
        }
    }

    const fn unit(self) -> &'static str {
        match self {
            Self::AtMost(_, unit) | Self::AtLeast(_, unit) => unit,
        }
    }
}

impl Report {
    pub(super) fn section(&mut self, section: Section) {
        self.sections.push(section);
    }

    pub(super) fn target(&mut self, what: &'static str, bound: Bound, measured: Option<f64>) {
        self.targets.push(Target { what, bound, measured });
    }

    /// A key of the JSON document.
    pub(super) fn put(&mut self, key: &str, value: Value) {
        self.json.insert(key.to_owned(), value);
    }

    /// Prints all tables, the targets last.
    pub(super) fn print(&self) {
        for section in &self.sections {
            section.print();
        }
        let mut targets = Section::new("Targets", &["what", "target", "measured", "verdict"]);
        for target in &self.targets {
            let unit = target.bound.unit();
            let measured =
                target.measured.map_or_else(String::new, |v| format!("{} {unit}", short(v)));
            let verdict = target.verdict().to_owned();
            targets.row([target.what.to_owned(), target.bound.text(), measured, verdict]);
        }
        targets.print();
    }

    /// The whole document.
    pub(super) fn json(&self) -> Value {
        let mut document = self.json.clone();
        let targets = self.targets.iter().map(Target::json).collect();
        document.insert("targets".into(), Value::Array(targets));
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

    fn target(bound: Bound, measured: Option<f64>) -> Target {
        Target { what: "x", bound, measured }
    }

    #[test]
    fn a_target_is_met_at_its_bound_and_not_beyond() {
        let most = Bound::AtMost(5.0, "ns");
        assert_eq!(target(most, Some(5.0)).is_met(), Some(true));
        assert_eq!(target(most, Some(5.1)).is_met(), Some(false));
        assert_eq!(target(Bound::AtLeast(0.95, ""), Some(0.9)).is_met(), Some(false));
    }

    #[test]
    fn what_was_not_measured_is_neither_met_nor_missed() {
        let target = target(Bound::AtMost(5.0, "ns"), None);
        assert_eq!((target.is_met(), target.verdict()), (None, "not measured"));
        assert_eq!(target.json(), json!({ "what": "x", "at_most": 5.0, "unit": "ns" }));
    }

    #[test]
    fn figures_are_as_long_as_they_are_worth() {
        assert_eq!([1234.5, 12.34, 1.234].map(short), ["1234", "12.3", "1.23"]);
    }
}
