//! Exits of tasks, for kernels whose programs cannot read the current task (before 5.15): the
//! typed argument of these tracepoints tells what `current` does not.

use aya_ebpf::macros::btf_tracepoint;
use aya_ebpf::programs::BtfTracePointContext;
use tracer_ebpf::off;

use super::kernel::{has, load};
use super::maps::EXITS;
use super::task::exit_code;

/// First argument: `struct task_struct *p`. Runs before the task lets go of its files.
#[btf_tracepoint(function = "sched_process_exit")]
fn exiting(ctx: BtfTracePointContext) -> i32 {
    let task: *const u8 = ctx.arg(0);
    unsafe {
        // Another thread calls exec(): it ends all the others, and takes the number of the leader.
        let signal: *const u8 = load(task, off::TASK_SIGNAL);
        if has(off::EXEC_TASK) && load::<u64>(signal, off::EXEC_TASK) != 0 {
            return 0;
        }
        // Full is no harm: then the oldest goes.
        let _evicts = EXITS.insert(&pid_tgid(task), &exit_code(task), 0);
    }
    0
}

/// Arguments: `struct task_struct *parent, struct task_struct *child`. A new task may have the
/// number of one that exited.
#[btf_tracepoint(function = "sched_process_fork")]
fn forked(ctx: BtfTracePointContext) -> i32 {
    let child: *const u8 = ctx.arg(1);
    let _most_are_not_there = EXITS.remove(&unsafe { pid_tgid(child) });
    0
}

/// As `bpf_get_current_pid_tgid` gives it.
#[inline(always)]
unsafe fn pid_tgid(task: *const u8) -> u64 {
    unsafe {
        let (tgid, pid): (u32, u32) = (load(task, off::TASK_TGID), load(task, off::TASK_PID));
        u64::from(tgid) << 32 | u64::from(pid)
    }
}
