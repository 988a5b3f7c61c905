//! `inet_csk_accept`: the process that accepts a connection owns it, before it reads or writes.

use aya_ebpf::macros::{fexit, kretprobe};
use aya_ebpf::programs::{FExitContext, RetProbeContext};
use tracer_ebpf::opened;

use super::maps::find;
use super::task::set_owner;

macro_rules! accepted {
    ($name:ident, $arguments:literal) => {
        #[fexit(function = "inet_csk_accept")]
        fn $name(ctx: FExitContext) -> i32 {
            // What the function returns comes after its arguments.
            unsafe { on_accept(ctx.arg::<*const u8>($arguments) as u64) };
            0
        }
    };
}
// Before 6.10: `struct sock *inet_csk_accept(struct sock *sk, int flags, int *err, bool kern)`. A
// kernel with fewer arguments refuses it. Twice, see [`super::copies`].
accepted!(accepted_of_four, 4);
accepted!(accepted_of_four_again, 4);
// Since 6.10: `struct sock *inet_csk_accept(struct sock *sk, struct proto_accept_arg *arg)`.
accepted!(accepted_of_two, 2);
accepted!(accepted_of_two_again, 2);

/// The same point as a kretprobe.
#[kretprobe]
fn accepted_kp(ctx: RetProbeContext) -> u32 {
    unsafe { on_accept(ctx.ret::<u64>()) };
    0
}

/// `sk` is what the function returned, 0 if it failed.
#[inline(always)]
unsafe fn on_accept(sk: u64) {
    if let Some(conn) = find(sk) {
        unsafe {
            if (*conn).opened == opened::PASSIVE && (*conn).owner_tgid == 0 {
                set_owner(conn);
            }
        }
    }
}
