//! `cgroup/connect4|6` on the table of the plain tier: see [`super::super::connect`].

use aya_ebpf::macros::cgroup_sock_addr;
use aya_ebpf::programs::SockAddrContext;
use tracer_ebpf::opened;

use super::super::connect::{ALLOW, on_begin};
use super::super::kernel::{AF_INET, AF_INET6, tcp};
use super::table::{self, By, find, number};

/// `connect()` to an IPv4 address.
#[cgroup_sock_addr(connect4)]
fn plain_connect4(ctx: SockAddrContext) -> i32 {
    begin(&ctx, AF_INET)
}

/// `connect()` to an IPv6 address, v4-mapped ones included.
#[cgroup_sock_addr(connect6)]
fn plain_connect6(ctx: SockAddrContext) -> i32 {
    begin(&ctx, AF_INET6)
}

#[inline(always)]
fn begin(ctx: &SockAddrContext, family: u16) -> i32 {
    unsafe {
        let sk = (*ctx.sock_addr).__bindgen_anon_1.sk;
        let key = number(sk.cast::<u8>(), By::Task);
        on_begin(ctx, family, find(key), || table::open(key, opened::ACTIVE, tcp::CLOSE));
    }
    ALLOW
}
