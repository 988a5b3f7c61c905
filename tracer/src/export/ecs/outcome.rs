//! Whether the end of a connection is a success in the schema's sense: both sides closed it with a FIN.

use crate::connection::CloseCause;

/// `success`, `failure`, or `unknown`.
pub(super) fn of(cause: &str) -> &'static str {
    use CloseCause as C;
    match CloseCause::ALL.iter().find(|known| known.name() == cause) {
        Some(C::LocalClose | C::PeerClose | C::SimultaneousClose) => "success",
        Some(C::Unknown) | None => "unknown",
        Some(_) => "failure",
    }
}

/// What happened.
pub(super) fn action(cause: &str) -> &'static str {
    match cause.split_once('_').unwrap_or((cause, "")).0 {
        "connect" | "dial" => "dial-failed",
        "handshake" => "handshake-failed",
        _ => "connection-closed",
    }
}
