//! Stage 7: judges totals and connections. Pure: no clock, no I/O; `now` is an argument.
//!
//! One file per detector: its signature, its healthy look-alikes and its memory. Thresholds, each
//! with its reason, are in one table; `judge` runs them all, keeps one finding per cause and ranks.

mod abortive_close;
pub mod advice;
mod cancelled_exchange;
mod causes;
mod client_idle_timeout;
mod client_recycles;
mod close_wait_leak;
mod connect_refused;
mod connect_timeout;
mod connect_unreachable;
mod coverage;
mod detector;
mod dial_cancelled;
mod dials;
mod ends;
mod finding;
mod growth;
mod handshake;
mod hoard;
mod idle_timeout;
mod interval;
mod judge;
mod ledger;
mod looks;
mod moments;
mod one_shot;
mod peer_closes_each;
mod peer_idle_timeout;
mod peer_recycles;
mod pool_too_small;
mod port_pressure;
mod port_use;
mod redials;
mod relaxed;
mod resets_received;
mod resets_sent;
mod rolling;
mod same;
mod sample;
mod short_lived_process;
mod silence;
mod stale_reuse;
mod steady;
#[cfg(test)]
mod support;
mod thresholds;
mod timer;
mod unread_close;
mod view;

pub use coverage::Coverage;
use detector::Detector;
pub use detector::Detectors;
pub use finding::{Code, Confidence, Consequence, Evidence, Finding, Severity};
pub use judge::{Judge, NotEnough};
pub use ledger::{Ledger, Notice, State};
pub use looks::MOST_S as MOST_BETWEEN_LOOKS_S;
pub use port_use::UsedPorts;
pub use rolling::Rolling;
pub use same::{Also, Cause};
pub use thresholds::{Threshold, ThresholdError, Thresholds, Unit};
pub use view::View;
