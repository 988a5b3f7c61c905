//! What others than readers of our JSON lines are told, made of those lines: each is parsed and named
//! anew, so that all outputs say the same numbers.
//!
//! Pure: it reads no clock, does no IO and counts nothing. Who sends it on is in `command/agent`.

pub mod ecs;
pub mod journal;
pub mod message;
pub mod otlp;
#[cfg(test)]
pub(crate) mod testing;
