//! Names the cause of a close from the facts of one wire record: a pure function.
//!
//! The order of the tests matters and follows what the kernel guarantees: the transition names the
//! initiator (never the context alone), and a received reset is reported before the end, except
//! that the kernel also calls `tcp_reset()` on itself when data arrives after our close.

use compact_str::CompactString;
use tracer_ebpf::{Conn, Late, first, flags, opened};

use super::how;
use super::plain;
use super::record::{Close, CloseCause, Initiator, Reset};
use super::served::Served;
use crate::process::ProcessId;

// States, kernel numbers.
const ESTABLISHED: u8 = 1;
const SYN_SENT: u8 = 2;
const SYN_RECV: u8 = 3;
const CLOSE: u8 = 7;
const FIN_WAIT1: u8 = 4;
const FIN_WAIT2: u8 = 5;
const CLOSE_WAIT: u8 = 8;
const LAST_ACK: u8 = 9;
const CLOSING: u8 = 11;

// errno
const ECONNABORTED: u32 = 103;
const ECONNRESET: u32 = 104;
const ETIMEDOUT: u32 = 110;
const ECONNREFUSED: u32 = 111;
const EPIPE: u32 = 32;
const EADDRNOTAVAIL: u32 = 99;
const ENETUNREACH: u32 = 101;
const EHOSTUNREACH: u32 = 113;

const SHUTDOWN_MASK: u8 = 3;

/// What the wire record is read with.
pub(super) struct Context<'a> {
    /// Length of a kernel clock tick, nanoseconds.
    pub(super) tick_ns: u64,
    /// The `tcp_close` hook is attached.
    pub(super) sees_close: bool,
    /// What is attached in the plain tier.
    pub(super) sees: plain::Sees,
    /// Which end we are of connections that were there before us.
    pub(super) served: &'a Served,
    /// Kernel reset reasons by number.
    pub(super) reset_reasons: &'a dyn Fn(u32) -> Option<CompactString>,
}

/// The end of an ended connection. `late`: data arrived for it after its record was out.
pub(super) fn close(conn: &Conn, late: Option<&Late>, context: &Context<'_>) -> Close {
    if conn.flags & flags::PLAIN != 0 {
        return plain::close(conn, late, context);
    }
    let has = |flag: u32| conn.flags & flag != 0;
    // A reset we are said to have received, yet we answered a packet on the dead socket: the
    // kernel reset itself because data came after our close.
    let own_reset = late.is_some() && matches!(conn.old_state, FIN_WAIT1 | FIN_WAIT2);
    // A handshake may have no entry yet when the reset is reported.
    let of_handshake = conn.old_state == SYN_RECV && conn.sk_err == ECONNRESET;
    let received = (has(flags::RST_RECEIVED) || of_handshake) && !own_reset;
    let cause = cause(conn, received);
    let initiator = initiator(cause);
    let local_call = conn.closer_tgid != 0 && !matches!(initiator, Initiator::Admin);
    let sent = (has(flags::RST_SENT) || late.is_some()) && !received;
    let reason = late.map_or(conn.rst_reason, |late| late.rst_reason);
    let was_established = !matches!(conn.old_state, SYN_SENT | SYN_RECV | CLOSE);
    let unread = conn.unread.saturating_sub(u32::from(has(flags::PEER_FIN)));
    Close {
        cause,
        how: local_call.then(|| how::name(conn, context.sees_close)).flatten(),
        initiator,
        rst: if received { Some(Reset::Received) } else { sent.then_some(Reset::Sent) },
        rst_reason: sent.then(|| (context.reset_reasons)(reason)).flatten(),
        errno: errno(conn, cause).filter(|_| !own_reset),
        // SOCK_DONE would not do: it is also set when the peer answers our FIN with its own.
        after_peer_fin: first_closer(conn) == first::PEER,
        late_peer_data: late.is_some(),
        unread_bytes: (cause == CloseCause::LocalAbortUnread).then_some(unread),
        unacked_bytes: (was_established && !lacks_last_facts(conn)).then_some(conn.unacked),
        // Our close may have come between: an application that reads the end after it has written.
        sent_after_peer_fin: (received && conn.first == first::PEER)
            .then_some(conn.sent_after_peer_fin),
        at_ns: conn.first_close_ns,
        // What never was busy never was idle.
        idle_s: (was_established
            && !(lacks_last_facts(conn) && conn.first_close_ns == conn.end_ns))
            .then(|| u64::from(conn.idle_jiffies).saturating_mul(context.tick_ns) as f64 / 1e9),
        closer: (conn.closer_tgid != 0)
            .then_some(ProcessId { pid: conn.closer_tgid, start_ns: conn.closer_start_ns }),
    }
}

/// Whether nobody saw the socket at its end, or when it was freed: its counters are not known then. One
/// that was established has sent a segment.
pub(super) const fn lacks_last_facts(conn: &Conn) -> bool {
    let is_counted = conn.flags & (flags::END_MISSED | flags::PLAIN) != flags::END_MISSED;
    !is_counted && conn.segs_out == 0 && !matches!(conn.old_state, SYN_SENT | CLOSE)
}

/// Whose FIN came first; where its transition was missed, the last state tells.
pub(super) const fn first_closer(conn: &Conn) -> u8 {
    match conn.old_state {
        CLOSE_WAIT | LAST_ACK => first::PEER,
        FIN_WAIT1 | FIN_WAIT2 | CLOSING => first::LOCAL,
        _ => conn.first,
    }
}

/// What the application was or will be told: the socket's error, or what `connect()` returned.
fn errno(conn: &Conn, cause: CloseCause) -> Option<u32> {
    let known = |errno: u32| (errno != 0).then_some(errno);
    known(conn.sk_err)
        .or_else(|| known(conn.connect_errno))
        // The one reason for which the kernel finds no port.
        .or((cause == CloseCause::ConnectNoPort).then_some(EADDRNOTAVAIL))
}

fn cause(conn: &Conn, received: bool) -> CloseCause {
    let has = |flag: u32| conn.flags & flag != 0;
    let is_missed = has(flags::END_MISSED);
    let by_close = has(flags::TASK) && conn.shutdown == SHUTDOWN_MASK;
    match conn.old_state {
        // What would tell is gone by the time the socket is freed.
        SYN_SENT | ESTABLISHED | CLOSE_WAIT if is_missed => CloseCause::Unknown,
        SYN_SENT | CLOSE => dial_cause(conn, received),
        SYN_RECV if received => CloseCause::HandshakeReset,
        // TCP Fast Open: an application may have it, and close it, before the handshake is over.
        SYN_RECV if conn.sk_err == 0 && (by_close || is_orphan(conn)) => {
            quiet_cause(conn, ESTABLISHED)
        }
        SYN_RECV => CloseCause::HandshakeFailed,
        old if received => match old {
            ESTABLISHED => CloseCause::ResetByPeer,
            CLOSE_WAIT => CloseCause::ResetAfterPeerFin,
            _ => CloseCause::LocalCloseThenReset,
        },
        old => quiet_cause(conn, old),
    }
}

/// No application has it, and none has let go of it. The subflows of MPTCP look the same.
fn is_orphan(conn: &Conn) -> bool {
    let looks = conn.flags & (flags::NO_SOCKET | flags::DEAD | flags::MPTCP) == flags::NO_SOCKET;
    looks && conn.opened != opened::ACTIVE
}

fn dial_cause(conn: &Conn, received: bool) -> CloseCause {
    let by_task = conn.flags & flags::TASK != 0;
    match conn.sk_err {
        _ if received => return CloseCause::ConnectRefused,
        ECONNREFUSED => return CloseCause::ConnectRefused,
        ETIMEDOUT => return CloseCause::ConnectTimeout,
        ECONNABORTED => return CloseCause::AdminAbort,
        0 => {}
        _ => return CloseCause::ConnectUnreachable,
    }
    match conn.connect_errno {
        EADDRNOTAVAIL => CloseCause::ConnectNoPort,
        ENETUNREACH | EHOSTUNREACH => CloseCause::ConnectNoRoute,
        ECONNREFUSED => CloseCause::ConnectRefused,
        0 if by_task && conn.shutdown == SHUTDOWN_MASK => CloseCause::DialCancelled,
        0 if by_task && conn.segs_out == 0 && conn.sport == 0 => CloseCause::ConnectNoPort,
        // shutdown() or connect(AF_UNSPEC) while the SYN waits for its answer.
        0 if by_task && conn.segs_out != 0 => CloseCause::DialCancelled,
        _ => CloseCause::DialAborted,
    }
}

/// No reset was received.
fn quiet_cause(conn: &Conn, old: u8) -> CloseCause {
    let has = |flag: u32| conn.flags & flag != 0;
    match conn.sk_err {
        ECONNABORTED => return CloseCause::AdminAbort,
        ETIMEDOUT => return timeout_cause(conn, old),
        // The kernel leaves this on a socket that reset itself after our close.
        0 | ECONNRESET | EPIPE => {}
        _ => return CloseCause::NetError,
    }
    match old {
        // Of a subflow of MPTCP the application's own socket would tell more.
        ESTABLISHED | CLOSE_WAIT if has(flags::MPTCP) => {
            if conn.opened == opened::ACTIVE || conn.owner_tgid != 0 {
                CloseCause::LocalAbort
            } else {
                CloseCause::Unknown
            }
        }
        FIN_WAIT1 | FIN_WAIT2 => CloseCause::LocalClose,
        CLOSING => CloseCause::SimultaneousClose,
        LAST_ACK => CloseCause::PeerClose,
        ESTABLISHED | CLOSE_WAIT if is_orphan(conn) => CloseCause::NeverAccepted,
        ESTABLISHED | CLOSE_WAIT if has(flags::TASK) && conn.shutdown == SHUTDOWN_MASK => {
            let unread = conn.unread.saturating_sub(u32::from(has(flags::PEER_FIN)));
            // The order in which the kernel tests it: unread data wins over SO_LINGER.
            if unread > 0 {
                CloseCause::LocalAbortUnread
            } else if has(flags::LINGER0) {
                CloseCause::LocalAbortLinger0
            } else {
                CloseCause::LocalAbort
            }
        }
        ESTABLISHED | CLOSE_WAIT if has(flags::TASK) => CloseCause::Disconnect,
        _ => CloseCause::Unknown,
    }
}

fn timeout_cause(conn: &Conn, old: u8) -> CloseCause {
    if matches!(old, FIN_WAIT1 | FIN_WAIT2 | LAST_ACK | CLOSING) {
        CloseCause::CloseUnackedTimeout
    } else if conn.unacked == 0 && conn.flags & flags::RST_SENT_BEFORE_END != 0 {
        // Only the keepalive timer sends a reset before it gives up.
        CloseCause::KeepaliveTimeout
    } else if conn.unacked == 0 && conn.flags & flags::WINDOW_CLOSED != 0 && conn.probes_out > 0 {
        CloseCause::ZeroWindowTimeout
    } else if conn.user_timeout_ms != 0 {
        CloseCause::UserTimeout
    } else {
        CloseCause::RetransmitTimeout
    }
}

pub(super) const fn initiator(cause: CloseCause) -> Initiator {
    match cause {
        CloseCause::LocalClose
        | CloseCause::LocalAbortUnread
        | CloseCause::LocalAbortLinger0
        | CloseCause::LocalAbort
        | CloseCause::LocalCloseThenReset
        | CloseCause::Disconnect
        | CloseCause::NeverAccepted
        | CloseCause::SimultaneousClose
        | CloseCause::ConnectNoPort
        | CloseCause::ConnectNoRoute
        | CloseCause::DialCancelled => Initiator::Local,
        CloseCause::PeerClose
        | CloseCause::ResetByPeer
        | CloseCause::ResetAfterPeerFin
        | CloseCause::ConnectRefused
        | CloseCause::HandshakeReset => Initiator::Peer,
        CloseCause::ConnectTimeout
        | CloseCause::ConnectUnreachable
        | CloseCause::RetransmitTimeout
        | CloseCause::UserTimeout
        | CloseCause::KeepaliveTimeout
        | CloseCause::ZeroWindowTimeout
        | CloseCause::CloseUnackedTimeout
        | CloseCause::HandshakeFailed
        | CloseCause::NetError => Initiator::Kernel,
        CloseCause::AdminAbort => Initiator::Admin,
        CloseCause::DialAborted | CloseCause::Unknown => Initiator::Unknown,
    }
}

#[cfg(test)]
mod tests;
