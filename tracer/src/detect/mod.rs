//! Stage 7: judges totals and connections. Pure: no clock, no I/O; `now` is an argument.

mod finding;

pub use finding::{Code, Confidence, Evidence, Finding, Severity};
