//! `tcp/tcp_receive_reset` and `tcp/tcp_send_reset`.

use aya_ebpf::EbpfContext as _;
use aya_ebpf::macros::tracepoint;
use aya_ebpf::programs::TracePointContext;
use tracer_ebpf::{ABI_VERSION, KIND_LATE, Late, at, flags};

use super::super::kernel::tcp;
use super::super::maps::{send, send_late};
use super::super::sock::now;
use super::event::Event;
use super::table::{self, Note, find};

#[tracepoint]
fn plain_recv_reset(ctx: TracePointContext) -> u32 {
    let event = unsafe { Event::new(ctx.as_ptr().cast::<u8>()) };
    let (sk, cookie) = (event.long(at::RECEIVED_SK), event.long(at::RECEIVED_COOKIE));
    if let Some(conn) = find(sk) {
        unsafe {
            if (*conn).old_state == 0 {
                (*conn).flags |= flags::RST_RECEIVED;
                (*conn).cookie = cookie;
            }
        }
    } else {
        table::note(Note::Reset, sk, cookie);
    }
    0
}

#[tracepoint]
fn plain_send_reset(ctx: TracePointContext) -> u32 {
    let event = unsafe { Event::new(ctx.as_ptr().cast::<u8>()) };
    let sk = event.long(at::SENT_SK);
    if sk != 0 {
        let answers = event.long(at::SENT_SKB) != 0;
        unsafe { on_send_reset(sk, answers, event.word(at::SENT_REASON)) };
    }
    0
}

/// `answers`: there is a packet that the reset answers.
#[inline(always)]
unsafe fn on_send_reset(sk: u64, answers: bool, reason: u32) {
    let Some(conn) = find(sk) else {
        if answers && let Some(cookie) = table::noted(Note::Freed, sk) {
            send_late(&Late {
                kind: KIND_LATE,
                abi: ABI_VERSION,
                len: Late::LEN,
                cookie,
                at_ns: now(),
                rst_reason: reason,
                reserved: 0,
            });
        }
        return;
    };
    unsafe {
        if (*conn).flags & flags::SENT != 0 {
            return;
        }
        let old = i32::from((*conn).old_state);
        // One that answers a packet in the middle of a life, such as a challenge ACK, ends nothing.
        if old == 0 && answers {
            return;
        }
        (*conn).flags |= flags::RST_SENT;
        (*conn).rst_reason = reason;
        if old == 0 {
            (*conn).flags |= flags::RST_SENT_BEFORE_END;
        } else if answers && (old == tcp::FIN_WAIT1 || old == tcp::FIN_WAIT2) {
            // Data came after our close, and the kernel reset itself.
            (*conn).flags |= flags::RST_ANSWERS;
            send(conn);
        }
    }
}
