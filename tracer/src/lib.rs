//! `tracer`: which process redials instead of reusing its TCP connections, who closed each one,
//! why, and what to change.
//!
//! Data flows one way; a stage imports only stages above it:
//! kernel hooks (`probe`) → bytes (`source`, `decode`) → [`process`] → [`connection`] →
//! [`aggregate`] → [`detect`] → [`sink`].

pub mod aggregate;
pub mod clock;
pub mod connection;
pub mod detect;
pub mod process;
pub mod sink;
