//! `sched/sched_process_exit` and `sched/sched_process_fork`: which tasks are exiting. By which
//! signal or code these tracepoints do not tell.

use aya_ebpf::EbpfContext as _;
use aya_ebpf::helpers::bpf_get_current_pid_tgid;
use aya_ebpf::macros::tracepoint;
use aya_ebpf::programs::TracePointContext;
use tracer_ebpf::at;

use super::super::maps::EXITS;
use super::super::task::tgid;
use super::event::Event;

/// Runs in the task itself, before it lets go of its files.
#[tracepoint]
fn plain_exiting(_ctx: TracePointContext) -> u32 {
    // Full is no harm: then the oldest goes.
    let _evicts = EXITS.insert(&bpf_get_current_pid_tgid(), &0, 0);
    0
}

/// Runs in the parent. A new task may have the number of one that exited: as a new process, or as a
/// new thread of the parent.
#[tracepoint]
fn plain_forked(ctx: TracePointContext) -> u32 {
    let event = unsafe { Event::new(ctx.as_ptr().cast::<u8>()) };
    let pid = u64::from(event.word(at::FORKED_PID));
    let _most_are_not_there = EXITS.remove(&(pid << 32 | pid));
    let _most_are_not_there = EXITS.remove(&(u64::from(tgid()) << 32 | pid));
    0
}
