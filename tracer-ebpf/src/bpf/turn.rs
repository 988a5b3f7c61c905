//! Two copies of one program, and which of them acts.
//!
//! Kernels from 6.1 on skip a tracing program that is running on the CPU already: a softirq that
//! interrupts a task within our program would lose its event. So each program that both contexts
//! run is attached twice. The copies run one after the other; a softirq that interrupts one finds
//! the other free, and nothing nests deeper: softirqs do not interrupt each other. Programs that do
//! no harm when they run twice need nothing more; the others ask here.

use aya_ebpf::btf_maps::PerCpuArray;
use aya_ebpf::macros::btf_map;
use tracer_ebpf::turn::{FREE, OFF};

/// Events between the two copies, of one program on one CPU. Userspace sets both to [`FREE`] once both
/// copies are attached.
#[repr(C)]
struct Turn {
    /// The first copy has handled it and the second has not seen it.
    between: u64,
    /// The same of a softirq that came in between.
    nested: u64,
}

#[btf_map]
static TURNS: PerCpuArray<Turn, 2> = PerCpuArray::new();

/// Programs that must act once.
#[derive(Clone, Copy)]
pub(super) enum Program {
    State = 0,
    SendReset = 1,
}

/// What happens, in one word: the socket, and its new state where that is what happens. The verifier
/// allows no arithmetic on an address but the distance to another one.
#[inline(always)]
fn event(turn: *mut Turn, sk: *const u8, state: i32) -> u64 {
    (sk as u64).wrapping_sub(turn as u64) ^ ((state as u64) << 56)
}

/// Whether the copy that runs first is to act: unless tracing has not begun.
#[inline(always)]
pub(super) fn first(program: Program, sk: *const u8, state: i32) -> bool {
    let Some(turn) = TURNS.get_ptr_mut(program as u32) else { return false };
    let event = event(turn, sk, state);
    unsafe {
        match (*turn).between {
            OFF => return false,
            FREE => *turn = Turn { between: event, nested: FREE },
            // We interrupted a task between its two copies.
            _ => (*turn).nested = event,
        }
    }
    true
}

/// Whether the copy that runs second is to act: only if the kernel skipped the first.
#[inline(always)]
pub(super) fn second(program: Program, sk: *const u8, state: i32) -> bool {
    let Some(turn) = TURNS.get_ptr_mut(program as u32) else { return false };
    let event = event(turn, sk, state);
    unsafe {
        if (*turn).between == event {
            (*turn).between = FREE;
            return false;
        }
        if (*turn).nested == event {
            (*turn).nested = FREE;
            return false;
        }
        (*turn).between != OFF
    }
}
