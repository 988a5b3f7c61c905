//! How connections end: the FIN states, and CLOSE.

use core::hint::cold_path;

use tracer_ebpf::{Conn, first, flags, off};

use super::kernel::{ECONNABORTED, SEND_SHUTDOWN, SHUTDOWN_MASK, is_ourselves, load, tcp};
use super::maps::{find, send};
use super::open::{first_unacked, is_of};
use super::state::known;
use super::task::{Holder, lacks_owner_facts};
use super::{mptcp, sock};

/// The FIN states. Only leaving ESTABLISHED names the first closer: a packet that waited for the
/// socket lock is handled in task context, so the context does not.
///
/// # Safety
/// `sk` and `tp` typed.
#[inline(always)]
pub(super) unsafe fn closing(sk: *const u8, tp: *const u8, old: i32, new: i32) {
    unsafe {
        let found = find(sk as u64);
        if let Some(conn) = found
            && (*conn).old_state == 0
            && i32::from((*conn).state) == new
        {
            cold_path();
            return;
        }
        let state = if old == tcp::SYN_RECV { old } else { new };
        let Some(conn) = known(found, sk, tp, state) else { return };
        (*conn).state = new as u8;
        match new {
            tcp::FIN_WAIT1 => {
                (*conn).first = first::LOCAL;
                sock::first_close(conn, tp, sock::now);
                sock::mark_pending(conn, tp);
                if load::<u8>(sk, off::SHUTDOWN) == SEND_SHUTDOWN {
                    cold_path();
                    (*conn).flags |= flags::HALF_CLOSED;
                    if (*conn).flags & flags::WRITE_PENDING == 0 {
                        // Our FIN takes a sequence number and asks for nothing.
                        (*conn).write_seq = (*conn).write_seq.wrapping_add(1);
                    }
                }
                own_and_close(conn, sk, tp);
            }
            tcp::CLOSE_WAIT => {
                (*conn).first = first::PEER;
                (*conn).sent_after_peer_fin = load(tp, off::BYTES_SENT);
                sock::first_close(conn, tp, sock::now);
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
            cold_path();
            // Not by the worker of the kernel that does it now.
            if let Some(holder) = mptcp::closer(tp) {
                close_by(conn, &*holder);
            }
        } else if sock::owned_by_task(sk) {
            // Not the FIN of a shutdown() that waited for the handshake: a softirq sends that.
            close_by(conn, &Holder::current());
        }
    }
}

#[inline(always)]
unsafe fn close_by(conn: *mut Conn, holder: &Holder) {
    unsafe {
        // Our walk over open files held it for a moment, and its process closed it meanwhile: the
        // kernel then finishes that close in our task.
        if holder.is_ourselves() && !is_ourselves((*conn).owner_tgid) {
            cold_path();
            return;
        }
        holder.close(conn);
        if (*conn).owner_tgid == 0 {
            cold_path();
            holder.own(conn);
            (*conn).flags |= flags::OWNER_AT_USE;
        } else if lacks_owner_facts(conn) && holder.is((*conn).owner_tgid) {
            cold_path();
            holder.own(conn);
        }
    }
}

/// Any → CLOSE. Sends at once unless more facts follow within this very call of the kernel.
///
/// # Safety
/// `sk` and `tp` typed.
#[inline(always)]
pub(super) unsafe fn ended(sk: *const u8, tp: *const u8, old: i32) {
    unsafe {
        let found = find(sk as u64);
        if let Some(conn) = found
            && i32::from((*conn).old_state) == old
            && is_of(conn, sk)
        {
            cold_path();
            return;
        }
        let Some(conn) = known(found, sk, tp, old) else { return };
        (*conn).state = tcp::CLOSE as u8;
        (*conn).old_state = old as u8;
        let now = sock::now();
        (*conn).end_ns = now;
        sock::first_close(conn, tp, || now);
        if old == tcp::SYN_SENT {
            cold_path();
            (*conn).write_seq = first_unacked(tp).wrapping_add(1);
        }
        if matches!(old, tcp::ESTABLISHED | tcp::CLOSE_WAIT)
            || (old == tcp::SYN_SENT && load::<u32>(tp, off::SEGS_OUT) != 0)
        {
            sock::mark_pending(conn, tp);
        }
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
            cold_path();
            // `ss -K`: not by its owner.
            Holder::current().close(conn);
        }
        if !has_sequel(conn, old) {
            cold_path();
            send(conn);
        }
    }
}

/// Whether a call of the current task ends it: `close()` of one that is not finished, `shutdown()` of
/// a dial, `connect(AF_UNSPEC)`. Not `connect()` itself, when it fails before its SYN.
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

/// Whether the kernel tells more of it at once: a reset that goes out, the return of `connect()`, the
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
            // What came before the peer's FIN may still be read after a half-close. Or disconnected
            // after shutdown(): the FIN of the peer would have ended it otherwise.
            tcp::FIN_WAIT1 | tcp::FIN_WAIT2 => {
                has(flags::HALF_CLOSED) || (has(flags::TASK) && !has(flags::PEER_FIN))
            }
            _ => false,
        }
    }
}
