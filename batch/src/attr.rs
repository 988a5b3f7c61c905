//! The system call, its attribute and what it answers. All that is not safe is here.

use std::io;
use std::os::fd::{AsRawFd as _, BorrowedFd};

/// `enum bpf_cmd`.
const BPF_MAP_LOOKUP_BATCH: libc::c_int = 24;

/// The part of `union bpf_attr` for calls on batches.
#[repr(C)]
struct Attr {
    in_batch: u64,
    out_batch: u64,
    keys: u64,
    values: u64,
    count: u32,
    map_fd: u32,
    elem_flags: u64,
    flags: u64,
}

const _: () = assert!(size_of::<Attr>() == 56);

/// What one call gave.
pub(crate) struct Read {
    /// Entries written.
    pub(crate) count: usize,
    /// Where to go on.
    pub(crate) place: u64,
    /// There is nothing further.
    pub(crate) is_over: bool,
    /// Nothing was written: the next bucket holds more entries than there is room for.
    pub(crate) is_too_small: bool,
}

/// Reads the entries of a hash map that follow `place`; the first ones if it is `None`.
///
/// # Safety
/// `table` must be a hash map, not per CPU, of 8 byte keys and `VALUE` byte values.
pub(crate) unsafe fn lookup<const VALUE: usize>(
    table: BorrowedFd<'_>,
    place: Option<u64>,
    keys: &mut [u64],
    values: &mut [[u8; VALUE]],
) -> io::Result<Read> {
    let room = keys.len().min(values.len());
    let mut next = place.unwrap_or(0);
    let from = place.unwrap_or(0);
    let address = |pointer: *const u8| pointer.expose_provenance() as u64;
    let mut attr = Attr {
        in_batch: if place.is_some() { address((&raw const from).cast()) } else { 0 },
        out_batch: address((&raw mut next).cast_const().cast()),
        keys: address(keys.as_mut_ptr().cast_const().cast()),
        values: address(values.as_mut_ptr().cast_const().cast()),
        count: u32::try_from(room).unwrap_or(u32::MAX),
        map_fd: table.as_raw_fd().cast_unsigned(),
        elem_flags: 0,
        flags: 0,
    };
    // SAFETY: the kernel reads `attr`, of which it gets the size, and 4 bytes at `in_batch`, a word of
    // ours. It writes 4 bytes at `out_batch`, another one, the field `count` of `attr`, and at most
    // `count` keys and values: there is room for as many of each, of the sizes that the map has,
    // as the caller promises. All of it outlives the call, and nothing else holds a reference to it.
    let result = unsafe {
        libc::syscall(libc::SYS_bpf, BPF_MAP_LOOKUP_BATCH, &raw mut attr, size_of::<Attr>())
    };
    let count = (attr.count as usize).min(room);
    let read = Read { count, place: next, is_over: false, is_too_small: false };
    if result == 0 {
        return Ok(read);
    }
    let error = io::Error::last_os_error();
    match error.raw_os_error() {
        Some(libc::ENOENT) => Ok(Read { is_over: true, ..read }),
        Some(libc::ENOSPC) => Ok(Read { count: 0, is_too_small: true, ..read }),
        _ => Err(error),
    }
}
