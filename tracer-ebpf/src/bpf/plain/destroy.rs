//! `tcp/tcp_destroy_sock`: the kernel frees the socket. Sends what was not sent, frees the entry.

use aya_ebpf::EbpfContext as _;
use aya_ebpf::macros::tracepoint;
use aya_ebpf::programs::TracePointContext;
use tracer_ebpf::{Conn, at, flags};

use super::super::kernel::tcp;
use super::super::maps::send;
use super::super::sock::{close_begun, now};
use super::event::Event;
use super::state::first_close;
use super::table::{self, Note, find};

#[tracepoint]
fn plain_destroy(ctx: TracePointContext) -> u32 {
    let event = unsafe { Event::new(ctx.as_ptr().cast::<u8>()) };
    let sk = event.long(at::FREED_SK);
    if let Some(conn) = find(sk) {
        unsafe {
            if (*conn).old_state == 0 {
                if i32::from((*conn).state) == tcp::CLOSE {
                    close_begun(conn, (*conn).open_ns);
                } else {
                    missed(conn);
                }
            }
            (*conn).cookie = event.long(at::FREED_COOKIE);
            (*conn).polled_ns = now();
            // tcp_disconnect() forgets the peer: SO_LINGER 0, connect(AF_UNSPEC), a failed dial.
            if event.half(at::FREED_DPORT) == 0 {
                (*conn).flags |= flags::DISCONNECTED;
            }
            send(conn);
        }
        table::note(Note::Freed, sk, event.long(at::FREED_COOKIE));
        table::remove(sk);
    }
    0
}

/// The kernel skipped our program at the transition to CLOSE.
#[inline(always)]
unsafe fn missed(conn: *mut Conn) {
    unsafe {
        (*conn).old_state = (*conn).state;
        (*conn).flags |= flags::END_MISSED;
        first_close(conn);
        (*conn).end_ns = now();
    }
}
