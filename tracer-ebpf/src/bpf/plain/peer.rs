//! `cgroup/getpeername4|6`: runs in `accept()` too, where it is asked for the peer's address, and so
//! names the owner of a connection before it reads or writes.

use aya_ebpf::macros::cgroup_sock_addr;
use aya_ebpf::programs::SockAddrContext;
use tracer_ebpf::opened;

use super::super::connect::ALLOW;
use super::super::task::set_owner;
use super::table::{By, find, number};

/// IPv4.
#[cgroup_sock_addr(getpeername4)]
fn plain_peer4(ctx: SockAddrContext) -> i32 {
    on_peer(&ctx)
}

/// IPv6, v4-mapped addresses included.
#[cgroup_sock_addr(getpeername6)]
fn plain_peer6(ctx: SockAddrContext) -> i32 {
    on_peer(&ctx)
}

#[inline(always)]
fn on_peer(ctx: &SockAddrContext) -> i32 {
    unsafe {
        let sk = (*ctx.sock_addr).__bindgen_anon_1.sk;
        if let Some(conn) = find(number(sk.cast::<u8>(), By::Task))
            && (*conn).opened == opened::PASSIVE
            && (*conn).owner_tgid == 0
        {
            set_owner(conn);
        }
    }
    ALLOW
}
