//! `tcp_connect` and `tcp_close`: what only these functions tell, early. Optional: fentry where the kernel
//! lets it, else kprobe, else nothing, and the records lack these facts.

use aya_ebpf::macros::{fentry, kprobe};
use aya_ebpf::programs::{FEntryContext, ProbeContext};
use tracer_ebpf::flags;

use super::kernel::{Port, Probed, Typed, tcp};
use super::maps::find;

/// `int tcp_connect(struct sock *sk)`
#[fentry(function = "tcp_connect")]
fn tcp_connect_fe(ctx: FEntryContext) -> i32 {
    unsafe { on_connect::<Typed>(ctx.arg(0)) };
    0
}

/// The same point as a kprobe.
#[kprobe]
fn tcp_connect_kp(ctx: ProbeContext) -> u32 {
    if let Some(sk) = ctx.arg(0) {
        unsafe { on_connect::<Probed>(sk) };
    }
    0
}

/// `void tcp_close(struct sock *sk, long timeout)`
#[fentry(function = "tcp_close")]
fn tcp_close_fe(ctx: FEntryContext) -> i32 {
    unsafe { on_close(ctx.arg(0)) };
    0
}

/// The same point as a kprobe.
#[kprobe]
fn tcp_close_kp(ctx: ProbeContext) -> u32 {
    if let Some(sk) = ctx.arg(0) {
        unsafe { on_close(sk) };
    }
    0
}

/// The SYN is about to go out: the port is chosen.
#[inline(always)]
unsafe fn on_connect<P: Port>(sk: *const u8) {
    unsafe {
        if let Some(conn) = find(sk as u64) {
            (*conn).sport = P::sport(sk);
        }
    }
}

/// The application lets go of the socket. After our FIN is out this says nothing about it.
#[inline(always)]
unsafe fn on_close(sk: *const u8) {
    unsafe {
        if let Some(conn) = find(sk as u64)
            && matches!(
                i32::from((*conn).state),
                tcp::ESTABLISHED | tcp::CLOSE_WAIT | tcp::SYN_SENT
            )
        {
            (*conn).flags |= flags::SAW_CLOSE;
        }
    }
}
