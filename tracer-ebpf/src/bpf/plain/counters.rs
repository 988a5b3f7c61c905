//! A sockops program: byte and segment counters, at each transition and with each measured round
//! trip. It needs neither types nor tracefs, but sees only sockets that opened while it was there.

use aya_ebpf::EbpfContext as _;
use aya_ebpf::bindings::{
    BPF_SOCK_OPS_ACTIVE_ESTABLISHED_CB, BPF_SOCK_OPS_PASSIVE_ESTABLISHED_CB, BPF_SOCK_OPS_RTT_CB,
    BPF_SOCK_OPS_RTT_CB_FLAG, BPF_SOCK_OPS_STATE_CB, BPF_SOCK_OPS_STATE_CB_FLAG,
    BPF_SOCK_OPS_TCP_CONNECT_CB, bpf_sock_ops,
};
use aya_ebpf::helpers::bpf_get_socket_cookie;
use aya_ebpf::macros::sock_ops;
use aya_ebpf::programs::SockOpsContext;
use tracer_ebpf::{Conn, first, flags, opened};

use super::super::kernel::tcp;
use super::super::sock::now;
use super::table::{self, By, Note, find, number};

#[sock_ops]
fn plain_counters(ctx: SockOpsContext) -> u32 {
    match ctx.op() {
        // The kernel calls back only who asked for it, socket by socket.
        BPF_SOCK_OPS_TCP_CONNECT_CB
        | BPF_SOCK_OPS_ACTIVE_ESTABLISHED_CB
        | BPF_SOCK_OPS_PASSIVE_ESTABLISHED_CB => {
            let wanted = BPF_SOCK_OPS_STATE_CB_FLAG | BPF_SOCK_OPS_RTT_CB_FLAG;
            // A kernel that does not know one of them arms the others.
            let _unknown = ctx.set_cb_flags((ctx.cb_flags() | wanted).cast_signed());
            if let Some(conn) = entry(&ctx) {
                unsafe { (*conn).flags |= flags::COUNTERS };
            } else if ctx.op() == BPF_SOCK_OPS_PASSIVE_ESTABLISHED_CB {
                // Its entry is made next.
                let sk = unsafe { (*ctx.ops).__bindgen_anon_2.sk };
                let cookie = unsafe { bpf_get_socket_cookie(ctx.as_ptr()) };
                table::note(Note::Counted, number(sk.cast::<u8>(), By::Sockops), cookie);
            }
        }
        BPF_SOCK_OPS_RTT_CB => {
            if let Some(conn) = entry(&ctx) {
                unsafe { on_round_trip(&ctx, conn) };
            }
        }
        BPF_SOCK_OPS_STATE_CB => {
            if let Some(conn) = entry(&ctx) {
                unsafe { on_state(&ctx, conn, ctx.arg(0).cast_signed(), ctx.arg(1).cast_signed()) };
            }
        }
        _ => {}
    }
    1
}

/// The table's entry of its socket, while it lives.
#[inline(always)]
fn entry(ctx: &SockOpsContext) -> Option<*mut Conn> {
    let sk = unsafe { (*ctx.ops).__bindgen_anon_2.sk };
    if sk.is_null() {
        return None;
    }
    find(number(sk.cast::<u8>(), By::Sockops)).filter(|conn| unsafe { (**conn).old_state == 0 })
}

/// All that was sent so far, modulo 2³²: acknowledged and not.
#[inline(always)]
unsafe fn sent(ops: *const bpf_sock_ops) -> u32 {
    unsafe {
        let unacked = (*ops).snd_nxt.wrapping_sub((*ops).snd_una);
        ((*ops).bytes_acked as u32).wrapping_add(unacked)
    }
}

/// New data was acknowledged: once per window, so once per request.
#[inline(always)]
unsafe fn on_round_trip(ctx: &SockOpsContext, conn: *mut Conn) {
    unsafe {
        (*conn).flags |= flags::COUNTERS;
        (*conn).polled_write_seq = sent(ctx.ops);
        (*conn).polled_ns = now();
    }
}

/// Runs before the state changes: our FIN is not sent yet, and nothing is cleared.
#[inline(always)]
unsafe fn on_state(ctx: &SockOpsContext, conn: *mut Conn, old: i32, new: i32) {
    unsafe {
        let ops = ctx.ops;
        (*conn).flags |= flags::COUNTERS;
        if (*conn).cookie == 0 {
            (*conn).cookie = bpf_get_socket_cookie(ctx.as_ptr());
        }
        if new == tcp::ESTABLISHED {
            // Our SYN counts as one. Not all that was sent: it may have carried data (Fast Open).
            (*conn).polled_write_seq = sent(ops);
            (*conn).write_seq = u32::from((*conn).opened == opened::ACTIVE);
        }
        if (*conn).first_close_ns == 0 {
            (*conn).srtt_8us = (*ops).srtt_us;
        }
        // A SYN that carried data (Fast Open) and was not answered.
        if old == tcp::SYN_SENT && new == tcp::CLOSE && sent(ops) > 1 {
            (*conn).flags |= flags::WRITE_PENDING;
        }
        let may_write = old == tcp::ESTABLISHED || old == tcp::CLOSE_WAIT;
        // The peer's FIN says nothing of what we may still write.
        if may_write && new != tcp::CLOSE_WAIT && sent(ops) != (*conn).write_seq {
            (*conn).flags |= flags::WRITE_PENDING;
        }
        let received = (*ops).bytes_received;
        // The FIN counts as a byte. One that ends FIN_WAIT2 is told from its mere timer that way.
        let fin_ends_it = old == tcp::FIN_WAIT2 && received != (*conn).bytes_received;
        if new == tcp::CLOSE && ((*conn).first == first::PEER || old == tcp::CLOSING || fin_ends_it)
        {
            (*conn).flags |= flags::PEER_FIN;
        }
        (*conn).bytes_received = received;
        (*conn).bytes_acked = (*ops).bytes_acked;
        (*conn).segs_out = (*ops).segs_out;
        (*conn).data_segs_in = (*ops).data_segs_in;
        (*conn).data_segs_out = (*ops).data_segs_out;
        (*conn).retransmits = (*ops).total_retrans;
        (*conn).unacked = (*ops).snd_nxt.wrapping_sub((*ops).snd_una);
        if new == tcp::CLOSE
            && matches!(old, tcp::FIN_WAIT1 | tcp::FIN_WAIT2 | tcp::CLOSING | tcp::LAST_ACK)
        {
            // Our FIN is the last number sent.
            if (*conn).unacked == 0 {
                (*conn).flags |= flags::FIN_ACKED;
            } else {
                (*conn).unacked -= 1;
            }
        }
    }
}
