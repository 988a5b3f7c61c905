//! The command line as a script and a reader of the documents meet it: arguments, exit codes,
//! pipes, and every statement of the README and of `docs/` that the program can be asked about.
//! Verdicts belong to the replay and live suites.

#![expect(clippy::expect_used, reason = "a test that cannot set its scene fails, with that reason")]

#[expect(dead_code, reason = "the live suite asks more of the same modules")]
mod support;

#[path = "cli/ask.rs"]
mod ask;
#[path = "cli/demo.rs"]
mod demo;
#[path = "cli/document.rs"]
mod document;
#[path = "cli/documents.rs"]
mod documents;
#[path = "cli/explain.rs"]
mod explain;
#[path = "cli/fail_on.rs"]
mod fail_on;
#[path = "cli/output.rs"]
mod output;
#[path = "cli/settings_file.rs"]
mod settings_file;
#[path = "cli/usage.rs"]
mod usage;
