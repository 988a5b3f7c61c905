//! `inet_sock_set_state`: the backbone. Opens, advances and ends connections.

use aya_ebpf::macros::btf_tracepoint;
use aya_ebpf::programs::BtfTracePointContext;
use aya_log_ebpf::trace;
use tracer_ebpf::{Conn, first, flags, off, opened};

use super::kernel::{AF_INET, AF_INET6, IPPROTO_TCP, SEND_SHUTDOWN, SHUTDOWN_MASK, load, tcp};
use super::maps::{count_harmless_skip, find, refuse, send, set_running, was_full};
use super::sock;
use super::task::{set_closer, set_owner};

/// Arguments: `const struct sock *sk, const int oldstate, const int newstate`.
///
/// This copy acts on sockets that a task has locked, [`set_state_bh`] on the others. The kernel
/// (6.1 and later) skips a program that is running on the CPU already, so with one copy a softirq
/// that interrupts a task within it would lose its transition.
#[btf_tracepoint(function = "inet_sock_set_state")]
fn set_state(ctx: BtfTracePointContext) -> i32 {
    let sk: *const u8 = ctx.arg(0);
    // First and last, so that nearly every skip of this copy by a softirq is known for what it is.
    set_running(1);
    if unsafe { sock::owned_by_task(sk) } {
        unsafe { on_state(sk, ctx.arg(1), ctx.arg(2)) };
        log(&ctx);
    }
    set_running(0);
    0
}

/// The copy for softirqs.
#[btf_tracepoint(function = "inet_sock_set_state")]
fn set_state_bh(ctx: BtfTracePointContext) -> i32 {
    let sk: *const u8 = ctx.arg(0);
    if unsafe { sock::owned_by_task(sk) } {
        return 0;
    }
    count_harmless_skip();
    unsafe { on_state(sk, ctx.arg(1), ctx.arg(2)) };
    log(&ctx);
    0
}

#[inline(always)]
fn log(ctx: &BtfTracePointContext) {
    let sk: *const u8 = ctx.arg(0);
    let (old, new): (i32, i32) = (ctx.arg(1), ctx.arg(2));
    // Pruned by the verifier unless the loader raised the level.
    trace!(ctx, "socket cookie {} state {} to {}", unsafe { sock::cookie(sk) }, old, new);
}

#[inline(always)]
unsafe fn on_state(sk: *const u8, old: i32, new: i32) {
    // A passive child is born in SYN_RECV with, on some kernels, the listener's tuple and cookie.
    if new == tcp::SYN_RECV {
        return;
    }
    unsafe {
        let tp = sock::tcp_sock(sk);
        // NULL for anything but a full TCP socket of this protocol; MPTCP sockets are 262.
        if tp.is_null() || load::<u16>(sk, off::PROTOCOL) != IPPROTO_TCP {
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
                closing(sk, tp, new);
            }
            // From LISTEN there is no connection to end; from SYN_RECV none was opened.
            tcp::CLOSE if is_connection(old) => ended(sk, tp, old),
            _ => {}
        }
    }
}

#[inline(always)]
fn is_connection(state: i32) -> bool {
    matches!(
        state,
        tcp::ESTABLISHED
            | tcp::SYN_SENT
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
        // connect(AF_UNSPEC) and failed blocking dials leave a socket, and its cookie, to dial again.
        if let Some(before) = find(sk as u64)
            && (*before).old_state != 0
        {
            // Without it the entry was left by another socket, whose freeing we missed.
            let cookie = sock::cookie(sk);
            if cookie != 0 && (*before).cookie == cookie {
                reopened = flags::REOPENED;
            }
            send(before);
        }
        if let Some(conn) = sock::open(sk, opened::ACTIVE, tcp::SYN_SENT, sock::ANY) {
            (*conn).open_ns = sock::now();
            (*conn).flags = reopened;
            (*conn).write_seq = load(tp, off::WRITE_SEQ);
            set_owner(conn);
        } else {
            refuse();
        }
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
            // Both ends dialled at once: ours went through SYN_RECV too.
            if (*before).opened == opened::ACTIVE && i32::from((*before).state) == tcp::SYN_SENT {
                return established(sk, tp);
            }
            // Left by a socket whose freeing we missed.
            if (*before).old_state != 0 {
                send(before);
            }
            conn = sock::open(sk, opened::PASSIVE, tcp::ESTABLISHED, sock::ANY);
        }
        if let Some(conn) = conn {
            let now = sock::now();
            (*conn).open_ns = now;
            (*conn).established_ns = now;
            (*conn).write_seq = load(tp, off::WRITE_SEQ);
            sock::local(conn, sk, tp);
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
        {
            (*conn).state = tcp::ESTABLISHED as u8;
            (*conn).established_ns = sock::now();
            (*conn).write_seq = load(tp, off::WRITE_SEQ);
            sock::local(conn, sk, tp);
        }
    }
}

/// The entry of a connection, made now if it was there before us.
#[inline(always)]
unsafe fn known(sk: *const u8, tp: *const u8, state: i32) -> Option<*mut Conn> {
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
        let Some(conn) = sock::open(sk, opened::PREEXISTING, state, sock::ANY) else {
            refuse();
            return None;
        };
        (*conn).write_seq = load(tp, off::WRITE_SEQ);
        sock::local(conn, sk, tp);
        Some(conn)
    }
}

/// The FIN states. Only leaving ESTABLISHED names the first closer: a packet that waited for the
/// socket lock is handled in task context, so the context does not.
#[inline(always)]
unsafe fn closing(sk: *const u8, tp: *const u8, new: i32) {
    unsafe {
        let Some(conn) = known(sk, tp, new) else { return };
        (*conn).state = new as u8;
        match new {
            tcp::FIN_WAIT1 => {
                (*conn).first = first::LOCAL;
                sock::first_close(conn, tp);
                sock::mark_pending(conn, tp);
                if load::<u8>(sk, off::SHUTDOWN) == SEND_SHUTDOWN {
                    (*conn).flags |= flags::HALF_CLOSED;
                }
                own_and_close(conn);
            }
            tcp::CLOSE_WAIT => {
                (*conn).first = first::PEER;
                (*conn).bytes_sent_at_peer_fin = load(tp, off::BYTES_SENT);
                sock::first_close(conn, tp);
            }
            tcp::LAST_ACK => {
                sock::mark_pending(conn, tp);
                own_and_close(conn);
            }
            tcp::CLOSING => (*conn).flags |= flags::SIMULTANEOUS,
            _ => {}
        }
    }
}

/// The current task closes it; if nobody was seen to use it before, it is the owner too.
#[inline(always)]
unsafe fn own_and_close(conn: *mut Conn) {
    unsafe {
        set_closer(conn);
        if (*conn).owner_tgid == 0 {
            set_owner(conn);
            (*conn).flags |= flags::OWNER_AT_USE;
        }
    }
}

/// Any → CLOSE. Sends at once unless more facts follow within this very call of the kernel.
#[inline(always)]
unsafe fn ended(sk: *const u8, tp: *const u8, old: i32) {
    unsafe {
        let Some(conn) = known(sk, tp, old) else { return };
        (*conn).state = tcp::CLOSE as u8;
        (*conn).old_state = old as u8;
        sock::first_close(conn, tp);
        if old == tcp::ESTABLISHED || old == tcp::CLOSE_WAIT {
            sock::mark_pending(conn, tp);
        }
        (*conn).end_ns = sock::now();
        if (*conn).sport == 0 {
            sock::local(conn, sk, tp);
        }
        sock::last_facts(conn, sk, tp);
        let task = sock::owned_by_task(sk);
        if task {
            (*conn).flags |= flags::TASK;
        }
        // close() of a connection that is not finished: the reset goes out after this, then the
        // socket is destroyed. A dead socket is destroyed right away too. Both are sent there.
        let aborted = task
            && (*conn).shutdown == SHUTDOWN_MASK
            && matches!(old, tcp::ESTABLISHED | tcp::CLOSE_WAIT | tcp::SYN_SENT);
        if aborted {
            own_and_close(conn);
        }
        // An application may keep the descriptor of a connection that the peer ended for ever.
        if !aborted && (*conn).flags & flags::DEAD == 0 {
            send(conn);
        }
    }
}
