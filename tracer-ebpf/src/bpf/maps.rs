//! Every map, and how entries come and go.

use core::hint::cold_path;

use aya_ebpf::bindings::{BPF_F_NO_PREALLOC, BPF_RB_NO_WAKEUP};
use aya_ebpf::btf_maps::{Array, HashMap, LruHashMap, LruPerCpuHashMap, PerCpuArray, RingBuf};
use aya_ebpf::macros::btf_map;
use tracer_ebpf::{Conn, Late, Loss, flags};

use super::mptcp::Tuple;
use super::task::Holder;

/// `struct sock *` → the connection it carries now.
///
/// Inserted when a connection opens, or when one that was there before us is first seen; deleted
/// when the kernel frees the socket. Read in place by userspace. When it is full the connection
/// is not traced, and counted in [`LOST`]. Not preallocated: it costs what the host has open.
#[btf_map]
pub(super) static CONNS: HashMap<u64, Conn, 262_144, { BPF_F_NO_PREALLOC as usize }> =
    HashMap::new();

/// Ended connections on their way to userspace, which drains it on a timer: a wakeup per record
/// costs more than all the rest. When it is full the record is lost, and counted in [`LOST`].
#[btf_map]
pub(super) static RECORDS: RingBuf<Conn, 8_388_608> = RingBuf::new();

/// What is so from some moment on, 0 or 1. First: the table was full, or memory was short; from then on
/// a socket without an entry may be one that was refused, so it is not taken for one that was there
/// before us. Second, [`WALKED`].
#[btf_map]
static FULL: Array<u32, 2> = Array::new();
const WALKED: u32 = 1;

/// Code of the exits of tasks, by `pid_tgid`: where a program cannot read the current task.
#[btf_map]
pub(super) static EXITS: LruHashMap<u64, i32, 4096> = LruHashMap::new();

/// Closers of MPTCP connections: their subflows are closed later, by the kernel.
#[btf_map]
pub(super) static MPTCP: LruHashMap<Tuple, Holder, 4096> = LruHashMap::new();

/// The socket that a task is in `connect()` with, by `pid_tgid`: for return probes.
#[btf_map]
pub(super) static CONNECTING: LruHashMap<u64, u64, 4096> = LruHashMap::new();

/// Count per [`Loss`], per CPU: no contention, never reset.
#[btf_map]
static LOST: PerCpuArray<u64, { Loss::COUNT as usize }> = PerCpuArray::new();

/// Connections in [`LOST`] per process that dialled or used them, 0 for those that nobody is known to
/// own. Nothing is written here but at a loss. Full, it forgets the oldest: userspace tells what is
/// then missing from the sum.
#[btf_map]
static LOST_OF: LruPerCpuHashMap<u32, u64, 1024> = LruPerCpuHashMap::new();

/// The table's entry for a socket.
#[inline(always)]
pub(super) fn find(sk: u64) -> Option<*mut Conn> {
    CONNS.get_ptr_mut(&sk)
}

/// Counts one loss.
#[inline(always)]
pub(super) fn lose(why: Loss) {
    if let Some(count) = LOST.get_ptr_mut(why as u32) {
        // A slot of this CPU; a softirq that interrupts the addition may lose one count.
        unsafe { *count += 1 };
    }
}

/// Counts one loss of a connection of the process `tgid`, 0 if it is not known.
#[inline(always)]
pub(super) fn lose_of(why: Loss, tgid: u32) {
    lose(why);
    if let Some(count) = LOST_OF.get_ptr_mut(&tgid) {
        unsafe { *count += 1 };
    } else {
        // Of this CPU; the others begin at 0.
        let _evicts = LOST_OF.insert(&tgid, &1, 0);
    }
}

/// What an insert returns, negated: there is an entry and there was to be none, the map is full.
const EEXIST: i32 = 17;
const E2BIG: i32 = 7;
const EBUSY: i32 = 16;
/// The same from locks that give up (6.15+).
const EDEADLK: i32 = 35;
const ETIMEDOUT: i32 = 110;

/// A connection of the process `tgid`, 0 if it is not known, that got no entry, and what the insert
/// returned. Up to 6.6 a bucket is marked as taken before interrupts are off: whoever interrupts the
/// task in between is told that it is busy. Anything else is short memory.
#[inline(always)]
pub(super) fn refuse(errno: i32, tgid: u32) {
    cold_path();
    // Another program has just entered it.
    if errno == -EEXIST {
        return;
    }
    let why = match -errno {
        E2BIG => Loss::TableFull,
        EBUSY | EDEADLK | ETIMEDOUT => Loss::TableBusy,
        _ => Loss::NoMemory,
    };
    if let Some(full) = FULL.get_ptr_mut(0) {
        unsafe { *full = 1 };
    }
    lose_of(why, tgid);
}

/// The first walk over all sockets is over: what is open was entered, or counted as refused.
#[inline(always)]
pub(super) fn mark_walked() {
    if let Some(walked) = FULL.get_ptr_mut(WALKED) {
        unsafe { *walked = 1 };
    }
}

/// Whether it is.
#[inline(always)]
pub(super) fn was_walked() -> bool {
    FULL.get_ptr(WALKED).is_some_and(|walked| unsafe { *walked != 0 })
}

/// Whether the table ever was full.
#[inline(always)]
pub(super) fn was_full() -> bool {
    FULL.get_ptr(0).is_some_and(|full| unsafe { *full != 0 })
}

/// Sends the record of an ended connection, once.
///
/// # Safety
/// `conn` must come from [`find`].
#[inline(always)]
pub(super) unsafe fn send(conn: *mut Conn) {
    unsafe {
        if (*conn).flags & flags::SENT != 0 {
            return;
        }
        (*conn).flags |= flags::SENT;
        if RECORDS.output_untyped::<Conn>(&*conn, u64::from(BPF_RB_NO_WAKEUP)).is_err() {
            cold_path();
            lose_of(Loss::RingFull, (*conn).owner_tgid);
        }
    }
}

/// Sends a fact that came after its connection's record.
#[inline(always)]
pub(super) fn send_late(late: &Late) {
    if RECORDS.output_untyped::<Late>(late, u64::from(BPF_RB_NO_WAKEUP)).is_err() {
        lose(Loss::LateRingFull);
    }
}
