//! Who let go of a connection first, and what was outstanding then, as several detectors ask it.
//! Owns no judgement and no memory.

use std::net::SocketAddr;

use super::handshake;
use super::one_shot::is_exit;
use super::sample::Sample;
use crate::connection::{Close, CloseCause, Connection};

/// Ports of protocols in which the client says that it is done and the server closes: FTP (21), SMTP
/// (25, 465, 587), POP3 (110, 995), NNTP (119), IMAP (143, 993).
const fn has_farewell(port: u16) -> bool {
    matches!(port, 21 | 25 | 110 | 119 | 143 | 465 | 587 | 993 | 995)
}

/// Whether our own call ended it, before anything came from the peer. The end of the process is none.
pub(super) fn is_own_close(close: &Close) -> bool {
    let ours = matches!(
        close.cause,
        CloseCause::LocalClose
            | CloseCause::LocalCloseThenReset
            | CloseCause::LocalAbortLinger0
            | CloseCause::LocalAbort
            | CloseCause::Disconnect
    );
    ours && !close.after_peer_fin && !is_exit(close)
}

/// Whether the peer closed while the last word was ours: to a farewell (QUIT, Terminate) many servers
/// answer with their FIN, which meets ours on the way. One that fails on a request looks the same.
pub(super) fn is_goodbye(connection: &Connection, close: &Close) -> bool {
    close.cause == CloseCause::PeerClose && connection.unanswered
}

/// Those that we closed, and with them those that the peer closed at our goodbye: who is first is a
/// race, but one that we win now and then.
pub(super) fn with_goodbyes(ours: &Sample, goodbyes: &Sample) -> Sample {
    const WON: u64 = 5;
    let mut found = ours.clone();
    if found.connections.saturating_mul(WON) >= goodbyes.connections + found.connections {
        found.merge(goodbyes);
    }
    found
}

/// Whether the peer's FIN came first.
pub(super) fn is_peer_close(close: &Close) -> bool {
    close.after_peer_fin || close.cause == CloseCause::PeerClose
}

/// Whether a request certainly was outstanding. With TLS our farewell looks like one.
pub(super) fn is_waiting(connection: &Connection) -> bool {
    connection.unanswered && !handshake::may_be_tls(connection.destination())
}

/// Whether something of ours may have been unanswered when the peer's FIN came: a request, or a TLS
/// farewell that the FIN answers. What we sent after the FIN was reset is told apart.
pub(super) fn was_waiting_at_fin(connection: &Connection, close: &Close) -> bool {
    connection.unanswered && close.sent_after_peer_fin.is_none_or(|sent| sent == 0)
}

/// Whether on `destination` the peer usually closes because it was asked to.
pub(super) const fn is_farewell_likely(destination: SocketAddr) -> bool {
    has_farewell(destination.port())
}
