//! Listeners that are being closed: the kernel closes the connections that wait to be accepted next.

use aya_ebpf::btf_maps::LruHashMap;
use aya_ebpf::helpers::bpf_get_current_pid_tgid;
use aya_ebpf::macros::btf_map;

use super::super::sock::now;

/// A listener that its task has just closed, by `pid_tgid`.
#[repr(C)]
#[derive(Clone, Copy)]
struct Unlistened {
    at_ns: u64,
    port: u64,
}

#[btf_map]
static UNLISTENED: LruHashMap<u64, Unlistened, 1024> = LruHashMap::new();

/// How long the closing of a listener may take: its task may be preempted between waiting connections.
/// What ends otherwise within that time, by the same task, and was accepted at this port before without
/// anybody having used it, would be told as never accepted.
const UNLISTEN_NS: u64 = 1_000_000_000;

/// LISTEN → CLOSE.
#[inline(always)]
pub(super) fn closed(port: u16) {
    let closed = Unlistened { at_ns: now(), port: u64::from(port) };
    // Full is no harm: then the oldest goes.
    let _evicts = UNLISTENED.insert(&bpf_get_current_pid_tgid(), &closed, 0);
}

/// Whether the current task is closing the listener of this port, which was there at this time.
#[inline(always)]
pub(super) fn is_closing(port: u16, opened_ns: u64) -> bool {
    UNLISTENED.get_ptr(&bpf_get_current_pid_tgid()).is_some_and(|closed| unsafe {
        (*closed).port == u64::from(port)
            && opened_ns <= (*closed).at_ns
            && now().wrapping_sub((*closed).at_ns) < UNLISTEN_NS
    })
}
