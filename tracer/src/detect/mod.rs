//! Stage 7: judges totals and connections. Pure: no clock, no I/O; `now` is an argument.
//!
//! One file per detector: its signature, its healthy look-alikes and its memory. Thresholds, each
//! with its reason, are in one table; `judge` runs them all, keeps one finding per cause and ranks.

mod abortive_close;
mod cancelled_exchange;
mod causes;
mod close_wait_leak;
mod connect_refused;
mod connect_timeout;
mod connect_unreachable;
mod detector;
mod dial_cancelled;
mod finding;
mod growth;
mod hoard;
mod judge;
mod last_seen;
mod one_shot;
mod redials;
mod resets_received;
mod resets_sent;
mod sample;
mod short_lived_process;
mod steady;
#[cfg(test)]
mod support;
mod thresholds;
mod tls;
mod unread_close;
mod view;

pub use detector::{Detector, Detectors};
pub use finding::{Code, Confidence, Consequence, Evidence, Finding, Severity};
pub use judge::Judge;
pub use thresholds::{Threshold, ThresholdError, Thresholds, Unit};
pub use view::View;
