//! `sock/inet_sock_set_state`: opens, advances and ends connections, as its BTF-typed counterpart
//! does, from a copy of addresses and states only.

use aya_ebpf::EbpfContext as _;
use aya_ebpf::macros::tracepoint;
use aya_ebpf::programs::TracePointContext;
use tracer_ebpf::{Conn, at, first, flags, opened};

use super::super::kernel::{AF_INET, AF_INET6, IPPROTO_MPTCP, IPPROTO_TCP, tcp};
use super::super::maps::{refuse, send, was_full};
use super::super::sock::now;
use super::super::task::{Holder, set_owner, tgid};
use super::event::{Event, sees_errors};
use super::table::{self, Note, Tuple, find};
use super::{listen, mptcp, release};

#[tracepoint]
fn plain_state(ctx: TracePointContext) -> u32 {
    let event = unsafe { Event::new(ctx.as_ptr().cast::<u8>()) };
    let family = event.half(at::STATE_FAMILY);
    let protocol = event.half(at::STATE_PROTOCOL);
    if (protocol == IPPROTO_TCP || protocol == IPPROTO_MPTCP)
        && (family == AF_INET || family == AF_INET6)
    {
        let (old, new) =
            (event.word(at::STATE_OLD).cast_signed(), event.word(at::STATE_NEW).cast_signed());
        let ends =
            Tuple::of(event, [at::STATE_SADDR, at::STATE_DADDR, at::STATE_SPORT, at::STATE_DPORT]);
        if protocol == IPPROTO_MPTCP {
            mptcp::on_state(&ends, new);
        } else {
            unsafe { on_state(&ends, event.long(at::STATE_SK), old, new) };
        }
    }
    0
}

#[inline(always)]
unsafe fn on_state(ends: &Tuple, sk: u64, old: i32, new: i32) {
    unsafe {
        match (old, new) {
            (_, tcp::SYN_SENT) => dial(ends, sk),
            (tcp::SYN_RECV, tcp::ESTABLISHED) => accept(ends, sk),
            (_, tcp::ESTABLISHED) => established(ends, sk),
            (tcp::LISTEN, tcp::CLOSE) => listen::closed(ends.sport()),
            (tcp::CLOSE, _) => {}
            (
                _,
                tcp::FIN_WAIT1 | tcp::CLOSE_WAIT | tcp::LAST_ACK | tcp::CLOSING | tcp::FIN_WAIT2,
            ) => closing(ends, sk, old, new),
            (_, tcp::CLOSE) => ended(ends, sk, old),
            _ => {}
        }
    }
}

/// CLOSE → SYN_SENT, always in the dialling task. The port is not chosen yet.
#[inline(always)]
unsafe fn dial(ends: &Tuple, sk: u64) {
    unsafe {
        let mut reopened = 0;
        let mut begun = None;
        if let Some(before) = find(sk) {
            if (*before).old_state != 0 {
                // Unless we missed its freeing, the same socket dials again.
                if (*before).owner_tgid == tgid() {
                    reopened = flags::REOPENED;
                }
                send(before);
            } else if i32::from((*before).state) == tcp::CLOSE {
                begun = Some(before);
            }
        }
        let conn = if let Some(conn) = begun {
            (*conn).state = tcp::SYN_SENT as u8;
            conn
        } else {
            match table::open(sk, opened::ACTIVE, tcp::SYN_SENT) {
                Ok(conn) => {
                    (*conn).open_ns = now();
                    conn
                }
                Err(errno) => return refuse(errno, tgid()),
            }
        };
        (*conn).flags |= reopened;
        ends.write_to(conn);
        // What the socket had before: the port of this dial is chosen later.
        (*conn).sport = 0;
        set_owner(conn);
    }
}

/// SYN_RECV → ESTABLISHED, in softirq: nobody knows yet who will accept it.
#[inline(always)]
unsafe fn accept(ends: &Tuple, sk: u64) {
    unsafe {
        if let Some(before) = find(sk) {
            // Both ends dialled at once, so that ours went through SYN_RECV too.
            if (*before).old_state == 0 && i32::from((*before).state) == tcp::SYN_SENT {
                return established(ends, sk);
            }
            if (*before).old_state != 0 {
                // Left by a socket whose freeing we missed.
                send(before);
            }
        }
        let conn = match table::open(sk, opened::PASSIVE, tcp::ESTABLISHED) {
            Ok(conn) => conn,
            Err(errno) => return refuse(errno, 0),
        };
        (*conn).open_ns = now();
        (*conn).established_ns = (*conn).open_ns;
        ends.write_to(conn);
        if let Some(cookie) = table::noted(Note::Counted, sk) {
            (*conn).flags |= flags::COUNTERS;
            (*conn).cookie = cookie;
        }
    }
}

/// SYN_SENT → ESTABLISHED.
#[inline(always)]
unsafe fn established(ends: &Tuple, sk: u64) {
    if let Some(conn) = find(sk) {
        unsafe {
            if (*conn).old_state == 0 {
                (*conn).state = tcp::ESTABLISHED as u8;
                (*conn).established_ns = now();
                ends.write_to(conn);
            }
        }
    }
}

/// The entry of a connection, made now if it was there before us.
#[inline(always)]
unsafe fn known(ends: &Tuple, sk: u64, old: i32) -> Option<*mut Conn> {
    unsafe {
        if let Some(conn) = find(sk) {
            if (*conn).old_state == 0 {
                return Some(conn);
            }
            // Left by a socket whose freeing we missed: this is another one at the same address.
            send(conn);
        } else if was_full() {
            return None;
        }
        // A handshake that is over had an entry, if it was made while we watched.
        let opened = if old == tcp::SYN_RECV { opened::PASSIVE } else { opened::PREEXISTING };
        let conn = match table::open(sk, opened, old) {
            Ok(conn) => conn,
            Err(errno) => {
                refuse(errno, 0);
                return None;
            }
        };
        if opened == opened::PASSIVE {
            (*conn).open_ns = now();
        }
        ends.write_to(conn);
        if let Some(cookie) = table::noted(Note::Reset, sk) {
            (*conn).flags |= flags::RST_RECEIVED;
            (*conn).cookie = cookie;
        }
        if release::was_released(sk) {
            (*conn).flags |= flags::SAW_RELEASE;
            close_by(conn, &Holder::current());
        }
        Some(conn)
    }
}

/// Whose FIN came first, told by any later state too: the event of that FIN may have been missed.
#[inline(always)]
unsafe fn first_fin(conn: *mut Conn, state: i32) {
    unsafe {
        if (*conn).first == first::NONE {
            (*conn).first = match state {
                tcp::FIN_WAIT1 | tcp::FIN_WAIT2 | tcp::CLOSING => first::LOCAL,
                tcp::CLOSE_WAIT | tcp::LAST_ACK => first::PEER,
                _ => first::NONE,
            };
        }
    }
}

/// Marks the first close transition. Idle means: nothing read and nothing acknowledged.
///
/// # Safety
/// `conn` valid for writes.
#[inline(always)]
pub(super) unsafe fn first_close(conn: *mut Conn) {
    unsafe {
        if (*conn).first_close_ns != 0 {
            return;
        }
        (*conn).first_close_ns = now();
        // Data that came and was not read is not seen.
        let read_ns = (*conn).polled_ns;
        let active_ns = if read_ns == 0 { (*conn).established_ns } else { read_ns };
        if active_ns != 0 {
            (*conn).flags |= flags::ACTIVE_KNOWN;
            let idle_us = (*conn).first_close_ns.wrapping_sub(active_ns) / 1000;
            (*conn).idle_jiffies =
                if idle_us > u64::from(u32::MAX) { u32::MAX } else { idle_us as u32 };
        }
    }
}

/// The FIN states. Only leaving ESTABLISHED names the first closer.
#[inline(always)]
unsafe fn closing(ends: &Tuple, sk: u64, old: i32, new: i32) {
    unsafe {
        let Some(conn) = known(ends, sk, old) else { return };
        first_fin(conn, old);
        first_fin(conn, new);
        (*conn).state = new as u8;
        first_close(conn);
        match new {
            // In the closing task, always.
            tcp::FIN_WAIT1 | tcp::LAST_ACK => {
                if let Some(holder) = mptcp::closer(ends) {
                    // Not by the worker of the kernel that does it now.
                    (*conn).flags |= flags::MPTCP;
                    close_by(conn, &*holder);
                } else {
                    close_by(conn, &Holder::current());
                }
            }
            tcp::CLOSING => (*conn).flags |= flags::SIMULTANEOUS,
            _ => {}
        }
    }
}

/// If nobody was seen to use it before, who closes it is the owner too.
#[inline(always)]
pub(super) unsafe fn close_by(conn: *mut Conn, holder: &Holder) {
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
unsafe fn ended(ends: &Tuple, sk: u64, old: i32) {
    unsafe {
        let Some(conn) = known(ends, sk, old) else { return };
        first_fin(conn, old);
        (*conn).state = tcp::CLOSE as u8;
        (*conn).old_state = old as u8;
        first_close(conn);
        (*conn).end_ns = now();
        // From here on it says when the socket was freed.
        (*conn).polled_ns = 0;
        if (*conn).sport == 0 {
            (*conn).sport = ends.sport();
        }
        mptcp::forget(ends);
        let is_reset = (*conn).flags & flags::RST_RECEIVED != 0;
        match old {
            tcp::SYN_SENT | tcp::ESTABLISHED | tcp::CLOSE_WAIT | tcp::SYN_RECV => {
                if is_reset || ends_without_error(conn, ends, sk) {
                    send(conn);
                }
            }
            // A timeout, or a close() that aborts what shutdown() began: then our reset follows. After
            // a half-close what came before the peer's FIN may still be read. A reset may be our own: then
            // the packet that caused it is answered next.
            tcp::FIN_WAIT1 | tcp::FIN_WAIT2 | tcp::LAST_ACK => {}
            // The cookie comes with the freeing at the latest, and that with the end, once the
            // application has let go.
            _ => {
                if (*conn).cookie != 0 && (*conn).flags & flags::SAW_RELEASE == 0 {
                    send(conn);
                }
            }
        }
    }
}

/// An end that is not the regular one. Whether nothing more will be told of it.
#[inline(always)]
unsafe fn ends_without_error(conn: *mut Conn, ends: &Tuple, sk: u64) -> bool {
    unsafe {
        // No call of the current task, if a timer or a packet ends it: userspace decides.
        if (*conn).flags & flags::SAW_RELEASE == 0 {
            let holder = Holder::current();
            holder.close(conn);
        }
        let error = || table::error_of(ends, sk, (*conn).open_ns);
        if let Some(errno) = sees_errors().then(error).flatten() {
            (*conn).sk_err = errno;
            return true;
        }
        if (*conn).flags & flags::SAW_RELEASE == 0
            && i32::from((*conn).old_state) != tcp::SYN_SENT
            && (*conn).owner_tgid == 0
            && listen::is_closing((*conn).sport, (*conn).open_ns)
        {
            (*conn).flags |= flags::UNACCEPTED;
        }
        i32::from((*conn).old_state) == tcp::SYN_SENT && (*conn).sport == 0
    }
}
