//! How kernel memory is read, and the numbers the kernel uses.
//!
//! A BTF-typed argument may be read with a plain load at a constant offset: cheaper than
//! `bpf_probe_read_kernel`, checked by the verifier, and allowed under every lockdown mode. The
//! offset is constant because read-only globals are frozen before the program is verified.

use core::ptr;

use aya_ebpf::helpers::{bpf_probe_read_kernel, bpf_skc_to_tcp_sock};
use tracer_ebpf::{FIELD_COUNT, MISSING};

/// Offsets of `tracer_ebpf::FIELDS`, patched by the loader. Not zero, to stay out of `.bss`.
#[unsafe(no_mangle)]
static OFFSETS: [u16; FIELD_COUNT] = [MISSING; FIELD_COUNT];
/// 1 if this kernel lets tracing programs call `bpf_get_current_task_btf` and `bpf_task_pt_regs`
/// (5.15+).
#[unsafe(no_mangle)]
static HAVE_TASK: u8 = 1;
/// 1 if it lets them call `bpf_get_socket_cookie` (5.12+).
#[unsafe(no_mangle)]
static HAVE_COOKIE: u8 = 1;

/// Thread group id of tracer itself, 0 if it is not known. Not zero, to stay out of `.bss`.
#[unsafe(no_mangle)]
static OWN_TGID: u32 = u32::MAX;

/// Whether a process is tracer itself.
#[inline(always)]
pub(super) fn is_ourselves(tgid: u32) -> bool {
    // SAFETY: reads a plain number; volatile, because the loader changes it after compilation.
    tgid == unsafe { ptr::read_volatile(&raw const OWN_TGID) }
}

/// Byte offset of a field.
#[inline(always)]
pub(super) fn offset(field: usize) -> usize {
    // SAFETY: `field` is one of `tracer_ebpf::off`, all below `FIELD_COUNT`. Volatile, because the
    // loader changes the value after compilation.
    usize::from(unsafe { ptr::read_volatile((&raw const OFFSETS).cast::<u16>().add(field)) })
}

macro_rules! facility {
    ($name:ident, $global:ident) => {
        /// Whether the facility may be used; a call behind `false` is pruned before it is checked.
        #[inline(always)]
        pub(super) fn $name() -> bool {
            // SAFETY: reads a plain byte; volatile for the same reason as above.
            unsafe { ptr::read_volatile(&raw const $global) != 0 }
        }
    };
}
pub(super) use facility;
facility!(have_task, HAVE_TASK);
facility!(have_cookie, HAVE_COOKIE);

/// Whether this kernel has an optional field.
#[inline(always)]
pub(super) fn has(field: usize) -> bool {
    offset(field) != usize::from(MISSING)
}

/// Reads field `field` of the BTF-typed object at `base`.
///
/// # Safety
/// `base` must be a pointer the verifier knows the type of, and not NULL.
#[inline(always)]
pub(super) unsafe fn load<T: Copy>(base: *const u8, field: usize) -> T {
    unsafe { ptr::read_volatile(base.add(offset(field)).cast::<T>()) }
}

/// Reads 16 bytes as two words, the widest load the verifier accepts.
///
/// # Safety
/// As [`load`].
#[inline(always)]
pub(super) unsafe fn load16(base: *const u8, field: usize) -> [u64; 2] {
    unsafe {
        let at = base.add(offset(field)).cast::<u64>();
        [ptr::read_volatile(at), ptr::read_volatile(at.add(1))]
    }
}

/// The local port of a socket, in both kinds of programs.
pub(super) trait Port {
    /// Host order, 0 if it cannot be read.
    ///
    /// # Safety
    /// `sk` must be the `struct sock *` the hook was called with.
    unsafe fn sport(sk: *const u8) -> u16;
}

/// BTF-typed programs.
pub(super) struct Typed;
/// kprobes: arguments are plain numbers.
pub(super) struct Probed;

impl Port for Typed {
    #[inline(always)]
    unsafe fn sport(sk: *const u8) -> u16 {
        // Everything past `struct sock` is only readable through this helper.
        let tp = unsafe { bpf_skc_to_tcp_sock(sk.cast_mut().cast()) }.cast::<u8>().cast_const();
        if tp.is_null() {
            return 0;
        }
        u16::from_be(unsafe { load(tp, tracer_ebpf::off::SPORT) })
    }
}

impl Port for Probed {
    #[inline(always)]
    unsafe fn sport(sk: *const u8) -> u16 {
        let at = unsafe { sk.add(offset(tracer_ebpf::off::SPORT)) }.cast::<u16>();
        unsafe { bpf_probe_read_kernel(at) }.map_or(0, u16::from_be)
    }
}

/// TCP states, `include/net/tcp_states.h`.
pub(super) mod tcp {
    pub(in super::super) const ESTABLISHED: i32 = 1;
    pub(in super::super) const SYN_SENT: i32 = 2;
    pub(in super::super) const SYN_RECV: i32 = 3;
    pub(in super::super) const FIN_WAIT1: i32 = 4;
    pub(in super::super) const FIN_WAIT2: i32 = 5;
    pub(in super::super) const TIME_WAIT: i32 = 6;
    pub(in super::super) const CLOSE: i32 = 7;
    pub(in super::super) const CLOSE_WAIT: i32 = 8;
    pub(in super::super) const LAST_ACK: i32 = 9;
    pub(in super::super) const LISTEN: i32 = 10;
    pub(in super::super) const CLOSING: i32 = 11;
    pub(in super::super) const NEW_SYN_RECV: i32 = 12;
}

pub(super) const AF_INET: u16 = 2;
pub(super) const AF_INET6: u16 = 10;
pub(super) const IPPROTO_TCP: u16 = 6;
pub(super) const IPPROTO_MPTCP: u16 = 262;
/// `task_struct.flags`.
pub(super) const PF_EXITING: u32 = 0x0000_0004;
pub(super) const PF_KTHREAD: u32 = 0x0020_0000;
/// `signal_struct.flags`.
pub(super) const SIGNAL_GROUP_EXIT: u32 = 0x0000_0004;
pub(super) const ECONNABORTED: u32 = 103;
pub(super) const EINPROGRESS: i32 = 115;
/// `sk_shutdown`: both directions.
pub(super) const SHUTDOWN_MASK: u8 = 3;
/// `sk_shutdown`: sending direction.
pub(super) const SEND_SHUTDOWN: u8 = 2;
/// Bits of `sk_flags`, `enum sock_flags`.
pub(super) const SOCK_DEAD: u64 = 1 << 0;
pub(super) const SOCK_DONE: u64 = 1 << 1;
pub(super) const SOCK_KEEPOPEN: u64 = 1 << 3;
pub(super) const SOCK_LINGER: u64 = 1 << 4;
