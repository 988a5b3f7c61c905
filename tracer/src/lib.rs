//! `tracer`: which process redials instead of reusing its TCP connections, who closed each one,
//! why, and what to change.
//!
//! Data flows one way; a stage imports only stages above it:
//!
//! | stage | in → out |
//! |---|---|
//! | [`probe`] | kernel → attached hooks, and what became of each |
//! | [`source`] | kernel maps or a recorded file → bytes |
//! | [`decode`] | bytes → wire record |
//! | [`process`] | pid and start time → identity |
//! | [`connection`] | wire records → complete intervals of connections with their causes |
//! | [`aggregate`] | intervals → totals per process × role × destination |
//! | [`detect`] | totals and connections → findings |
//! | [`sink`] | all of it → table, JSON lines |
//! | [`metrics`] | intervals, findings, health → counters, gauges, histograms |
//! | [`export`] | JSON lines, metrics → what collectors take |
//!
//! `pipeline` joins them, `command` holds one file per verb, `cli` the arguments.
#![forbid(unsafe_code)]

pub mod aggregate;
pub mod bounds;
pub mod cli;
pub mod clock;
pub mod command;
pub mod connection;
pub mod decode;
pub mod detect;
pub mod export;
mod hash;
pub mod metrics;
pub mod pipeline;
pub mod privileges;
pub mod probe;
pub mod process;
pub mod sink;
pub mod source;
mod words;
