//! How connections end: the FIN states, and CLOSE.

use core::hint::cold_path;

use tracer_ebpf::{Conn, first, flags, off};

use super::kernel::{ECONNABORTED, SEND_SHUTDOWN, SHUTDOWN_MASK, is_ourselves, load, tcp};
use super::maps::{find, send};
use super::open::{first_unacked, is_of};
use super::state::known;
use super::task::{Holder, lacks_owner_facts};
use super::{mptcp, sock};

/// Who closes a connection, as far as a transition tells.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Closer {
    /// Nobody here, or it was told before.
    Nobody,
    /// The current task; if nobody was seen to use it before, it is the owner too.
    Owner,
    /// The current task, which need not be its owner: `ss -K`.
    Stranger,
}

/// The FIN states, and CLOSE. One way through for all of them: whatever stands here twice the verifier
/// checks twice, at each start.
///
/// # Safety
/// `sk` and `tp` typed.
#[inline(always)]
pub(super) unsafe fn leaves(sk: *const u8, tp: *const u8, old: i32, new: i32) {
    unsafe {
        let found = find(sk as u64);
        if let Some(conn) = found
            && was_done(conn, sk, old, new)
        {
            cold_path();
            return;
        }
        let is_end = new == tcp::CLOSE;
        let state = if is_end || old == tcp::SYN_RECV { old } else { new };
        let Some(conn) = known(found, sk, tp, state) else { return };
        (*conn).state = new as u8;
        let closer = if is_end { ended(conn, sk, tp, old) } else { closing(conn, sk, tp, new) };
        if closer != Closer::Nobody {
            close(conn, sk, tp, closer);
        }
        // At once, unless more facts follow within this very call of the kernel.
        if is_end && !has_sequel(conn, old) {
            cold_path();
            send(conn);
        }
    }
}

/// Whether another copy of the program has seen this transition.
#[inline(always)]
unsafe fn was_done(conn: *const Conn, sk: *const u8, old: i32, new: i32) -> bool {
    unsafe {
        if new == tcp::CLOSE {
            i32::from((*conn).old_state) == old && is_of(conn, sk)
        } else {
            (*conn).old_state == 0 && i32::from((*conn).state) == new
        }
    }
}

/// The FIN states. Only leaving ESTABLISHED names the first closer: a packet that waited for the
/// socket lock is handled in task context, so the context does not.
#[inline(always)]
unsafe fn closing(conn: *mut Conn, sk: *const u8, tp: *const u8, new: i32) -> Closer {
    unsafe {
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
                Closer::Owner
            }
            tcp::CLOSE_WAIT => {
                (*conn).first = first::PEER;
                (*conn).sent_after_peer_fin = load(tp, off::BYTES_SENT);
                sock::first_close(conn, tp, sock::now);
                Closer::Nobody
            }
            tcp::LAST_ACK => {
                sock::mark_pending(conn, tp);
                Closer::Owner
            }
            tcp::CLOSING => {
                (*conn).flags |= flags::SIMULTANEOUS;
                Closer::Nobody
            }
            _ => Closer::Nobody,
        }
    }
}

/// Names the closer.
#[inline(always)]
unsafe fn close(conn: *mut Conn, sk: *const u8, tp: *const u8, closer: Closer) {
    unsafe {
        if closer == Closer::Owner && mptcp::is_subflow(tp) {
            cold_path();
            // Not by the worker of the kernel that does it now.
            if let Some(holder) = mptcp::closer(tp) {
                close_by(conn, &*holder);
            }
        } else if sock::owned_by_task(sk) {
            // Not the FIN of a shutdown() that waited for the handshake: a softirq sends that.
            let holder = Holder::current();
            if closer == Closer::Owner {
                close_by(conn, &holder);
            } else {
                cold_path();
                holder.close(conn);
            }
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

/// Any → CLOSE.
#[inline(always)]
unsafe fn ended(conn: *mut Conn, sk: *const u8, tp: *const u8, old: i32) -> Closer {
    unsafe {
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
        if !sock::owned_by_task(sk) {
            return Closer::Nobody;
        }
        (*conn).flags |= flags::TASK;
        if is_ended_by_call(conn, old) {
            Closer::Owner
        } else if (*conn).sk_err == ECONNABORTED {
            Closer::Stranger
        } else {
            Closer::Nobody
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
