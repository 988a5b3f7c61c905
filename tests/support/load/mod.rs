//! A load of short connections on loopback, as fast as the machine allows: pairs of client and
//! server processes, in a network namespace of their own, that note what each connection was.
//!
//! Nothing here knows the tracer: what is noted is what the programs did, by their own count.

mod behaviour;
mod client;
mod connection;
mod log;
mod part;
mod run;
mod server;
mod told;

pub(crate) use part::Part;
pub(crate) use run::{Load, Spread};
pub(crate) use told::compare;

/// Connections that a client holds open at one time: it dials them all, then ends them one by one.
/// A switch between two processes then serves several connections.
const BATCH: u64 = 16;
/// One connection in so many is noted by both its ends, besides being counted.
const SAMPLED: u64 = 50;
/// First port of the servers; each has its own.
const FIRST_PORT: u16 = 9_000;

/// Port of the server of pair `number`.
fn port(number: u8) -> u16 {
    FIRST_PORT + u16::from(number)
}
