//! `inet_sock_set_state`: the backbone. Tells which transition it is, and makes entries of connections
//! that were there before us.

use core::hint::cold_path;

use aya_ebpf::macros::btf_tracepoint;
use aya_ebpf::programs::BtfTracePointContext;
use aya_log_ebpf::trace;
use tracer_ebpf::{Conn, off, opened};

use super::copies::{self, Copy, Program};
use super::end::leaves;
use super::kernel::{IPPROTO_MPTCP, load, tcp};
use super::maps::{refuse, send, was_full};
use super::open::{accept, complete, complete_handshake, dial, established, is_dialling};
use super::{mptcp, sock};

macro_rules! copy {
    ($name:ident, $copy:ident) => {
        /// Arguments: `const struct sock *sk, const int oldstate, const int newstate`.
        #[btf_tracepoint(function = "inet_sock_set_state")]
        fn $name(ctx: BtfTracePointContext) -> i32 {
            let what = (ctx.arg(0), ctx.arg(2));
            copies::once(Program::State, Copy::$copy, what, || act(&ctx));
            0
        }
    };
}
copy!(set_state, First);
copy!(set_state_again, Middle);
copy!(set_state_at_last, Last);

#[inline(always)]
fn act(ctx: &BtfTracePointContext) {
    unsafe { on_state(ctx.arg(0), ctx.arg(1), ctx.arg(2)) };
    log(ctx);
}

#[inline(always)]
fn log(ctx: &BtfTracePointContext) {
    let sk: *const u8 = ctx.arg(0);
    let (old, new): (i32, i32) = (ctx.arg(1), ctx.arg(2));
    // Pruned by the verifier unless the loader raised the level.
    trace!(ctx, "socket cookie {} state {} to {}", unsafe { sock::cookie(sk) }, old, new);
}

/// Doing it twice changes nothing: an entry tells by its state whether it was done.
#[inline(always)]
unsafe fn on_state(sk: *const u8, old: i32, new: i32) {
    // A passive child is born in SYN_RECV with, on some kernels, the listener's tuple and cookie.
    if new == tcp::SYN_RECV {
        return;
    }
    // The peer acknowledged our FIN. At the end the socket tells that, and its last state too.
    if new == tcp::FIN_WAIT2 {
        return;
    }
    unsafe {
        let tp = sock::tcp_sock(sk);
        // NULL for anything but a full socket whose protocol is TCP.
        if tp.is_null() {
            cold_path();
            if load::<u16>(sk, off::PROTOCOL) == IPPROTO_MPTCP {
                mptcp::on_state(sk, new);
            }
            return;
        }
        match new {
            tcp::SYN_SENT => dial(sk, tp),
            tcp::ESTABLISHED if old == tcp::SYN_RECV => accept(sk, tp),
            tcp::ESTABLISHED => established(sk, tp),
            // From LISTEN there is no connection to end.
            tcp::CLOSE if !is_connection(old) => {}
            tcp::FIN_WAIT1 | tcp::CLOSE_WAIT | tcp::LAST_ACK | tcp::CLOSING | tcp::CLOSE => {
                leaves(sk, tp, old, new);
            }
            _ => {}
        }
    }
}

/// Whether a socket in that state is, or is about to be, a connection.
#[inline(always)]
pub(super) fn is_connection(state: i32) -> bool {
    matches!(
        state,
        tcp::ESTABLISHED
            | tcp::SYN_SENT
            | tcp::SYN_RECV
            | tcp::FIN_WAIT1
            | tcp::FIN_WAIT2
            | tcp::CLOSE_WAIT
            | tcp::LAST_ACK
            | tcp::CLOSING
    )
}

/// The entry of a connection, made now if it was there before us: `found` is what the table has for
/// it, since a lookup costs more than all that is done here.
///
/// # Safety
/// `found` from [`super::maps::find`], `sk` and `tp` typed.
#[inline(always)]
pub(super) unsafe fn known(
    found: Option<*mut Conn>,
    sk: *const u8,
    tp: *const u8,
    state: i32,
) -> Option<*mut Conn> {
    unsafe {
        if let Some(conn) = found {
            if (*conn).old_state == 0 {
                complete(conn, sk, tp);
                if state != tcp::SYN_SENT && is_dialling(conn) {
                    cold_path();
                    complete_handshake(conn, sk, tp);
                }
                return Some(conn);
            }
            cold_path();
            // Left by a socket whose freeing we missed: this is another one at the same address.
            send(conn);
        } else if was_full() {
            return None;
        }
        cold_path();
        // A handshake that is over had an entry, if it was made while we watched.
        let opened = if state == tcp::SYN_RECV { opened::PASSIVE } else { opened::PREEXISTING };
        let conn = match sock::open(sk, tp, opened, state, sock::ANY) {
            Ok(conn) => conn,
            Err(errno) => {
                refuse(errno, 0);
                return None;
            }
        };
        if opened == opened::PASSIVE {
            (*conn).open_ns = sock::now();
        }
        (*conn).write_seq = load(tp, off::WRITE_SEQ);
        sock::local(conn, sk, tp);
        Some(conn)
    }
}
