//! `cgroup/sock_release`: the last holder lets go of the socket, before the kernel closes it.

use aya_ebpf::btf_maps::LruHashMap;
use aya_ebpf::helpers::bpf_get_current_pid_tgid;
use aya_ebpf::macros::{btf_map, cgroup_sock};
use aya_ebpf::programs::SockContext;
use tracer_ebpf::{Conn, flags};

use super::super::connect::ALLOW;
use super::super::kernel::{IPPROTO_TCP, tcp};
use super::super::task::Holder;
use super::state::close_by;
use super::table::{By, find, number};

/// The socket without an entry that a task let go of last, by `pid_tgid`: one that was there before us
/// gets its entry next.
#[btf_map]
static RELEASED: LruHashMap<u64, u64, 1024> = LruHashMap::new();

#[cgroup_sock(sock_release)]
fn plain_release(ctx: SockContext) -> i32 {
    unsafe {
        if (*ctx.sock).protocol == u32::from(IPPROTO_TCP) {
            let sk = number(ctx.sock.cast::<u8>(), By::Task);
            if let Some(conn) = find(sk) {
                on_release(conn);
            } else {
                // Full is no harm: then the oldest goes.
                let _evicts = RELEASED.insert(&bpf_get_current_pid_tgid(), &sk, 0);
            }
        }
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
            close_by(conn, &Holder::current());
        }
    }
}

/// Whether the current task is letting go of a socket that had no entry.
#[inline(always)]
pub(super) fn was_released(sk: u64) -> bool {
    RELEASED.get_ptr(&bpf_get_current_pid_tgid()).is_some_and(|released| unsafe { *released == sk })
}
