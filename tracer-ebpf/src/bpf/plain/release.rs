//! `cgroup/sock_release`: the last holder lets go of the socket, before the kernel closes it.

use aya_ebpf::macros::cgroup_sock;
use aya_ebpf::programs::SockContext;
use tracer_ebpf::{Conn, flags};

use super::super::connect::ALLOW;
use super::super::kernel::tcp;
use super::super::task::Holder;
use super::table::{By, find, number};

#[cgroup_sock(sock_release)]
fn plain_release(ctx: SockContext) -> i32 {
    if let Some(conn) = find(number(ctx.sock.cast::<u8>(), By::Task)) {
        unsafe { on_release(conn) };
    }
    ALLOW
}

#[inline(always)]
unsafe fn on_release(conn: *mut Conn) {
    unsafe {
        // After our FIN, or after the end, it says nothing about them.
        if (*conn).old_state == 0
            && matches!(
                i32::from((*conn).state),
                tcp::ESTABLISHED | tcp::CLOSE_WAIT | tcp::SYN_SENT | tcp::SYN_RECV
            )
        {
            (*conn).flags |= flags::SAW_RELEASE;
            let holder = Holder::current();
            holder.close(conn);
            if (*conn).owner_tgid == 0 {
                holder.own(conn);
                (*conn).flags |= flags::OWNER_AT_USE;
            }
        }
    }
}
