//! `sock/inet_sk_error_report` (5.14+): the error that the application will be told, by the addresses
//! of its connection. Since 6.10 it follows the end, before that it comes first.

use aya_ebpf::EbpfContext as _;
use aya_ebpf::macros::tracepoint;
use aya_ebpf::programs::TracePointContext;
use tracer_ebpf::{at, flags};

use super::super::kernel::IPPROTO_TCP;
use super::super::maps::send;
use super::event::Event;
use super::table::{self, Tuple, find};

#[tracepoint]
fn plain_error(ctx: TracePointContext) -> u32 {
    let event = unsafe { Event::new(ctx.as_ptr().cast::<u8>()) };
    let errno = event.word(at::ERROR_ERRNO);
    // A socket that was disconnected has no peer any more, and says nothing of its connection.
    if errno == 0
        || event.half(at::ERROR_PROTOCOL) != IPPROTO_TCP
        || event.half(at::ERROR_DPORT) == 0
    {
        return 0;
    }
    let tuple =
        Tuple::of(event, [at::ERROR_SADDR, at::ERROR_DADDR, at::ERROR_SPORT, at::ERROR_DPORT]);
    if let Some(conn) = table::end_of(&tuple, errno).and_then(find) {
        unsafe {
            if (*conn).old_state != 0 && (*conn).flags & flags::SENT == 0 {
                (*conn).sk_err = errno;
                send(conn);
            }
        }
    }
    0
}
