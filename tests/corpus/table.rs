//! The table that is printed in the end: each case, what it must lead to, what it led to live and on
//! replay.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Mutex, MutexGuard};

/// A row: expected, live, replay.
#[derive(Clone, Debug, Default)]
struct Row {
    expected: String,
    live: Option<String>,
    replay: Option<String>,
}

/// Which column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Column {
    /// What the tracer said while it ran.
    Live,
    /// What it said of a recording.
    Replay,
}

/// Filled from all threads.
#[derive(Default)]
pub(crate) struct Table(Mutex<BTreeMap<&'static str, Row>>);

impl Table {
    fn rows(&self) -> MutexGuard<'_, BTreeMap<&'static str, Row>> {
        self.0.lock().expect("nobody panics with it")
    }

    /// Notes what a case led to.
    pub(crate) fn note(&self, case: &'static str, codes: &[&str], column: Column, word: String) {
        let mut rows = self.rows();
        let row = rows.entry(case).or_default();
        row.expected = if codes.is_empty() { "healthy".into() } else { codes.join(" ") };
        match column {
            Column::Live => row.live = Some(word),
            Column::Replay => row.replay = Some(word),
        }
    }

    /// As text; `-` is what was not asked for.
    pub(crate) fn text(&self) -> String {
        let rows = self.rows();
        let head = ["CASE", "EXPECTED", "LIVE", "REPLAY"].map(str::to_owned);
        let lines = rows.iter().map(|(case, row)| {
            let word = |word: &Option<String>| word.clone().unwrap_or_else(|| "-".into());
            [(*case).to_owned(), row.expected.clone(), word(&row.live), word(&row.replay)]
        });
        let all: Vec<[String; 4]> = std::iter::once(head).chain(lines).collect();
        let width = |at: usize| all.iter().map(|line| line[at].len()).max().unwrap_or(0);
        let widths = [width(0), width(1), width(2)];
        all.iter().fold(String::new(), |mut text, [case, expected, live, replay]| {
            let [a, b, c] = widths;
            let _infallible = writeln!(text, "{case:a$}  {expected:b$}  {live:c$}  {replay}");
            text
        })
    }
}
