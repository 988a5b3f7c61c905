//! Facts about the current task. Callers make sure it is the one that acts: in a softirq
//! `current` is whoever was interrupted.

use aya_ebpf::helpers::{
    bpf_get_current_cgroup_id, bpf_get_current_comm, bpf_get_current_pid_tgid,
    bpf_get_current_task_btf, bpf_task_pt_regs,
};
use tracer_ebpf::{Conn, flags, off};

use super::kernel::{have_task, load, load16};

/// Thread group id of the current task.
#[inline(always)]
pub(super) fn tgid() -> u32 {
    (bpf_get_current_pid_tgid() >> 32) as u32
}

/// The current task as a typed pointer; only behind [`have_task`].
#[inline(always)]
fn task() -> *const u8 {
    unsafe { bpf_get_current_task_btf() }.cast::<u8>().cast_const()
}

/// Start time and `comm` of the current thread group leader: threads and `io_uring` workers rename
/// themselves, the leader's name is the process's.
#[inline(always)]
fn leader() -> (u64, [u8; 16]) {
    if !have_task() {
        return (0, bpf_get_current_comm().unwrap_or_default());
    }
    unsafe {
        let leader: *const u8 = load(task(), off::TASK_LEADER);
        let comm = load16(leader, off::TASK_COMM);
        (load(leader, off::TASK_START), core::mem::transmute::<[u64; 2], [u8; 16]>(comm))
    }
}

/// Makes the current process the owner.
///
/// # Safety
/// `conn` must be valid for writes.
#[inline(always)]
pub(super) unsafe fn set_owner(conn: *mut Conn) {
    let (start, comm) = leader();
    unsafe {
        (*conn).owner_tgid = tgid();
        (*conn).owner_start_ns = start;
        (*conn).owner_cgroup = bpf_get_current_cgroup_id();
        (*conn).owner_comm = comm;
    }
}

/// Makes the process of another task the owner: the one that holds the descriptor.
///
/// # Safety
/// `conn` must be valid for writes, `task` typed.
#[inline(always)]
pub(super) unsafe fn set_holder(conn: *mut Conn, task: *const u8) {
    unsafe {
        let leader: *const u8 = load(task, off::TASK_LEADER);
        (*conn).owner_tgid = load(task, off::TASK_TGID);
        (*conn).owner_start_ns = load(leader, off::TASK_START);
        (*conn).owner_comm =
            core::mem::transmute::<[u64; 2], [u8; 16]>(load16(leader, off::TASK_COMM));
    }
}

/// Makes the current process the closer, with what it was doing.
///
/// # Safety
/// `conn` must be valid for writes.
#[inline(always)]
pub(super) unsafe fn set_closer(conn: *mut Conn) {
    let (start, comm) = leader();
    unsafe {
        (*conn).closer_tgid = tgid();
        (*conn).closer_start_ns = start;
        (*conn).closer_comm = comm;
        if have_task() {
            let task = task();
            let signal: *const u8 = load(task, off::TASK_SIGNAL);
            let regs = bpf_task_pt_regs(task.cast_mut().cast()) as *const u8;
            (*conn).close_task_flags = load(task, off::TASK_FLAGS);
            (*conn).exit_code = load(signal, off::EXIT_CODE);
            // The low half is the number on little-endian; -1 in a kernel thread stays negative.
            (*conn).close_nr = load::<u64>(regs, off::SYSCALL_NR) as i32;
            (*conn).flags |= flags::TASK_FACTS;
        }
    }
}
