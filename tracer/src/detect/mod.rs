//! Stage 7: judges totals and connections. Pure: no clock, no I/O; `now` is an argument.
//!
//! One file per detector: its signature, its healthy look-alikes and its memory. Thresholds, each
//! with its reason, are in one table; `judge` runs them all, keeps one finding per cause and ranks.

mod causes;
mod client_idle_timeout;
mod client_recycles;
mod close_wait_leak;
mod connect_refused;
mod detector;
mod ends;
mod finding;
mod growth;
mod hoard;
mod idle_timeout;
mod judge;
mod moments;
mod one_shot;
mod peer_closes_each;
mod peer_idle_timeout;
mod peer_recycles;
mod quiet;
mod redials;
mod sample;
mod short_lived_process;
mod stale_reuse;
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
