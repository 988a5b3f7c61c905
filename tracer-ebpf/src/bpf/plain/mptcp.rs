//! MPTCP: the application holds one socket (protocol 262), whose transitions are shown too; a worker of
//! the kernel closes the TCP subflows later. They have the same addresses.

use aya_ebpf::bindings::BPF_NOEXIST;
use aya_ebpf::btf_maps::LruHashMap;
use aya_ebpf::macros::btf_map;

use super::super::kernel::tcp;
use super::super::task::Holder;
use super::table::Tuple;

/// Who closed the application's socket.
#[btf_map]
static MPTCP_CLOSERS: LruHashMap<Tuple, Holder, 4096> = LruHashMap::new();

/// A transition of the application's socket.
#[inline(always)]
pub(super) fn on_state(ends: &Tuple, new: i32) {
    if matches!(new, tcp::FIN_WAIT1 | tcp::LAST_ACK | tcp::CLOSE) {
        // The first is the application's; later ones may be the kernel's.
        let holder = Holder::current().kept();
        let _is_there = MPTCP_CLOSERS.insert(ends, &holder, u64::from(BPF_NOEXIST));
    }
}

/// Who closed the application's socket of a subflow, if it is one.
#[inline(always)]
pub(super) fn closer(ends: &Tuple) -> Option<*const Holder> {
    MPTCP_CLOSERS.get_ptr(ends)
}

/// Forgets a connection that has ended: another may have its addresses.
#[inline(always)]
pub(super) fn forget(ends: &Tuple) {
    let _most_are_not_there = MPTCP_CLOSERS.remove(ends);
}
