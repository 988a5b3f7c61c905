//! `iter/tcp`: runs only when userspace reads it, over the TCP sockets of the reader's network
//! namespace. It refreshes what the table cannot know from transitions: whether an open connection
//! is busy, and since when it is not.

use core::ffi::c_void;

use tracer_ebpf::off;

use super::kernel::load;
use super::maps::{find, mark_walked};
use super::sock;

/// One socket of the walk, NULL at its end. The context is
/// `{ struct bpf_iter_meta *meta; struct sock_common *sk_common; uid_t uid; }`.
#[unsafe(no_mangle)]
#[unsafe(link_section = "iter/tcp")]
extern "C" fn poll(ctx: *mut c_void) -> i32 {
    unsafe {
        let sk = ctx.cast::<*const u8>().add(1).read_volatile();
        if sk.is_null() {
            // It first runs after the walk over open files.
            mark_walked();
            return 0;
        }
        // NULL for time-wait and request socks.
        let tp = sock::tcp_sock(sk);
        if tp.is_null() {
            return 0;
        }
        if let Some(conn) = find(tp as u64) {
            // Only these three fields: hooks on other CPUs own the rest of the entry.
            (*conn).polled_idle_jiffies = sock::idle_jiffies(tp);
            (*conn).polled_write_seq = load(tp, off::WRITE_SEQ);
            (*conn).polled_ns = sock::now();
        }
    }
    0
}
