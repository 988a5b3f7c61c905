//! MPTCP: the application holds one socket (protocol 262), the kernel carries it on TCP subflows
//! that a worker of its own closes later. So whoever closes the first is remembered for the others.
//!
//! No helper that BTF-typed programs may call leads from one to the other; but the application's
//! socket has the addresses of its first subflow.

use tracer_ebpf::off;

use super::kernel::{AF_INET6, has, have_task, load, load16, tcp};
use super::maps::MPTCP;
use super::sock;
use super::task::Holder;

/// Addresses of a connection.
#[repr(C)]
#[derive(Clone, Copy)]
pub(super) struct Tuple {
    daddr: [u64; 2],
    netns: u32,
    /// Host order.
    sport: u16,
    /// Network order.
    dport: u16,
}

impl Tuple {
    #[inline(always)]
    unsafe fn of(sk: *const u8) -> Self {
        unsafe {
            let net: *const u8 = load(sk, off::NET);
            Self {
                daddr: if load::<u16>(sk, off::FAMILY) == AF_INET6 {
                    load16(sk, off::DADDR6)
                } else {
                    [u64::from(load::<u32>(sk, off::DADDR)), 0]
                },
                netns: load(net, off::NETNS),
                sport: load(sk, off::NUM),
                dport: load(sk, off::DPORT),
            }
        }
    }
}

/// A transition of the application's socket.
///
/// # Safety
/// `sk` must be typed.
#[inline(always)]
pub(super) unsafe fn on_state(sk: *const u8, new: i32) {
    let is_closing = matches!(new, tcp::FIN_WAIT1 | tcp::LAST_ACK | tcp::CLOSE);
    if !have_task() || !is_closing {
        return;
    }
    unsafe {
        let holder = Holder::current().kept();
        if sock::owned_by_task(sk) && !holder.is_kernel() {
            // Full is no harm: then the oldest goes.
            let _evicts = MPTCP.insert(&Tuple::of(sk), &holder, 0);
        }
    }
}

/// Whether a TCP socket is a subflow.
///
/// # Safety
/// `tp` must be typed.
#[inline(always)]
pub(super) unsafe fn is_subflow(tp: *const u8) -> bool {
    has(off::IS_MPTCP) && unsafe { load::<u8>(tp, off::IS_MPTCP) != 0 }
}

/// Who closed the application's socket of a subflow.
///
/// # Safety
/// `sk` must be typed.
#[inline(always)]
pub(super) unsafe fn closer(sk: *const u8) -> Option<*const Holder> {
    MPTCP.get_ptr(&unsafe { Tuple::of(sk) })
}
