//! `tcp/tcp_rcv_space_adjust`: runs per application read, in the reader's task. It counts exchanges
//! and names the owner of sockets that nobody here dialled.

use aya_ebpf::EbpfContext as _;
use aya_ebpf::macros::tracepoint;
use aya_ebpf::programs::TracePointContext;
use tracer_ebpf::{Conn, at, flags, opened};

use super::super::kernel::tcp;
use super::super::maps::{refuse, was_full};
use super::super::sock::now;
use super::super::task::{set_owner, tgid};
use super::event::Event;
use super::table::{self, Tuple, find};

#[tracepoint]
fn plain_read(ctx: TracePointContext) -> u32 {
    unsafe { on_read(Event::new(ctx.as_ptr().cast::<u8>())) };
    0
}

#[inline(always)]
unsafe fn on_read(event: Event) {
    unsafe {
        let sk = event.long(at::READ_SK);
        let Some(conn) = find(sk).or_else(|| unseen(event, sk)) else { return };
        if (*conn).flags & flags::SENT != 0 {
            return;
        }
        if (*conn).owner_tgid == 0 {
            set_owner(conn);
            (*conn).flags |= flags::OWNER_AT_USE;
        }
        if (*conn).cookie == 0 {
            (*conn).cookie = event.long(at::READ_COOKIE);
        }
        (*conn).polled_ns = now();
        if (*conn).flags & flags::COUNTERS == 0 {
            // What is written is not told: each read may be one.
            (*conn).exchanges += 1;
            return;
        }
        let first_request = (*conn).opened == opened::PASSIVE && (*conn).exchanges == 0;
        if (*conn).write_seq != (*conn).polled_write_seq || first_request {
            (*conn).write_seq = (*conn).polled_write_seq;
            (*conn).exchanges += 1;
            // Answered, though after our half-close.
            (*conn).flags &= !flags::WRITE_PENDING;
        }
    }
}

/// There before us: followed from its first read on. What the peer has closed, too: that no field
/// tells.
#[inline(always)]
unsafe fn unseen(event: Event, sk: u64) -> Option<*mut Conn> {
    if sk == 0 || was_full() {
        return None;
    }
    let conn = match table::open(sk, opened::PREEXISTING, tcp::ESTABLISHED) {
        Ok(conn) => conn,
        Err(errno) => {
            refuse(errno, tgid());
            return None;
        }
    };
    let ends = [at::READ_SADDR, at::READ_DADDR, at::READ_SPORT, at::READ_DPORT];
    unsafe { Tuple::of(event, ends).write_to(conn) };
    Some(conn)
}
