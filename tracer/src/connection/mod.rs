//! Stage 5: one connection, with its open and close cause named.
//!
//! `close` and `how` name the end from one wire record, `plain` from one that lacks most; `open` names the beginning from what else
//! the process had open; `stage` cuts the stream into complete intervals.

mod build;
mod close;
mod exchanged;
mod how;
mod id;
mod open;
mod overdue;
mod plain;
mod record;
mod served;
mod snapshot;
mod stage;
#[cfg(test)]
pub(crate) mod testing;
mod tick;

pub use build::{owner, owner_comm};
pub use exchanged::{Exchanged, PutOff};
pub use plain::Sees;
pub use record::{
    Basis, Close, CloseCause, Connection, Initiator, OpenCause, Phase, Reset, Role, TcpState,
    seconds,
};
pub use served::Served;
pub use stage::{Connections, Facts, LATE_WAIT_NS};
pub use tick::Tick;
