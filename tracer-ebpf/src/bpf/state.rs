//! `inet_sock_set_state`: the backbone. Opens, advances and ends connections.

use aya_ebpf::macros::btf_tracepoint;
use aya_ebpf::programs::BtfTracePointContext;
use aya_log_ebpf::trace;
use tracer_ebpf::{Conn, first, flags, off, opened};

use super::copies::{self, Program};
use super::kernel::{
    AF_INET, AF_INET6, ECONNABORTED, IPPROTO_MPTCP, IPPROTO_TCP, SEND_SHUTDOWN, SHUTDOWN_MASK,
    load, tcp,
};
use super::maps::{find, refuse, send, was_full};
use super::task::{Holder, set_owner};
use super::{mptcp, sock};

macro_rules! copy {
    ($name:ident, $is_last:literal) => {
        /// Arguments: `const struct sock *sk, const int oldstate, const int newstate`.
        #[btf_tracepoint(function = "inet_sock_set_state")]
        fn $name(ctx: BtfTracePointContext) -> i32 {
            let what = (ctx.arg(0), ctx.arg(2));
            copies::once(Program::State, $is_last, what, || act(&ctx));
            0
        }
    };
}
copy!(set_state, false);
copy!(set_state_again, false);
copy!(set_state_at_last, true);

#[inline(always)]
fn act(ctx: &BtfTracePointContext) {
    unsafe { on_state(ctx.arg(0), ctx.arg(1), ctx.arg(2)) };
    log(ctx);
}

#[inline(always)]
fn log(ctx: &BtfTracePointContext) {
    let sk: *const u8 = ctx.arg(0);
    let (old, new): (i32, i32) = (ctx.arg(1), ctx.arg(2));
    // Pruned by the verifier unless the loader raised the level.
    trace!(ctx, "socket cookie {} state {} to {}", unsafe { sock::cookie(sk) }, old, new);
}

/// Doing it twice changes nothing: an entry tells by its state whether it was done.
#[inline(always)]
unsafe fn on_state(sk: *const u8, old: i32, new: i32) {
    // A passive child is born in SYN_RECV with, on some kernels, the listener's tuple and cookie.
    if new == tcp::SYN_RECV {
        return;
    }
    unsafe {
        let tp = sock::tcp_sock(sk);
        // NULL for anything but a full TCP socket.
        if tp.is_null() {
            if load::<u16>(sk, off::PROTOCOL) == IPPROTO_MPTCP {
                mptcp::on_state(sk, new);
            }
            return;
        }
        if load::<u16>(sk, off::PROTOCOL) != IPPROTO_TCP {
            return;
        }
        let family: u16 = load(sk, off::FAMILY);
        if family != AF_INET && family != AF_INET6 {
            return;
        }
        match new {
            tcp::SYN_SENT => dial(sk, tp),
            tcp::ESTABLISHED if old == tcp::SYN_RECV => accept(sk, tp),
            tcp::ESTABLISHED => established(sk, tp),
            tcp::FIN_WAIT1 | tcp::CLOSE_WAIT | tcp::LAST_ACK | tcp::CLOSING | tcp::FIN_WAIT2 => {
                closing(sk, tp, old, new);
            }
            // From LISTEN there is no connection to end.
            tcp::CLOSE if is_connection(old) => ended(sk, tp, old),
            _ => {}
        }
    }
}

/// Whether a socket in that state is, or is about to be, a connection.
#[inline(always)]
pub(super) fn is_connection(state: i32) -> bool {
    matches!(
        state,
        tcp::ESTABLISHED
            | tcp::SYN_SENT
            | tcp::SYN_RECV
            | tcp::FIN_WAIT1
            | tcp::FIN_WAIT2
            | tcp::CLOSE_WAIT
            | tcp::LAST_ACK
            | tcp::CLOSING
    )
}

/// CLOSE → SYN_SENT, always in the dialling task. The port is not chosen yet.
#[inline(always)]
unsafe fn dial(sk: *const u8, tp: *const u8) {
    unsafe {
        let mut reopened = 0;
        let mut begun = None;
        if let Some(before) = find(sk as u64) {
            if (*before).old_state != 0 {
                // connect(AF_UNSPEC) and failed blocking dials leave a socket, and its cookie, to dial
                // again. Without it the entry was left by another socket, whose freeing we missed.
                let cookie = sock::cookie(sk);
                if cookie != 0 && (*before).cookie == cookie {
                    reopened = flags::REOPENED;
                }
                send(before);
            } else if i32::from((*before).state) == tcp::CLOSE {
                begun = Some(before);
            } else if i32::from((*before).state) == tcp::SYN_SENT && is_of(before, sk) {
                return;
            }
        }
        let conn = if let Some(conn) = begun {
            sock::name(conn, sk, tcp::SYN_SENT);
            conn
        } else if let Some(conn) = sock::open(sk, opened::ACTIVE, tcp::SYN_SENT, sock::ANY) {
            (*conn).open_ns = sock::now();
            conn
        } else {
            return refuse();
        };
        (*conn).flags |= reopened;
        (*conn).write_seq = load(tp, off::WRITE_SEQ);
        set_owner(conn);
    }
}

/// SYN_RECV → ESTABLISHED, in softirq: nobody knows yet who will accept it.
#[inline(always)]
unsafe fn accept(sk: *const u8, tp: *const u8) {
    unsafe {
        let mut conn = sock::open(sk, opened::PASSIVE, tcp::ESTABLISHED, sock::NEW);
        if conn.is_none()
            && let Some(before) = find(sk as u64)
        {
            if (*before).old_state == 0 {
                let state = i32::from((*before).state);
                // Both ends dialled at once, so that ours went through SYN_RECV too; or TCP Fast
                // Open, whose data was read before the handshake was over.
                if state == tcp::SYN_SENT {
                    return established(sk, tp);
                }
                if state == tcp::SYN_RECV {
                    return set_established(before, sk, tp);
                }
                if (*before).opened == opened::PASSIVE && is_of(before, sk) {
                    return;
                }
            } else {
                // Left by a socket whose freeing we missed.
                send(before);
            }
            conn = sock::open(sk, opened::PASSIVE, tcp::ESTABLISHED, sock::ANY);
        }
        if let Some(conn) = conn {
            let now = sock::now();
            (*conn).open_ns = now;
            (*conn).established_ns = now;
            // Not `write_seq`: a server may answer the data of a SYN before the handshake is over.
            (*conn).write_seq = first_unacked(tp);
            sock::local(conn, sk, tp);
            mark_subflow(conn, tp);
        } else {
            refuse();
        }
    }
}

/// SYN_SENT → ESTABLISHED.
#[inline(always)]
unsafe fn established(sk: *const u8, tp: *const u8) {
    unsafe {
        if let Some(conn) = find(sk as u64)
            && (*conn).old_state == 0
            && i32::from((*conn).state) != tcp::ESTABLISHED
        {
            // Our SYN counts as one. Not `write_seq`: it may have carried data (TCP Fast Open).
            (*conn).write_seq = first_unacked(tp).wrapping_add(1);
            set_established(conn, sk, tp);
        }
    }
}

#[inline(always)]
unsafe fn set_established(conn: *mut Conn, sk: *const u8, tp: *const u8) {
    unsafe {
        (*conn).state = tcp::ESTABLISHED as u8;
        (*conn).established_ns = sock::now();
        sock::local(conn, sk, tp);
        mark_subflow(conn, tp);
    }
}

#[inline(always)]
unsafe fn mark_subflow(conn: *mut Conn, tp: *const u8) {
    unsafe {
        if mptcp::is_subflow(tp) {
            (*conn).flags |= flags::MPTCP;
        }
    }
}

/// The sequence number from which `bytes_acked` counts.
#[inline(always)]
unsafe fn first_unacked(tp: *const u8) -> u32 {
    unsafe {
        let (unacked, acked): (u32, u64) = (load(tp, off::SND_UNA), load(tp, off::BYTES_ACKED));
        unacked.wrapping_sub(acked as u32)
    }
}

/// Whether an entry belongs to this socket, not to one at the same address whose freeing we missed.
#[inline(always)]
unsafe fn is_of(conn: *const Conn, sk: *const u8) -> bool {
    unsafe { (*conn).cookie == sock::cookie(sk) }
}

/// The entry of a connection, made now if it was there before us.
///
/// # Safety
/// `sk` and `tp` typed.
#[inline(always)]
pub(super) unsafe fn known(sk: *const u8, tp: *const u8, state: i32) -> Option<*mut Conn> {
    unsafe {
        if let Some(conn) = find(sk as u64) {
            if (*conn).old_state == 0 {
                return Some(conn);
            }
            // Left by a socket whose freeing we missed: this is another one at the same address.
            send(conn);
        } else if was_full() {
            return None;
        }
        // A handshake that is over had an entry, if it was made while we watched.
        let opened = if state == tcp::SYN_RECV { opened::PASSIVE } else { opened::PREEXISTING };
        let Some(conn) = sock::open(sk, opened, state, sock::ANY) else {
            refuse();
            return None;
        };
        if opened == opened::PASSIVE {
            (*conn).open_ns = sock::now();
        }
        (*conn).write_seq = load(tp, off::WRITE_SEQ);
        sock::local(conn, sk, tp);
        Some(conn)
    }
}

/// The FIN states. Only leaving ESTABLISHED names the first closer: a packet that waited for the
/// socket lock is handled in task context, so the context does not.
#[inline(always)]
unsafe fn closing(sk: *const u8, tp: *const u8, old: i32, new: i32) {
    unsafe {
        if let Some(conn) = find(sk as u64)
            && (*conn).old_state == 0
            && i32::from((*conn).state) == new
        {
            return;
        }
        let state = if old == tcp::SYN_RECV { old } else { new };
        let Some(conn) = known(sk, tp, state) else { return };
        (*conn).state = new as u8;
        match new {
            tcp::FIN_WAIT1 => {
                (*conn).first = first::LOCAL;
                sock::first_close(conn, tp);
                sock::mark_pending(conn, tp);
                if load::<u8>(sk, off::SHUTDOWN) == SEND_SHUTDOWN {
                    (*conn).flags |= flags::HALF_CLOSED;
                }
                own_and_close(conn, sk, tp);
            }
            tcp::CLOSE_WAIT => {
                (*conn).first = first::PEER;
                (*conn).sent_after_peer_fin = load(tp, off::BYTES_SENT);
                sock::first_close(conn, tp);
            }
            tcp::LAST_ACK => {
                sock::mark_pending(conn, tp);
                own_and_close(conn, sk, tp);
            }
            tcp::CLOSING => (*conn).flags |= flags::SIMULTANEOUS,
            _ => {}
        }
    }
}

/// The current task closes it; if nobody was seen to use it before, it is the owner too.
#[inline(always)]
unsafe fn own_and_close(conn: *mut Conn, sk: *const u8, tp: *const u8) {
    unsafe {
        if mptcp::is_subflow(tp) {
            // Not by the worker of the kernel that does it now.
            if let Some(holder) = mptcp::closer(sk) {
                close_by(conn, &*holder);
            }
        } else {
            close_by(conn, &Holder::current());
        }
    }
}

#[inline(always)]
unsafe fn close_by(conn: *mut Conn, holder: &Holder) {
    unsafe {
        holder.close(conn);
        if (*conn).owner_tgid == 0 {
            holder.own(conn);
            (*conn).flags |= flags::OWNER_AT_USE;
        }
    }
}

/// Any → CLOSE. Sends at once unless more facts follow within this very call of the kernel.
#[inline(always)]
unsafe fn ended(sk: *const u8, tp: *const u8, old: i32) {
    unsafe {
        if let Some(conn) = find(sk as u64)
            && i32::from((*conn).old_state) == old
            && is_of(conn, sk)
        {
            return;
        }
        let Some(conn) = known(sk, tp, old) else { return };
        (*conn).state = tcp::CLOSE as u8;
        (*conn).old_state = old as u8;
        sock::first_close(conn, tp);
        if old == tcp::SYN_SENT {
            (*conn).write_seq = first_unacked(tp).wrapping_add(1);
        }
        if matches!(old, tcp::ESTABLISHED | tcp::CLOSE_WAIT)
            || (old == tcp::SYN_SENT && load::<u32>(tp, off::SEGS_OUT) != 0)
        {
            sock::mark_pending(conn, tp);
        }
        (*conn).end_ns = sock::now();
        if (*conn).established_ns == 0 {
            sock::local(conn, sk, tp);
        }
        sock::last_facts(conn, sk, tp);
        let task = sock::owned_by_task(sk);
        if task {
            (*conn).flags |= flags::TASK;
        }
        if task && is_ended_by_call(conn, old) {
            own_and_close(conn, sk, tp);
        } else if task && (*conn).sk_err == ECONNABORTED {
            // `ss -K`: not by its owner.
            Holder::current().close(conn);
        }
        if !has_sequel(conn, old) {
            send(conn);
        }
    }
}

/// Whether a call of the current task ends it: close() of one that is not finished, shutdown() of a
/// dial, connect(AF_UNSPEC). Not connect() itself, when it fails before its SYN.
#[inline(always)]
unsafe fn is_ended_by_call(conn: *const Conn, old: i32) -> bool {
    unsafe {
        if (*conn).sk_err != 0 || (*conn).flags & flags::RST_RECEIVED != 0 {
            return false;
        }
        match old {
            tcp::ESTABLISHED | tcp::CLOSE_WAIT | tcp::SYN_RECV => true,
            tcp::SYN_SENT => (*conn).shutdown == SHUTDOWN_MASK || (*conn).segs_out != 0,
            _ => false,
        }
    }
}

/// Whether the kernel tells more of it at once: a reset that goes out, the return of connect(), the
/// end of the socket. An application may keep the descriptor of any other for ever.
#[inline(always)]
unsafe fn has_sequel(conn: *const Conn, old: i32) -> bool {
    unsafe {
        let has = |flag: u32| (*conn).flags & flag != 0;
        // Its application has let go of it, or no application ever had it: it is destroyed now.
        if has(flags::DEAD) {
            return true;
        }
        if (*conn).sk_err != 0 || has(flags::RST_RECEIVED) {
            return false;
        }
        match old {
            // Aborted by close(), disconnected, or never accepted.
            tcp::ESTABLISHED | tcp::CLOSE_WAIT | tcp::SYN_RECV => true,
            tcp::SYN_SENT => (*conn).shutdown == SHUTDOWN_MASK || (*conn).segs_out == 0,
            // Disconnected after shutdown(): the FIN of the peer would have ended it otherwise.
            tcp::FIN_WAIT1 | tcp::FIN_WAIT2 => has(flags::TASK) && !has(flags::PEER_FIN),
            _ => false,
        }
    }
}
