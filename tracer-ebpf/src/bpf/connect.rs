//! Dials that may end before a SYN: `cgroup/connect4|6` see them begin, the return of
//! `tcp_v4_connect` and `tcp_v6_connect` tells how. Both are optional.

use aya_ebpf::EbpfContext as _;
use aya_ebpf::helpers::{
    bpf_get_current_cgroup_id, bpf_get_current_comm, bpf_get_current_pid_tgid,
    bpf_get_socket_cookie,
};
use aya_ebpf::macros::{cgroup_sock_addr, fexit, kprobe, kretprobe};
use aya_ebpf::programs::{FExitContext, ProbeContext, RetProbeContext, SockAddrContext};
use tracer_ebpf::{Conn, flags, opened};

use super::kernel::{AF_INET, AF_INET6, EINPROGRESS, IPPROTO_TCP, tcp};
use super::maps::{CONNECTING, CONNS, find, send};
use super::sock;
use super::task::{set_owner, tgid};

/// What a cgroup program returns to let the call go on.
pub(super) const ALLOW: i32 = 1;

/// `connect()` to an IPv4 address.
#[cgroup_sock_addr(connect4)]
fn connecting4(ctx: SockAddrContext) -> i32 {
    let key = unsafe { (*ctx.sock_addr).__bindgen_anon_1.sk } as u64;
    unsafe { on_begin(&ctx, AF_INET, find(key), || sock::blank(key, sock::ANY)) };
    ALLOW
}

/// `connect()` to an IPv6 address, v4-mapped ones included.
#[cgroup_sock_addr(connect6)]
fn connecting6(ctx: SockAddrContext) -> i32 {
    let key = unsafe { (*ctx.sock_addr).__bindgen_anon_1.sk } as u64;
    unsafe { on_begin(&ctx, AF_INET6, find(key), || sock::blank(key, sock::ANY)) };
    ALLOW
}

/// Makes the entry that CLOSE → SYN_SENT completes, with `blank`, unless the one `before` is in use.
/// The network namespace is not readable here.
#[inline(always)]
pub(super) unsafe fn on_begin(
    ctx: &SockAddrContext,
    family: u16,
    before: Option<*mut Conn>,
    blank: impl FnOnce() -> Result<*mut Conn, i32>,
) {
    unsafe {
        let addr = ctx.sock_addr;
        if (*addr).protocol != u32::from(IPPROTO_TCP) {
            return;
        }
        let cookie = bpf_get_socket_cookie(ctx.as_ptr());
        let mut reopened = 0;
        if let Some(before) = before {
            if (*before).old_state == 0 && i32::from((*before).state) != tcp::CLOSE {
                // connect() of a socket that is connecting or connected.
                return;
            }
            // A socket that has dialled before: its record may wait for us.
            sock::close_begun(before, (*before).open_ns);
            send(before);
            if cookie != 0 && (*before).cookie == cookie {
                reopened = flags::REOPENED;
            }
        }
        // CLOSE → SYN_SENT tries again, and counts it if there is still no room.
        let Ok(conn) = blank() else { return };
        (*conn).opened = opened::ACTIVE;
        (*conn).state = tcp::CLOSE as u8;
        (*conn).flags |= reopened;
        (*conn).open_ns = sock::now();
        (*conn).cookie = cookie;
        (*conn).family = family;
        (*conn).dport = u16::from_be((*addr).user_port as u16);
        if family == AF_INET {
            *(&raw mut (*conn).daddr).cast::<u32>() = (*addr).user_ip4;
        } else {
            let to = (&raw mut (*conn).daddr).cast::<u32>();
            // One by one: the verifier rewrites each load of the context.
            to.write((*addr).user_ip6[0]);
            to.add(1).write((*addr).user_ip6[1]);
            to.add(2).write((*addr).user_ip6[2]);
            to.add(3).write((*addr).user_ip6[3]);
        }
        (*conn).owner_tgid = tgid();
        (*conn).owner_cgroup = bpf_get_current_cgroup_id();
        (*conn).owner_comm = bpf_get_current_comm().unwrap_or_default();
    }
}

macro_rules! returned {
    ($fexit:ident, $again:ident, $enter:ident, $leave:ident, $function:literal) => {
        /// Arguments: `struct sock *sk, struct sockaddr *uaddr, int addr_len`.
        #[fexit(function = $function)]
        fn $fexit(ctx: FExitContext) -> i32 {
            let sk: *const u8 = ctx.arg(0);
            unsafe { on_return(sk as u64, ctx.arg(3), |conn| sock::netns(conn, sk)) };
            0
        }

        /// The second copy, see [`super::copies`].
        #[fexit(function = $function)]
        fn $again(ctx: FExitContext) -> i32 {
            let sk: *const u8 = ctx.arg(0);
            unsafe { on_return(sk as u64, ctx.arg(3), |conn| sock::netns(conn, sk)) };
            0
        }

        /// The same point as a pair of probes: this one keeps the socket for the other.
        #[kprobe]
        fn $enter(ctx: ProbeContext) -> u32 {
            if let Some(sk) = ctx.arg::<u64>(0) {
                // Full is no harm: then the oldest goes.
                let _evicts = CONNECTING.insert(&bpf_get_current_pid_tgid(), &sk, 0);
            }
            0
        }

        /// The other.
        #[kretprobe]
        fn $leave(ctx: RetProbeContext) -> u32 {
            let key = bpf_get_current_pid_tgid();
            if let Some(sk) = CONNECTING.get_ptr(&key) {
                unsafe { on_return(*sk, ctx.ret::<u64>() as i32, |_| {}) };
                let _it_is_there = CONNECTING.remove(&key);
            }
            0
        }
    };
}
returned!(connected4_fe, connected4_fe_again, connecting4_kp, connected4_kp, "tcp_v4_connect");
returned!(connected6_fe, connected6_fe_again, connecting6_kp, connected6_kp, "tcp_v6_connect");

/// The SYN is out, or the dial has failed without an answer. `place` adds what is read of the socket.
#[inline(always)]
unsafe fn on_return(sk: u64, ret: i32, place: impl FnOnce(*mut Conn)) {
    if ret >= 0 || ret == -EINPROGRESS {
        return;
    }
    let Some(conn) = find(sk) else { return };
    unsafe {
        if (*conn).flags & flags::SENT != 0 {
            return;
        }
        (*conn).connect_errno = -ret as u32;
        if i32::from((*conn).state) == tcp::CLOSE && (*conn).old_state == 0 {
            set_owner(conn);
            place(conn);
            sock::close_begun(conn, sock::now());
            send(conn);
            // The application keeps the socket; the next dial begins anew.
            let _it_is_there = CONNS.remove(&sk);
        } else if i32::from((*conn).old_state) == tcp::SYN_SENT {
            send(conn);
        }
    }
}
