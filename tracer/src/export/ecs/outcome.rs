//! Whether the end of a connection is a success in the schema's sense: both sides closed it with a FIN.

use super::object::word;
use crate::connection::CloseCause;

/// `success`, `failure`, or `unknown`, as JSON.
pub(super) fn of(cause: &str) -> &'static str {
    use CloseCause as C;
    match CloseCause::ALL.iter().find(|known| known.name() == cause) {
        Some(C::LocalClose | C::PeerClose | C::SimultaneousClose) => word!("success"),
        Some(C::Unknown) | None => word!("unknown"),
        Some(_) => word!("failure"),
    }
}

/// What happened, as JSON.
pub(super) fn action(cause: &str) -> &'static str {
    match cause.split_once('_').unwrap_or((cause, "")).0 {
        "connect" | "dial" => word!("dial-failed"),
        "handshake" => word!("handshake-failed"),
        _ => word!("connection-closed"),
    }
}
