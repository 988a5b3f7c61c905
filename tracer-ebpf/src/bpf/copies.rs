//! Several copies of one program, so that no event is lost.
//!
//! Kernels from 6.1 on skip a tracing program that is running on the CPU already: a softirq that
//! interrupts a task within our program would lose its event, and so would, on kernels that preempt
//! tasks within tracepoints (7.x), another task. So such programs are attached more than once. The
//! copies run one after the other: what interrupts one finds another free. Every copy does all the
//! work, in a way that doing it twice changes nothing; this file only saves them the time.

use aya_ebpf::btf_maps::PerCpuArray;
use aya_ebpf::macros::btf_map;

/// Per CPU and program: the event that a copy has handled last, 0 if all have seen it. Whatever comes
/// between two copies may overwrite it, and the next copy then works for nothing.
#[btf_map]
static HANDLED: PerCpuArray<u64, 3> = PerCpuArray::new();

/// Programs with copies.
#[derive(Clone, core::marker::Copy)]
pub(super) enum Program {
    State = 0,
    SendReset = 1,
    Read = 2,
}

/// Which copy of a program runs.
#[derive(Clone, core::marker::Copy, PartialEq, Eq)]
pub(super) enum Copy {
    First,
    Middle,
    Last,
}

/// What happens, in one word: the socket, and its new state where that is what happens. The verifier
/// allows no arithmetic on an address but the distance to another one.
#[inline(always)]
fn event(slot: *mut u64, sk: *const u8, state: i32) -> u64 {
    (sk as u64).wrapping_sub(slot as u64) ^ ((state as u64) << 56)
}

/// Lets one copy `work` on an event, unless another has. The last forgets it: the same may happen
/// again.
#[inline(always)]
pub(super) fn once(
    program: Program,
    copy: Copy,
    (sk, state): (*const u8, i32),
    work: impl FnOnce(),
) {
    let Some(slot) = HANDLED.get_ptr_mut(program as u32) else { return };
    let event = event(slot, sk, state);
    unsafe {
        // The first copy finds here what the last could not forget, as the kernel skipped it.
        if copy != Copy::First && *slot == event {
            if copy == Copy::Last {
                *slot = 0;
            }
            return;
        }
        work();
        *slot = if copy == Copy::Last { 0 } else { event };
    }
}
