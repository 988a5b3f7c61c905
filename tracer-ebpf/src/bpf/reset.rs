//! `tcp_receive_reset` and `tcp_send_reset`.
//!
//! A received reset is reported before the state changes. `tcp_receive_reset` alone does not prove
//! that one came: the kernel calls `tcp_reset()` on itself when data arrives after our close.

use aya_ebpf::macros::btf_tracepoint;
use aya_ebpf::programs::BtfTracePointContext;
use tracer_ebpf::{ABI_VERSION, Conn, KIND_LATE, Late, flags, off};

use super::copies::{self, Copy, Program};
use super::kernel::{IPPROTO_TCP, load, tcp};
use super::maps::{find, send, send_late};
use super::sock;
use super::state::{is_connection, known};

/// Arguments: `struct sock *sk`.
#[btf_tracepoint(function = "tcp_receive_reset")]
fn recv_reset(ctx: BtfTracePointContext) -> i32 {
    on_receive_reset(ctx.arg(0))
}

/// The second copy, see [`copies`].
#[btf_tracepoint(function = "tcp_receive_reset")]
fn recv_reset_again(ctx: BtfTracePointContext) -> i32 {
    on_receive_reset(ctx.arg(0))
}

#[inline(always)]
fn on_receive_reset(sk: *const u8) -> i32 {
    unsafe {
        if let Some(conn) = find(sk as u64).or_else(|| unseen(sk))
            && (*conn).old_state == 0
        {
            (*conn).flags |= flags::RST_RECEIVED;
        }
    }
    0
}

/// There before us, and a reset is the first that we see of it.
#[inline(always)]
unsafe fn unseen(sk: *const u8) -> Option<*mut Conn> {
    unsafe {
        let tp = sock::tcp_sock(sk);
        if tp.is_null() || load::<u16>(sk, off::PROTOCOL) != IPPROTO_TCP {
            return None;
        }
        let state = i32::from(load::<u8>(sk, off::STATE));
        if is_connection(state) { known(None, sk, tp, state) } else { None }
    }
}

macro_rules! send_reset {
    ($name:ident, $copy:ident, $reason:expr) => {
        #[btf_tracepoint(function = "tcp_send_reset")]
        fn $name(ctx: BtfTracePointContext) -> i32 {
            let sk: *const u8 = ctx.arg(0);
            if !sk.is_null() {
                let reason: fn(&BtfTracePointContext) -> u32 = $reason;
                copies::once(Program::SendReset, Copy::$copy, (sk, 0), || unsafe {
                    on_send_reset(sk, ctx.arg(1), reason(&ctx));
                });
            }
            0
        }
    };
}
// Since 6.10: `const struct sock *sk, const struct sk_buff *skb, const enum sk_rst_reason reason`.
send_reset!(send_reset_why, First, |ctx| ctx.arg(2));
send_reset!(send_reset_why_again, Last, |ctx| ctx.arg(2));
// Before 6.10: `const struct sock *sk, const struct sk_buff *skb`.
send_reset!(send_reset, First, |_| 0);
send_reset!(send_reset_again, Last, |_| 0);

/// `skb` is the packet that the reset answers, NULL if it answers none.
#[inline(always)]
unsafe fn on_send_reset(sk: *const u8, skb: *const u8, reason: u32) {
    unsafe {
        let state = i32::from(load::<u8>(sk, off::STATE));
        // A request sock belongs to a handshake that is not a connection yet.
        if state == tcp::NEW_SYN_RECV {
            return;
        }
        if state != tcp::TIME_WAIT
            && let Some(conn) = find(sk as u64)
            && (*conn).flags & flags::SENT == 0
        {
            // One that answers a packet in the middle of a life, such as a challenge ACK, ends nothing.
            if (*conn).old_state == 0 && !skb.is_null() {
                return;
            }
            (*conn).flags |= flags::RST_SENT;
            (*conn).rst_reason = reason;
            if (*conn).old_state == 0 {
                (*conn).flags |= flags::RST_SENT_BEFORE_END;
            } else {
                // The application may keep the socket: connect(AF_UNSPEC).
                send(conn);
            }
            return;
        }
        // Only for what was a connection: a listener answers every stray packet with a reset.
        // Nothing past sock_common exists in a time-wait sock; the cookie is in it.
        if !skb.is_null() && (state == tcp::TIME_WAIT || state == tcp::CLOSE) {
            send_late(&Late {
                kind: KIND_LATE,
                abi: ABI_VERSION,
                len: Late::LEN,
                cookie: sock::cookie(sk),
                at_ns: sock::now(),
                rst_reason: reason,
                reserved: 0,
            });
        }
    }
}
