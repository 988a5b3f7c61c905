//! How a tracepoint's record is read: at the offset that this kernel's format file gives.
//!
//! The verifier takes offsets into a program's context only as part of the instruction itself, and
//! the compiler joins loads that differ only there. So each candidate is an instruction of its own,
//! written as such; the read-only global that chooses is a constant to the verifier, which removes
//! all others.

use core::arch::asm;
use core::ptr;

use tracer_ebpf::{EVENT_COUNT, MISSING};

use super::super::kernel::facility;

/// Offsets of `tracer_ebpf::EVENT_FIELDS`, patched by the loader.
#[unsafe(no_mangle)]
static EVENTS: [u16; EVENT_COUNT] = [MISSING; EVENT_COUNT];
/// 1 if `inet_sk_error_report` is attached (5.14+).
#[unsafe(no_mangle)]
static SEES_ERRORS: u8 = 1;
facility!(sees_errors, SEES_ERRORS);

/// Byte offset of a field.
#[inline(always)]
fn offset(field: usize) -> u16 {
    // SAFETY: `field` is one of `tracer_ebpf::at`, all below `EVENT_COUNT`. Volatile, because the
    // loader changes the value after compilation.
    unsafe { ptr::read_volatile((&raw const EVENTS).cast::<u16>().add(field)) }
}

/// The record of one event: the program's context.
#[derive(Clone, Copy)]
pub(super) struct Event(*const u8);

/// The value of `field`, by one instruction for each offset that it may have.
macro_rules! load {
    ($event:ident, $field:ident, $load:literal, $($at:literal)*) => {{
        let value: u64;
        match offset($field) {
            // SAFETY: the verifier checks each load against the size of the record.
            $($at => unsafe {
                asm!($load, value = out(reg) value, ctx = in(reg) $event.0, at = const $at,
                    options(nostack));
            })*
            _ => value = 0,
        }
        value
    }};
}

/// The same for an address, which the kernel aligns to 2 bytes only.
macro_rules! load_address {
    ($event:ident, $field:ident, $($at:literal)*) => {{
        let (a, b, c, d): (u64, u64, u64, u64);
        match offset($field) {
            // SAFETY: as above.
            $($at => unsafe {
                asm!(
                    "{a} = *(u16 *)({ctx} + {at} + 2)", "{a} <<= 16",
                    "{t} = *(u16 *)({ctx} + {at})", "{a} |= {t}",
                    "{b} = *(u16 *)({ctx} + {at} + 6)", "{b} <<= 16",
                    "{t} = *(u16 *)({ctx} + {at} + 4)", "{b} |= {t}",
                    "{c} = *(u16 *)({ctx} + {at} + 10)", "{c} <<= 16",
                    "{t} = *(u16 *)({ctx} + {at} + 8)", "{c} |= {t}",
                    "{d} = *(u16 *)({ctx} + {at} + 14)", "{d} <<= 16",
                    "{t} = *(u16 *)({ctx} + {at} + 12)", "{d} |= {t}",
                    a = out(reg) a, b = out(reg) b, c = out(reg) c, d = out(reg) d,
                    t = out(reg) _, ctx = in(reg) $event.0, at = const $at, options(nostack),
                );
            })*
            _ => (a, b, c, d) = (0, 0, 0, 0),
        }
        [a as u32, b as u32, c as u32, d as u32]
    }};
}

impl Event {
    /// # Safety
    /// `ctx` must be the context of a tracepoint program, unmodified.
    #[inline(always)]
    pub(super) const unsafe fn new(ctx: *const u8) -> Self {
        Self(ctx)
    }

    /// A field of 8 bytes; 0 if this kernel's record has none.
    #[inline(always)]
    pub(super) fn long(self, field: usize) -> u64 {
        load!(self, field, "{value} = *(u64 *)({ctx} + {at})", 8 16 24 32 40 48 56 64 72)
    }

    /// A field of 4 bytes, the same way.
    #[inline(always)]
    pub(super) fn word(self, field: usize) -> u32 {
        load!(self, field, "{value} = *(u32 *)({ctx} + {at})", 8 12 16 20 24 28 32 36 40 44 48)
            as u32
    }

    /// A field of 2 bytes, the same way.
    #[inline(always)]
    pub(super) fn half(self, field: usize) -> u16 {
        load!(self, field, "{value} = *(u16 *)({ctx} + {at})",
            8 10 12 14 16 18 20 22 24 26 28 30 32 34 36 38 40 42 44 46 48) as u16
    }

    /// An address of 16 bytes in network order, IPv4 as a mapped one.
    #[inline(always)]
    pub(super) fn address(self, field: usize) -> [u32; 4] {
        load_address!(self, field,
            20 22 24 26 28 30 32 34 36 38 40 42 44 46 48 50 52 54 56 58 60 62 64)
    }
}
