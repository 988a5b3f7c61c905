//! Whether the pids that the kernel tells are those of our /proc.

use std::os::unix::fs::MetadataExt as _;

/// Inode number of the initial PID namespace, the same on every host.
const INITIAL: u64 = 0xEFFF_FFFC;

/// Whether we are in the initial PID namespace. In another one /proc shows other processes under the
/// numbers that the kernel tells. Where there is no /proc nothing can be mistaken.
#[must_use]
pub fn sees_kernel_pids() -> bool {
    std::fs::metadata("/proc/self/ns/pid").map_or(true, |namespace| namespace.ino() == INITIAL)
}
