//! Stage 5: one connection, with its open and close cause named.

mod record;

pub use record::{
    Basis, Close, CloseCause, Connection, Initiator, OpenCause, Phase, Reset, Role, TcpState,
    seconds,
};
