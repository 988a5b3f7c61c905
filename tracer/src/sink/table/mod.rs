//! Output for people: the report of `tracer diagnose` and the lines of `tracer watch`.
//!
//! The report is for somebody at 3 a.m.: what was observed and what is missing of it, the findings
//! with their evidence, and last the numbers. It must not decide what a finding is, nor where it
//! goes: width and colour are told to it.

mod checked;
mod escape;
mod findings;
mod header;
pub(crate) mod human;
mod layout;
mod peers;
mod report;
mod seen;
mod totals;
mod watch;
mod whom;

pub(crate) use escape::escape;
pub use header::{CUT_OFF, helps, reasons};
pub use report::Table;
pub use watch::Watch;

/// How the output is to look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    /// Cells of a line of the terminal.
    pub width: usize,
    /// Most rows of totals to print.
    pub rows: usize,
    /// Whether to colour; the caller has asked the terminal and `NO_COLOR`.
    pub colour: bool,
    /// Whether to tell what came of each row that has no finding.
    pub explain: Explain,
}

/// When to tell what came of each row that has no finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Explain {
    /// The numbers are enough.
    Never,
    /// If there is no finding at all: somebody has asked about this process.
    WithoutFinding,
    /// Somebody wants to know.
    Always,
}

impl Default for Look {
    /// For a file or a pipe: no colour, wide enough for any IPv4 row.
    fn default() -> Self {
        Self { width: 120, rows: 20, colour: false, explain: Explain::Never }
    }
}
