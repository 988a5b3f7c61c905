//! Facts about the current task. Callers make sure it is the one that acts: in a softirq
//! `current` is whoever was interrupted.

use aya_ebpf::helpers::{
    bpf_get_current_cgroup_id, bpf_get_current_comm, bpf_get_current_pid_tgid,
    bpf_get_current_task_btf, bpf_task_pt_regs,
};
use tracer_ebpf::{Conn, flags, off};

use super::kernel::{
    PF_EXITING, PF_KTHREAD, SIGNAL_GROUP_EXIT, have_task, is_ourselves, load, load16,
};
use super::maps::EXITS;

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

/// A process, and what it was doing when it let go of a socket.
#[repr(C)]
#[derive(Clone, Copy)]
pub(super) struct Holder {
    start_ns: u64,
    /// 0 if it is the current process's: asked for only if it is to be the owner.
    cgroup: u64,
    comm: [u8; 16],
    tgid: u32,
    nr: i32,
    task_flags: u32,
    exit_code: i32,
    /// Of [`tracer_ebpf::flags`]: which of the above are known.
    flags: u32,
    reserved: u32,
}

impl Holder {
    /// The current process.
    #[inline(always)]
    pub(super) fn current() -> Self {
        let (start_ns, comm) = leader();
        let mut holder = Self {
            start_ns,
            comm,
            cgroup: 0,
            tgid: tgid(),
            nr: 0,
            task_flags: 0,
            exit_code: 0,
            flags: 0,
            reserved: 0,
        };
        if have_task() {
            holder.flags = flags::TASK_FACTS;
            unsafe { holder.read_task(task()) };
        } else if let Some(code) = EXITS.get_ptr(&bpf_get_current_pid_tgid()) {
            holder.flags = flags::EXITING;
            holder.exit_code = unsafe { *code };
        }
        holder
    }

    /// The same, to be kept until another task acts for it.
    #[inline(always)]
    pub(super) fn kept(mut self) -> Self {
        self.cgroup = unsafe { bpf_get_current_cgroup_id() };
        self
    }

    /// Whether it is tracer.
    #[inline(always)]
    pub(super) fn is_ourselves(&self) -> bool {
        is_ourselves(self.tgid)
    }

    /// Whether it is that process.
    #[inline(always)]
    pub(super) const fn is(&self, tgid: u32) -> bool {
        self.tgid == tgid
    }

    /// Whether it is a thread of the kernel's own.
    #[inline(always)]
    pub(super) const fn is_kernel(&self) -> bool {
        self.task_flags & PF_KTHREAD != 0
    }

    #[inline(always)]
    unsafe fn read_task(&mut self, task: *const u8) {
        unsafe {
            self.task_flags = load(task, off::TASK_FLAGS);
            let regs = bpf_task_pt_regs(task.cast_mut().cast()) as *const u8;
            // The low half is the number on little-endian; -1 in a kernel thread stays negative.
            self.nr = load::<u64>(regs, off::SYSCALL_NR) as i32;
            if self.task_flags & PF_EXITING != 0 {
                self.flags |= flags::EXITING;
                self.exit_code = exit_code(task);
            }
        }
    }

    /// Makes it the owner.
    ///
    /// # Safety
    /// `conn` must be valid for writes.
    #[inline(always)]
    pub(super) unsafe fn own(&self, conn: *mut Conn) {
        unsafe {
            (*conn).owner_tgid = self.tgid;
            (*conn).owner_start_ns = self.start_ns;
            (*conn).owner_cgroup =
                if self.cgroup == 0 { bpf_get_current_cgroup_id() } else { self.cgroup };
            (*conn).owner_comm = self.comm;
        }
    }

    /// Makes it the closer, with what it was doing.
    ///
    /// # Safety
    /// `conn` must be valid for writes.
    #[inline(always)]
    pub(super) unsafe fn close(&self, conn: *mut Conn) {
        unsafe {
            (*conn).closer_tgid = self.tgid;
            (*conn).closer_start_ns = self.start_ns;
            (*conn).closer_comm = self.comm;
            (*conn).close_task_flags = self.task_flags;
            (*conn).close_nr = self.nr;
            (*conn).exit_code = self.exit_code;
            (*conn).flags |= self.flags;
        }
    }
}

/// What `wait()` will tell of an exiting task: the code of the whole group where one was given (by
/// a signal or `exit_group()`), else the task's own. Before 5.17 a process of one thread has no code
/// of the group.
///
/// # Safety
/// `task` must be typed.
#[inline(always)]
pub(super) unsafe fn exit_code(task: *const u8) -> i32 {
    unsafe {
        let signal: *const u8 = load(task, off::TASK_SIGNAL);
        // Both are read in any case: a load that may be of either has no one type.
        let (of_group, own): (i32, i32) =
            (load(signal, off::EXIT_CODE), load(task, off::TASK_EXIT_CODE));
        let is_group_exit = load::<u32>(signal, off::SIGNAL_FLAGS) & SIGNAL_GROUP_EXIT != 0;
        if is_group_exit { of_group } else { own }
    }
}

/// Makes the current process the owner.
///
/// # Safety
/// `conn` must be valid for writes.
#[inline(always)]
pub(super) unsafe fn set_owner(conn: *mut Conn) {
    unsafe {
        (*conn).owner_tgid = tgid();
        (*conn).owner_cgroup = bpf_get_current_cgroup_id();
        set_owner_facts(conn);
    }
}

/// Tells of the owner, which is the current process, what its number and control group do not.
///
/// # Safety
/// `conn` must be valid for writes.
#[inline(always)]
pub(super) unsafe fn set_owner_facts(conn: *mut Conn) {
    let (start, comm) = leader();
    unsafe {
        (*conn).owner_start_ns = start;
        (*conn).owner_comm = comm;
    }
}

/// Whether the owner is known by its number only: as the dial begins, nothing else can be read.
///
/// # Safety
/// `conn` must be an entry.
#[inline(always)]
pub(super) unsafe fn lacks_owner_facts(conn: *const Conn) -> bool {
    have_task() && unsafe { (*conn).owner_start_ns == 0 && (*conn).owner_tgid != 0 }
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
