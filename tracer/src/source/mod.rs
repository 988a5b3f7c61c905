//! Stage 2: where wire bytes come from: the kernel, or a file recorded earlier. Both yield the
//! same inputs, so that the same bytes give the same findings.

mod file;
mod kernel;
mod namespaces;

pub use file::{Error as FileError, Reader, Writer};
pub use kernel::Kernel;

use tracer_ebpf::Loss;

/// Kernel-side losses so far, by [`Loss`].
pub type Lost = [u64; Loss::COUNT as usize];

/// One thing a source yields, in the order in which the next stages need it: within an interval,
/// records and snapshot entries in any order, then losses and identities, then the tick.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// Bytes from the ring buffer.
    Record(Vec<u8>),
    /// Bytes of one table entry of the snapshot taken at the tick that follows.
    Live(Vec<u8>),
    /// Kernel-side losses so far.
    Lost(Lost),
    /// A process first seen in this interval, as a JSON object: recorded files only.
    Identity(String),
    /// The interval ends.
    Tick {
        /// When the snapshot was begun, monotonic nanoseconds.
        now_ns: u64,
        /// No further input follows.
        is_last: bool,
    },
}
