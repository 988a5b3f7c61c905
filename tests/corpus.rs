//! The corpus: real programs that play each story of `docs/findings.md`, and their healthy twins. Each
//! is played live under a tracer of its own and kept as a recording, and one judge holds both to the
//! same verdicts, processes, destinations and counts.
//!
//! The live half needs root and the programs of `cargo xtask setup --tests`; the recordings need
//! neither. `tests/corpus/README.md` tells how to add a case and how to record. A harness of its own,
//! because cases run side by side and a table of all of them is printed in the end.

#![expect(clippy::expect_used, reason = "a test that cannot set its scene fails, with that reason")]

#[expect(dead_code, reason = "the live suite asks more of the same modules")]
#[path = "support"]
mod support {
    pub(crate) mod curl;
    pub(crate) mod expectation;
    pub(crate) mod fixture;
    pub(crate) mod nginx;
    pub(crate) mod port;
    pub(crate) mod recording;
    pub(crate) mod report;
    pub(crate) mod tool;
    pub(crate) mod tracer;
    pub(crate) mod verdict;
    pub(crate) mod wait;
}

#[path = "corpus/cases/mod.rs"]
mod cases;
#[path = "corpus/harness.rs"]
mod harness;
#[path = "corpus/language.rs"]
mod language;
#[path = "corpus/program.rs"]
mod program;
#[path = "corpus/reduce.rs"]
mod reduce;
#[path = "corpus/scene.rs"]
mod scene;
#[path = "corpus/servers/mod.rs"]
mod servers;
#[path = "corpus/story.rs"]
mod story;
#[path = "corpus/table.rs"]
mod table;

use std::process::ExitCode;

fn main() -> ExitCode {
    harness::run()
}
