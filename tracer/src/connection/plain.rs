//! Names the cause of a close from the facts of the plain tier: a pure function.
//!
//! No socket is read there, so what tells is the order of events: which transition, whether a reset
//! was received or sent before or after it, which error was reported, whether the last holder had let
//! go, whether the kernel freed the socket within the same call, and who was current where only a
//! task can be. What that leaves open is `unknown`, or the vaguer of two names.

use compact_str::CompactString;
use tracer_ebpf::{Conn, Late, first, flags};

use super::close::{Context, initiator};
use super::record::{Close, CloseCause, Initiator, Reset};
use crate::process::ProcessId;

// States, kernel numbers.
const ESTABLISHED: u8 = 1;
const SYN_SENT: u8 = 2;
const SYN_RECV: u8 = 3;
const FIN_WAIT1: u8 = 4;
const FIN_WAIT2: u8 = 5;
const CLOSE: u8 = 7;
const CLOSE_WAIT: u8 = 8;
const LAST_ACK: u8 = 9;
const CLOSING: u8 = 11;

// errno
const EPIPE: u32 = 32;
const EADDRNOTAVAIL: u32 = 99;
const ECONNABORTED: u32 = 103;
const ECONNRESET: u32 = 104;
const ETIMEDOUT: u32 = 110;
const ECONNREFUSED: u32 = 111;

/// Within this time of the end the kernel frees a socket whose close ends it: in the same call, which
/// may be preempted.
const AT_ONCE_NS: u64 = 100_000_000;
/// A dial that nobody answers is retried after a second at the earliest.
const FIRST_RETRY_NS: u64 = 900_000_000;

/// Which of the optional hooks are attached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sees {
    /// `sock/inet_sk_error_report`
    pub errors: bool,
    /// `cgroup/sock_release`
    pub releases: bool,
}

/// The end of an ended connection. `late`: data arrived for it after its record was out.
pub(super) fn close(conn: &Conn, late: Option<&Late>, context: &Context<'_>) -> Close {
    let has = |flag: u32| conn.flags & flag != 0;
    let is_late = is_own_reset(conn) || late.is_some();
    let cause = cause(conn, is_late, context.sees);
    let received = is_reset(conn) && !is_late;
    let sent = (has(flags::RST_SENT) || is_late) && !received;
    let reason = late.map_or(conn.rst_reason, |late| late.rst_reason);
    let closer = closer(conn, cause);
    let was_established = !matches!(conn.old_state, SYN_SENT | SYN_RECV | CLOSE);
    Close {
        cause,
        how: closer
            .filter(|_| initiator(cause) != Initiator::Admin)
            .and_then(|_| how(conn, context.sees)),
        initiator: initiator(cause),
        rst: if received { Some(Reset::Received) } else { sent.then_some(Reset::Sent) },
        rst_reason: sent.then(|| (context.reset_reasons)(reason)).flatten(),
        errno: errno(conn, cause).filter(|_| !is_late),
        after_peer_fin: conn.first == first::PEER,
        late_peer_data: is_late,
        unread_bytes: None,
        unacked_bytes: (was_established && has(flags::COUNTERS)).then_some(conn.unacked),
        sent_after_peer_fin: None,
        at_ns: conn.first_close_ns,
        idle_s: (was_established && has(flags::ACTIVE_KNOWN))
            .then(|| f64::from(conn.idle_jiffies) / 1e6),
        closer,
    }
}

/// Who closed it. At an end without FIN the kernel side notes who was current, which means something
/// only if a call of that task ended it.
fn closer(conn: &Conn, cause: CloseCause) -> Option<ProcessId> {
    let by_call = matches!(initiator(cause), Initiator::Local | Initiator::Admin)
        && !matches!(cause, CloseCause::ConnectNoPort | CloseCause::NeverAccepted);
    let has_fin = matches!(conn.old_state, FIN_WAIT1 | FIN_WAIT2 | LAST_ACK | CLOSING);
    (conn.closer_tgid != 0 && (by_call || has_fin))
        .then_some(ProcessId { pid: conn.closer_tgid, start_ns: conn.closer_start_ns })
}

/// Whether a reset was received. Its event may have been missed: only a reset leaves these errors on
/// a socket that still has its peer.
fn is_reset(conn: &Conn) -> bool {
    let has = |flag: u32| conn.flags & flag != 0;
    has(flags::RST_RECEIVED) || matches!(conn.sk_err, ECONNRESET | EPIPE)
}

/// Whether the kernel reset itself, because data came after our close.
const fn is_own_reset(conn: &Conn) -> bool {
    conn.flags & flags::RST_ANSWERS != 0
}

/// What the application was or will be told. A reset leaves the error that its state asks for.
fn errno(conn: &Conn, cause: CloseCause) -> Option<u32> {
    if conn.sk_err != 0 {
        return Some(conn.sk_err);
    }
    if cause == CloseCause::ConnectNoPort {
        return Some(EADDRNOTAVAIL);
    }
    is_reset(conn).then_some(match conn.old_state {
        SYN_SENT => ECONNREFUSED,
        CLOSE_WAIT => EPIPE,
        _ => ECONNRESET,
    })
}

/// The cause of the end. `is_late`: data came after our close, and the kernel answered it.
fn cause(conn: &Conn, is_late: bool, sees: Sees) -> CloseCause {
    let is_missed = conn.flags & flags::END_MISSED != 0;
    match conn.old_state {
        // What would tell was not seen.
        SYN_SENT | ESTABLISHED | CLOSE_WAIT if is_missed => CloseCause::Unknown,
        CLOSE => CloseCause::DialAborted,
        SYN_SENT => dial_cause(conn, sees),
        SYN_RECV if is_reset(conn) => CloseCause::HandshakeReset,
        SYN_RECV if conn.sk_err != 0 => CloseCause::HandshakeFailed,
        SYN_RECV => match quiet_cause(conn, sees) {
            CloseCause::Unknown | CloseCause::Disconnect => CloseCause::HandshakeFailed,
            cause => cause,
        },
        ESTABLISHED if is_reset(conn) => CloseCause::ResetByPeer,
        CLOSE_WAIT if is_reset(conn) => CloseCause::ResetAfterPeerFin,
        ESTABLISHED | CLOSE_WAIT => quiet_cause(conn, sees),
        FIN_WAIT1 | FIN_WAIT2 if is_late => CloseCause::LocalClose,
        FIN_WAIT1 | FIN_WAIT2 | LAST_ACK | CLOSING if is_reset(conn) => {
            CloseCause::LocalCloseThenReset
        }
        CLOSING => CloseCause::SimultaneousClose,
        // `ss -K` and keepalive reset before the end and are not told apart; close() resets after it.
        FIN_WAIT1 | FIN_WAIT2 | LAST_ACK if has(conn, flags::RST_SENT_BEFORE_END) => {
            CloseCause::Unknown
        }
        FIN_WAIT1 if has(conn, flags::RST_SENT) => CloseCause::LocalClose,
        LAST_ACK if has(conn, flags::RST_SENT) => CloseCause::PeerClose,
        // The peer's answer to our FIN leads through FIN_WAIT2.
        FIN_WAIT1 if !is_missed => CloseCause::CloseUnackedTimeout,
        FIN_WAIT1 | FIN_WAIT2 => CloseCause::LocalClose,
        LAST_ACK if lacks_fin_ack(conn) && !is_missed => CloseCause::CloseUnackedTimeout,
        LAST_ACK => CloseCause::PeerClose,
        _ => CloseCause::Unknown,
    }
}

const fn has(conn: &Conn, flag: u32) -> bool {
    conn.flags & flag != 0
}

/// Told by counters only: without them the regular end looks the same.
const fn lacks_fin_ack(conn: &Conn) -> bool {
    conn.flags & flags::COUNTERS != 0 && conn.flags & flags::FIN_ACKED == 0
}

fn dial_cause(conn: &Conn, sees: Sees) -> CloseCause {
    let has = |flag: u32| conn.flags & flag != 0;
    // In a softirq `current` is whoever was interrupted, which may be the dialler by chance.
    let by_owner = conn.closer_tgid != 0 && conn.closer_tgid == conn.owner_tgid;
    match conn.sk_err {
        _ if is_reset(conn) => CloseCause::ConnectRefused,
        ECONNREFUSED => CloseCause::ConnectRefused,
        ETIMEDOUT => CloseCause::ConnectTimeout,
        ECONNABORTED => CloseCause::AdminAbort,
        0 if conn.sport == 0 => CloseCause::ConnectNoPort,
        0 if has(flags::SAW_RELEASE) => CloseCause::DialCancelled,
        // Its own blocking connect() would have disconnected it before.
        0 if by_owner && !sees.releases && freed_at_once(conn) && !has(flags::DISCONNECTED) => {
            CloseCause::DialCancelled
        }
        // A SYN went out, and no timer and no packet ends it without an error: shutdown() or
        // connect(AF_UNSPEC).
        0 if by_owner && sees.errors && has(flags::COUNTERS) => CloseCause::DialCancelled,
        // Before 5.14 an unreachable host looks the same.
        0 if !sees.errors && was_retried(conn) => CloseCause::ConnectTimeout,
        0 => CloseCause::DialAborted,
        _ => CloseCause::ConnectUnreachable,
    }
}

fn was_retried(conn: &Conn) -> bool {
    if conn.flags & flags::COUNTERS != 0 {
        conn.retransmits > 0
    } else {
        conn.end_ns.saturating_sub(conn.open_ns) >= FIRST_RETRY_NS
    }
}

/// From an open state, without a reset received.
fn quiet_cause(conn: &Conn, sees: Sees) -> CloseCause {
    let has = |flag: u32| conn.flags & flag != 0;
    let sent_before = has(flags::RST_SENT_BEFORE_END);
    let sent_after = has(flags::RST_SENT) && !sent_before;
    match conn.sk_err {
        ECONNABORTED => CloseCause::AdminAbort,
        // Only the keepalive timer sends a reset before it gives up.
        ETIMEDOUT if sent_before => CloseCause::KeepaliveTimeout,
        // With nothing unacknowledged only probes can run out.
        ETIMEDOUT if has(flags::COUNTERS) && conn.unacked == 0 => CloseCause::ZeroWindowTimeout,
        ETIMEDOUT => CloseCause::RetransmitTimeout,
        0 if has(flags::UNACCEPTED) && !has(flags::SAW_RELEASE) => CloseCause::NeverAccepted,
        0 if has(flags::SAW_RELEASE) || (sent_after && !sees.releases && freed_at_once(conn)) => {
            if has(flags::DISCONNECTED) {
                CloseCause::LocalAbortLinger0
            } else if sent_after {
                CloseCause::LocalAbortUnread
            } else {
                CloseCause::LocalAbort
            }
        }
        0 if sent_after => CloseCause::Disconnect,
        0 if !sees.errors && has(flags::COUNTERS) && conn.unacked > 0 && conn.retransmits > 0 => {
            CloseCause::RetransmitTimeout
        }
        0 => CloseCause::Unknown,
        _ => CloseCause::NetError,
    }
}

/// Whether the kernel freed it in the call that ended it.
const fn freed_at_once(conn: &Conn) -> bool {
    conn.polled_ns != 0 && conn.polled_ns.saturating_sub(conn.end_ns) < AT_ONCE_NS
}

/// By which call, as far as the order of events tells. The holder who lets go may have called any of
/// `close()`, `dup2()` or `execve()`, or held it last in another call.
fn how(conn: &Conn, sees: Sees) -> Option<CompactString> {
    let has = |flag: u32| conn.flags & flag != 0;
    if has(flags::EXITING) {
        return Some("exit:unknown".into());
    }
    // What the kernel does for an MPTCP application comes after its call.
    if has(flags::MPTCP) {
        return None;
    }
    // The FIN is sent at the release, or by shutdown() before it.
    let by_fin = conn.first == first::LOCAL || conn.old_state == LAST_ACK;
    (by_fin && sees.releases && !has(flags::SAW_RELEASE)).then(|| "shutdown".into())
}

#[cfg(test)]
mod tests;
