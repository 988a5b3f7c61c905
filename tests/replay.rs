//! Recordings of real traffic, judged again: the same bytes give the same verdicts and the same
//! output, byte for byte. Needs no root; `tests/fixtures/README.md` tells what the recordings are.
//!
//! `UPDATE_EXPECTED=1` accepts the output as it is now. What is asserted on verdicts here does not
//! change with it.

#![expect(clippy::expect_used, reason = "a test that cannot set its scene fails, with that reason")]

#[expect(dead_code, reason = "the live suite asks more of the same modules")]
mod support;

#[path = "replay/case.rs"]
mod case;
#[path = "replay/damage.rs"]
mod damage;
#[path = "replay/expected.rs"]
mod expected;
#[path = "replay/peers.rs"]
mod peers;
#[path = "replay/record.rs"]
mod record;
#[path = "replay/reduce.rs"]
mod reduce;
