//! `tcp_destroy_sock`: the kernel frees the socket. Sends what was not sent, frees the entry.

use core::hint::cold_path;

use aya_ebpf::macros::btf_tracepoint;
use aya_ebpf::programs::BtfTracePointContext;

use tracer_ebpf::{Conn, flags, off};

use super::kernel::{load, tcp};
use super::maps::{CONNS, find, send};
use super::open::{complete_handshake, is_dialling};
use super::sock;
use super::task::{set_owner, tgid};

/// Arguments: `struct sock *sk`.
#[btf_tracepoint(function = "tcp_destroy_sock")]
fn destroy(ctx: BtfTracePointContext) -> i32 {
    on_destroy(ctx.arg(0))
}

/// The second copy, see [`super::copies`]: the entry is gone where the first ran. It looks for itself,
/// since the first may have been refused to take it out.
#[btf_tracepoint(function = "tcp_destroy_sock")]
fn destroy_again(ctx: BtfTracePointContext) -> i32 {
    on_destroy(ctx.arg(0))
}

#[inline(always)]
fn on_destroy(sk: *const u8) -> i32 {
    let key = sk as u64;
    if let Some(conn) = find(key) {
        unsafe {
            if (*conn).old_state == 0 {
                cold_path();
                if i32::from((*conn).state) == tcp::CLOSE {
                    sock::netns(conn, sk);
                    // The cgroup hook that saw it begin cannot read the task's start.
                    if (*conn).owner_tgid == tgid() {
                        set_owner(conn);
                    }
                }
                if i32::from((*conn).state) == tcp::CLOSE && !has_dialled(conn, sk) {
                    // connect() had failed at once, long before the socket is freed.
                    sock::close_begun(conn, (*conn).open_ns);
                } else {
                    missed(conn, sk);
                }
            }
            send(conn);
        }
        // The kernel reuses the address within a millisecond.
        let _gone_already = CONNS.remove(&key);
    }
    0
}

/// Whether a SYN went out in a dial of which we only saw the beginning. `tcp_disconnect`, which is how
/// a `connect()` that waits fails, forgets the SYN but leaves the numbers of a socket that had any.
#[inline(always)]
unsafe fn has_dialled(conn: *const Conn, sk: *const u8) -> bool {
    unsafe {
        let tp = sock::tcp_sock(sk);
        if tp.is_null() {
            return false;
        }
        let is_numbered = load::<u32>(tp, off::WRITE_SEQ) != 0;
        load::<u32>(tp, off::SEGS_OUT) != 0 || (is_numbered && (*conn).flags & flags::REOPENED == 0)
    }
}

/// The kernel skipped our program at the transition to CLOSE. What the socket still tells is taken
/// now; after `tcp_disconnect` that is little.
#[inline(always)]
unsafe fn missed(conn: *mut Conn, sk: *const u8) {
    unsafe {
        let tp = sock::tcp_sock(sk);
        if tp.is_null() {
            return;
        }
        if is_dialling(conn) {
            // It may have skipped more: our SYN is acknowledged only when the handshake is over.
            (*conn).state = tcp::SYN_SENT as u8;
            if load::<u64>(tp, off::BYTES_ACKED) != 0 {
                complete_handshake(conn, sk, tp);
            }
        }
        (*conn).old_state = (*conn).state;
        (*conn).flags |= flags::END_MISSED;
        let now = sock::now();
        sock::first_close(conn, tp, || now);
        (*conn).end_ns = now;
        if (*conn).established_ns == 0 {
            sock::local(conn, sk, tp);
        }
        sock::last_facts(conn, sk, tp);
    }
}
