//! Facts out of a `struct sock`, at the moments when the kernel still has them.

use aya_ebpf::helpers::{
    bpf_get_socket_cookie, bpf_jiffies64, bpf_ktime_get_ns, bpf_skc_to_tcp_sock,
};
use tracer_ebpf::{Conn, first, flags, off};

use super::kernel::{
    AF_INET6, SOCK_DEAD, SOCK_DONE, SOCK_KEEPOPEN, SOCK_LINGER, have_cookie, load, load16, tcp,
};
use super::maps::{CONNS, find};

/// `CLOCK_MONOTONIC`, nanoseconds.
#[inline(always)]
pub(super) fn now() -> u64 {
    unsafe { bpf_ktime_get_ns() }
}

/// The TCP part; NULL for request and time-wait socks.
///
/// Fields that are pointers are read through it and not through a hook's argument, where there is the
/// choice: for each such read the verifier asks whether what is found there can be trusted, which
/// searches all names of the kernel's types several times. It took most of the time to load.
#[inline(always)]
pub(super) unsafe fn tcp_sock(sk: *const u8) -> *const u8 {
    unsafe { bpf_skc_to_tcp_sock(sk.cast_mut().cast()) }.cast::<u8>().cast_const()
}

/// Whether a task holds the socket lock: false in softirq, whose `current` means nothing.
#[inline(always)]
pub(super) unsafe fn owned_by_task(sk: *const u8) -> bool {
    unsafe { load::<u32>(sk, off::LOCK_OWNED) != 0 }
}

/// The socket cookie, 0 if nobody may ask for it on this kernel and nobody else did.
#[inline(always)]
pub(super) unsafe fn cookie(sk: *const u8) -> u64 {
    unsafe {
        if have_cookie() {
            bpf_get_socket_cookie(sk.cast_mut().cast())
        } else {
            load(sk, off::COOKIE)
        }
    }
}

/// How an entry may come about.
pub(super) const ANY: u64 = 0;
/// Only if there is none yet.
pub(super) const NEW: u64 = 1;

/// What every entry begins as: a constant of the program, as copying it costs less than making it.
///
/// Its own name: a mangled one has the path of the build in it, and stands in the object's types.
#[unsafe(no_mangle)]
pub(super) static BLANK: Conn = Conn::blank();

/// Adds an empty table entry and returns it.
///
/// # Errors
/// A negated errno, for [`super::maps::refuse`].
#[inline(always)]
pub(super) fn blank(key: u64, how: u64) -> Result<*mut Conn, i32> {
    CONNS.insert(&key, &BLANK, how)?;
    // Of our own socket: nobody else removes it.
    find(key).ok_or(0)
}

/// Adds a table entry for a connection and returns it.
///
/// # Errors
/// As [`blank`].
///
/// # Safety
/// `sk` must be a typed, full socket, `tp` the same from [`tcp_sock`].
#[inline(always)]
pub(super) unsafe fn open(
    sk: *const u8,
    tp: *const u8,
    opened: u8,
    state: i32,
    how: u64,
) -> Result<*mut Conn, i32> {
    let conn = blank(sk as u64, how)?;
    unsafe {
        (*conn).opened = opened;
        name(conn, sk, tp, state);
    }
    Ok(conn)
}

/// What is known from the beginning: who the other end is, and where.
///
/// # Safety
/// `conn` valid for writes, `sk` a typed, full socket, `tp` the same from [`tcp_sock`].
#[inline(always)]
pub(super) unsafe fn name(conn: *mut Conn, sk: *const u8, tp: *const u8, state: i32) {
    unsafe {
        (*conn).state = state as u8;
        if (*conn).cookie == 0 {
            (*conn).cookie = cookie(sk);
        }
        netns(conn, tp);
        peer(conn, sk);
    }
}

/// The network namespace.
///
/// # Safety
/// `conn` valid for writes, `sk` typed.
#[inline(always)]
pub(super) unsafe fn netns(conn: *mut Conn, sk: *const u8) {
    unsafe {
        let net: *const u8 = load(sk, off::NET);
        (*conn).netns = load(net, off::NETNS);
    }
}

/// Ends a dial that began and never reached SYN_SENT.
///
/// # Safety
/// `conn` valid for writes.
#[inline(always)]
pub(super) unsafe fn close_begun(conn: *mut Conn, at_ns: u64) {
    unsafe {
        if i32::from((*conn).state) == tcp::CLOSE && (*conn).old_state == 0 {
            (*conn).old_state = tcp::CLOSE as u8;
            (*conn).flags |= flags::NO_SYN;
            (*conn).end_ns = at_ns;
            (*conn).first_close_ns = at_ns;
        }
    }
}

/// Family and peer: known at dial.
///
/// # Safety
/// `conn` valid for writes, `sk` typed.
#[inline(always)]
unsafe fn peer(conn: *mut Conn, sk: *const u8) {
    unsafe {
        (*conn).family = load(sk, off::FAMILY);
        (*conn).dport = u16::from_be(load(sk, off::DPORT));
        if (*conn).family == AF_INET6 {
            *(&raw mut (*conn).daddr).cast::<[u64; 2]>() = load16(sk, off::DADDR6);
        } else {
            *(&raw mut (*conn).daddr).cast::<u32>() = load(sk, off::DADDR);
        }
    }
}

/// Our address and port: known from ESTABLISHED on. `skc_num` is gone at CLOSE, `inet_sport` stays.
///
/// # Safety
/// `conn` valid for writes, `sk` and `tp` typed.
#[inline(always)]
pub(super) unsafe fn local(conn: *mut Conn, sk: *const u8, tp: *const u8) {
    unsafe {
        (*conn).sport = u16::from_be(load(tp, off::SPORT));
        if (*conn).family == AF_INET6 {
            *(&raw mut (*conn).saddr).cast::<[u64; 2]>() = load16(sk, off::SADDR6);
        } else {
            *(&raw mut (*conn).saddr).cast::<u32>() = load(sk, off::SADDR);
        }
    }
}

/// What must be taken at the first close transition: the FIN's own delayed ACK spoils it later.
///
/// # Safety
/// `conn` valid for writes, `tp` typed.
#[inline(always)]
pub(super) unsafe fn first_close(conn: *mut Conn, tp: *const u8, now: impl FnOnce() -> u64) {
    unsafe {
        if (*conn).first_close_ns != 0 {
            return;
        }
        (*conn).first_close_ns = now();
        (*conn).srtt_8us = load(tp, off::SRTT);
        (*conn).idle_jiffies = idle_jiffies(tp);
    }
}

/// Jiffies since the last data segment either way.
///
/// # Safety
/// `tp` typed.
#[inline(always)]
pub(super) unsafe fn idle_jiffies(tp: *const u8) -> u32 {
    unsafe {
        let jiffies = bpf_jiffies64() as u32;
        let sent = jiffies.wrapping_sub(load(tp, off::LSNDTIME));
        let received = jiffies.wrapping_sub(load(tp, off::LRCVTIME));
        if sent < received { sent } else { received }
    }
}

/// Marks a write that no read followed. Called while `write_seq` does not count our FIN yet.
///
/// # Safety
/// `conn` valid for writes, `tp` typed.
#[inline(always)]
pub(super) unsafe fn mark_pending(conn: *mut Conn, tp: *const u8) {
    unsafe {
        if load::<u32>(tp, off::WRITE_SEQ) != (*conn).write_seq {
            (*conn).flags |= flags::WRITE_PENDING;
        }
    }
}

/// What must be taken at the transition to CLOSE: `tcp_disconnect` zeroes most of it right after.
///
/// # Safety
/// `conn` valid for writes, `sk` and `tp` typed.
#[inline(always)]
pub(super) unsafe fn last_facts(conn: *mut Conn, sk: *const u8, tp: *const u8) {
    unsafe {
        (*conn).bytes_acked = load(tp, off::BYTES_ACKED);
        (*conn).bytes_received = load(tp, off::BYTES_RECEIVED);
        (*conn).segs_out = load(tp, off::SEGS_OUT);
        (*conn).data_segs_in = load(tp, off::DATA_SEGS_IN);
        (*conn).data_segs_out = load(tp, off::DATA_SEGS_OUT);
        (*conn).retransmits = load(tp, off::TOTAL_RETRANS);
        (*conn).probes_out = load(tp, off::PROBES_OUT);
        (*conn).user_timeout_ms = load(tp, off::USER_TIMEOUT);
        let received: u32 = load(tp, off::RCV_NXT);
        let sent: u32 = load(tp, off::SND_NXT);
        (*conn).unread = received.wrapping_sub(load(tp, off::COPIED_SEQ));
        let acked: u32 = load(tp, off::SND_UNA);
        (*conn).unacked = sent.wrapping_sub(acked);
        (*conn).sk_err = load(sk, off::ERR);
        (*conn).shutdown = load(sk, off::SHUTDOWN);
        // Probes also go out while our own link is down.
        if load::<u32>(tp, off::SND_WND) < load::<u32>(tp, off::MSS) {
            (*conn).flags |= flags::WINDOW_CLOSED;
        }
        let bits: u64 = load(sk, off::FLAGS);
        // Our FIN is the last number written.
        if matches!(
            i32::from((*conn).old_state),
            tcp::FIN_WAIT1 | tcp::FIN_WAIT2 | tcp::CLOSING | tcp::LAST_ACK
        ) {
            let written: u32 = load(tp, off::WRITE_SEQ);
            if acked == written {
                (*conn).flags |= flags::FIN_ACKED;
            } else if sent == written {
                (*conn).unacked = (*conn).unacked.wrapping_sub(1);
            }
        }
        if (*conn).first == first::PEER {
            let sent: u64 = load(tp, off::BYTES_SENT);
            (*conn).sent_after_peer_fin = sent.wrapping_sub((*conn).sent_after_peer_fin);
        }
        let mut facts = 0;
        if bits & SOCK_DEAD != 0 {
            facts |= flags::DEAD;
        }
        if bits & SOCK_DONE != 0 {
            facts |= flags::PEER_FIN;
        }
        if bits & SOCK_KEEPOPEN != 0 {
            facts |= flags::KEEPALIVE;
        }
        if bits & SOCK_LINGER != 0 && load::<u64>(sk, off::LINGERTIME) == 0 {
            facts |= flags::LINGER0;
        }
        if load::<u64>(tp, off::SOCKET) == 0 {
            facts |= flags::NO_SOCKET;
        }
        (*conn).flags |= facts;
    }
}
