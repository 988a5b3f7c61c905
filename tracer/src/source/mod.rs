//! Stage 2: where wire bytes come from: the kernel, or a file recorded earlier. Both yield the
//! same inputs, so that the same bytes give the same findings.

mod chunk;
mod file;
mod frame;
mod kernel;
mod namespaces;

pub use chunk::Chunk;
pub use file::{Error as FileError, Reader, Writer};
pub use kernel::Kernel;

use tracer_ebpf::Loss;

/// Kernel-side losses so far, by [`Loss`].
pub type Lost = [u64; Loss::COUNT as usize];

/// One thing a source yields, in the order in which the next stages need it: within an interval,
/// records and snapshot entries in any order, then losses and identities, then the tick.
///
/// Bytes are those of whoever holds them, as a rule a [`Chunk`]: an input costs no allocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input<'a> {
    /// Bytes from the ring buffer.
    Record(&'a [u8]),
    /// Bytes of one table entry of the snapshot taken at the tick that follows.
    Live(&'a [u8]),
    /// Kernel-side losses so far.
    Lost(Lost),
    /// A process first seen in this interval, as a JSON object: recorded files only.
    Identity(&'a str),
    /// The interval ends.
    Tick {
        /// When the snapshot was begun, monotonic nanoseconds.
        now_ns: u64,
        /// No further input follows.
        is_last: bool,
    },
}
