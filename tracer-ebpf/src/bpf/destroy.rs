//! `tcp_destroy_sock`: the kernel frees the socket. Sends what was not sent, frees the entry.

use aya_ebpf::macros::btf_tracepoint;
use aya_ebpf::programs::BtfTracePointContext;

use super::maps::{CONNS, find, send};

/// Arguments: `struct sock *sk`.
#[btf_tracepoint(function = "tcp_destroy_sock")]
fn destroy(ctx: BtfTracePointContext) -> i32 {
    let sk: *const u8 = ctx.arg(0);
    let key = sk as u64;
    if let Some(conn) = find(key) {
        unsafe {
            if (*conn).old_state != 0 {
                send(conn);
            }
        }
        // The kernel reuses the address within a millisecond.
        let _gone_already = CONNS.remove(&key);
    }
    0
}
