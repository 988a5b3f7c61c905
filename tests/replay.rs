//! Recordings of real traffic, told again: the same bytes give the same output, byte for byte, and a
//! damaged recording is told as one. Needs no root; `tests/fixtures/README.md` tells what the
//! recordings are. Whether the verdicts are right is the corpus' work.
//!
//! `UPDATE_EXPECTED=1` accepts the output as it is now.

#![expect(clippy::expect_used, reason = "a test that cannot set its scene fails, with that reason")]

#[expect(dead_code, reason = "the corpus asks more of the same modules")]
#[path = "support"]
mod support {
    pub(crate) mod expectation;
    pub(crate) mod fixture;
    pub(crate) mod report;
    pub(crate) mod tracer;
    pub(crate) mod verdict;
    pub(crate) mod wait;
}

#[path = "replay/damage.rs"]
mod damage;
#[path = "replay/expected.rs"]
mod expected;
#[path = "replay/peers.rs"]
mod peers;
#[path = "replay/verdicts.rs"]
mod verdicts;
