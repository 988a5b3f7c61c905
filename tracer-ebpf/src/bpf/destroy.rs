//! `tcp_destroy_sock`: the kernel frees the socket. Sends what was not sent, frees the entry.

use aya_ebpf::macros::btf_tracepoint;
use aya_ebpf::programs::BtfTracePointContext;

use tracer_ebpf::{Conn, flags};

use super::kernel::tcp;
use super::maps::{CONNS, find, send};
use super::sock;
use super::task::{set_owner, tgid};

/// Arguments: `struct sock *sk`.
#[btf_tracepoint(function = "tcp_destroy_sock")]
fn destroy(ctx: BtfTracePointContext) -> i32 {
    on_destroy(ctx.arg(0))
}

/// The second copy, see [`super::copies`]: the entry is gone where the first ran.
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
                if i32::from((*conn).state) == tcp::CLOSE {
                    sock::netns(conn, sk);
                    // The cgroup hook that saw it begin cannot read the task's start.
                    if (*conn).owner_tgid == tgid() {
                        set_owner(conn);
                    }
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

/// The kernel skipped our program at the transition to CLOSE. What the socket still tells is taken
/// now; after `tcp_disconnect` that is little.
#[inline(always)]
unsafe fn missed(conn: *mut Conn, sk: *const u8) {
    unsafe {
        let tp = sock::tcp_sock(sk);
        if tp.is_null() {
            return;
        }
        (*conn).old_state = (*conn).state;
        (*conn).flags |= flags::END_MISSED;
        sock::first_close(conn, tp);
        (*conn).end_ns = sock::now();
        if (*conn).established_ns == 0 {
            sock::local(conn, sk, tp);
        }
        sock::last_facts(conn, sk, tp);
    }
}
