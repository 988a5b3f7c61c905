//! How connections begin: dials, and handshakes that others began.

use core::hint::cold_path;

use aya_ebpf::helpers::bpf_get_current_cgroup_id;
use tracer_ebpf::{Conn, flags, off, opened};

use super::kernel::{load, tcp};
use super::maps::{find, refuse, send};
use super::task::{lacks_owner_facts, set_owner, set_owner_facts, tgid};
use super::{mptcp, sock};

/// Sends the record of a connection whose end, and the freeing of its socket, the kernel showed to no
/// program: another one is at its address. When that was is not known, only that it was before now.
#[inline(always)]
unsafe fn end_unseen(conn: *mut Conn) {
    cold_path();
    unsafe {
        let now = sock::now();
        (*conn).old_state = (*conn).state;
        (*conn).flags |= flags::END_MISSED;
        (*conn).end_ns = now;
        if (*conn).first_close_ns == 0 {
            (*conn).first_close_ns = now;
        }
        send(conn);
    }
}

/// CLOSE → SYN_SENT, always in the dialling task. The port is not chosen yet.
///
/// # Safety
/// `sk` and `tp` typed.
#[inline(always)]
pub(super) unsafe fn dial(sk: *const u8, tp: *const u8) {
    unsafe {
        let mut reopened = 0;
        let mut begun = None;
        if let Some(before) = find(sk as u64) {
            if (*before).old_state != 0 {
                cold_path();
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
            } else {
                end_unseen(before);
            }
        }
        let conn = if let Some(conn) = begun {
            sock::name(conn, sk, tp, tcp::SYN_SENT);
            conn
        } else {
            match sock::open(sk, tp, opened::ACTIVE, tcp::SYN_SENT, sock::ANY) {
                Ok(conn) => {
                    (*conn).open_ns = sock::now();
                    (*conn).owner_tgid = tgid();
                    (*conn).owner_cgroup = bpf_get_current_cgroup_id();
                    conn
                }
                Err(errno) => return refuse(errno, tgid()),
            }
        };
        (*conn).flags |= reopened;
        (*conn).write_seq = load(tp, off::WRITE_SEQ);
        set_owner_facts(conn);
    }
}

/// SYN_RECV → ESTABLISHED, in softirq: nobody knows yet who will accept it.
///
/// # Safety
/// `sk` and `tp` typed.
#[inline(always)]
pub(super) unsafe fn accept(sk: *const u8, tp: *const u8) {
    unsafe {
        let mut conn = sock::open(sk, tp, opened::PASSIVE, tcp::ESTABLISHED, sock::NEW);
        if conn.is_err()
            && let Some(before) = find(sk as u64)
        {
            cold_path();
            if (*before).old_state == 0 {
                let state = i32::from((*before).state);
                // Both ends dialled at once, so that ours went through SYN_RECV too; or TCP Fast
                // Open, whose data was read before the handshake was over.
                if state == tcp::SYN_SENT || (state == tcp::CLOSE && is_of(before, sk)) {
                    return established(sk, tp);
                }
                if state == tcp::SYN_RECV {
                    return set_established(before, sk, tp);
                }
                if (*before).opened == opened::PASSIVE && is_of(before, sk) {
                    return;
                }
                end_unseen(before);
            } else {
                // Left by a socket whose freeing we missed.
                send(before);
            }
            conn = sock::open(sk, tp, opened::PASSIVE, tcp::ESTABLISHED, sock::ANY);
        }
        let conn = match conn {
            Ok(conn) => conn,
            Err(errno) => return refuse(errno, 0),
        };
        let now = sock::now();
        (*conn).open_ns = now;
        (*conn).established_ns = now;
        // Not `write_seq`: a server may answer the data of a SYN before the handshake is over.
        (*conn).write_seq = first_unacked(tp);
        sock::local(conn, sk, tp);
        mark_subflow(conn, tp);
    }
}

/// SYN_SENT → ESTABLISHED.
///
/// # Safety
/// `sk` and `tp` typed.
#[inline(always)]
pub(super) unsafe fn established(sk: *const u8, tp: *const u8) {
    unsafe {
        if let Some(conn) = find(sk as u64)
            && (*conn).old_state == 0
            && i32::from((*conn).state) != tcp::ESTABLISHED
        {
            complete(conn, sk, tp);
            // Our SYN counts as one. Not `write_seq`: it may have carried data (TCP Fast Open).
            (*conn).write_seq = first_unacked(tp).wrapping_add(1);
            set_established(conn, sk, tp);
        }
    }
}

/// Fills in what [`dial`] would have told, had the kernel not skipped it: the entry is then as
/// [`super::connect`] began it. The owner is named in full once it is the one that acts.
///
/// # Safety
/// `conn` must be an entry without an end, `sk` and `tp` typed.
#[inline(always)]
pub(super) unsafe fn complete(conn: *mut Conn, sk: *const u8, tp: *const u8) {
    unsafe {
        if (*conn).netns == 0 {
            cold_path();
            sock::name(conn, sk, tp, i32::from((*conn).state));
        }
        if lacks_owner_facts(conn) && sock::owned_by_task(sk) && (*conn).owner_tgid == tgid() {
            cold_path();
            set_owner(conn);
        }
    }
}

/// Fills in what [`established`] would have told, but for the time, which is not known any more.
///
/// # Safety
/// `conn` must be an entry for which [`is_dialling`], `sk` and `tp` typed and past the handshake.
#[inline(always)]
pub(super) unsafe fn complete_handshake(conn: *mut Conn, sk: *const u8, tp: *const u8) {
    unsafe {
        (*conn).state = tcp::ESTABLISHED as u8;
        (*conn).write_seq = first_unacked(tp).wrapping_add(1);
        sock::local(conn, sk, tp);
        mark_subflow(conn, tp);
    }
}

/// Whether nothing was seen of a connection since its dial.
///
/// # Safety
/// `conn` must be an entry.
#[inline(always)]
pub(super) unsafe fn is_dialling(conn: *const Conn) -> bool {
    unsafe {
        matches!(i32::from((*conn).state), tcp::CLOSE | tcp::SYN_SENT) && (*conn).old_state == 0
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
            cold_path();
            (*conn).flags |= flags::MPTCP;
        }
    }
}

/// The sequence number from which `bytes_acked` counts.
///
/// # Safety
/// `tp` typed.
#[inline(always)]
pub(super) unsafe fn first_unacked(tp: *const u8) -> u32 {
    unsafe {
        let (unacked, acked): (u32, u64) = (load(tp, off::SND_UNA), load(tp, off::BYTES_ACKED));
        unacked.wrapping_sub(acked as u32)
    }
}

/// Whether an entry belongs to this socket, not to one at the same address whose freeing we missed.
///
/// # Safety
/// `conn` must be an entry, `sk` typed.
#[inline(always)]
pub(super) unsafe fn is_of(conn: *const Conn, sk: *const u8) -> bool {
    // Before 5.12 a socket has a cookie only once somebody asks for it, which may be later.
    unsafe { (*conn).cookie == 0 || (*conn).cookie == sock::cookie(sk) }
}
