//! Every way in which a TCP connection opens and ends, played by real sockets under one tracer: each
//! row of the table of causes, judged by the complete records of both ends.
//!
//! Needs root and a binary of `tracer` (`TRACER_BIN` where the one built with the tests is not at
//! hand), but no other program, and runs on any kernel that `tracer` supports. A harness of its own,
//! because one tracer watches all rows at once. Nothing here may skip: what a kernel cannot know is
//! named in `scenarios/knowledge.rs`, and nowhere else.

#![expect(clippy::expect_used, reason = "a test that cannot set its scene fails, with that reason")]

#[expect(dead_code, reason = "the live suite asks more of the same modules")]
#[path = "support"]
mod support {
    pub(crate) mod port;
    pub(crate) mod report;
    pub(crate) mod tracer;
    pub(crate) mod wait;
}

#[path = "scenarios/actor.rs"]
mod actor;
#[path = "scenarios/diag.rs"]
mod diag;
#[path = "scenarios/expect.rs"]
mod expect;
#[path = "scenarios/facts.rs"]
mod facts;
#[path = "scenarios/fds.rs"]
mod fds;
#[path = "scenarios/harness.rs"]
mod harness;
#[path = "scenarios/judge.rs"]
mod judge;
#[path = "scenarios/knowledge.rs"]
mod knowledge;
#[path = "scenarios/plain.rs"]
mod plain;
#[path = "scenarios/raw.rs"]
mod raw;
#[path = "scenarios/rows/mod.rs"]
mod rows;
#[path = "scenarios/stage.rs"]
mod stage;
#[path = "scenarios/sys.rs"]
mod sys;
#[path = "scenarios/terms.rs"]
mod terms;
#[path = "scenarios/uring.rs"]
mod uring;

use std::process::ExitCode;

fn main() -> ExitCode {
    if actor::is_this_process() {
        return actor::act();
    }
    harness::run()
}
