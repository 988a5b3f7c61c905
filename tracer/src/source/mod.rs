//! Stage 2: where wire bytes come from: the kernel, or a file recorded earlier. Both yield the
//! same inputs, so that the same bytes give the same findings.

mod chunk;
mod drain;
mod entry;
mod file;
mod frame;
mod kernel;
mod namespaces;
mod net_files;
mod pace;
mod polling;
mod priority;
mod queue;
mod table;
mod unseen;

pub use chunk::Chunk;
pub use drain::Reading;
pub use file::{Error as FileError, Reader, Writer};
pub use kernel::{Error as KernelError, Kernel};
pub use priority::Priority;

use tracer_ebpf::Loss;

/// Kernel-side losses so far, by [`Loss`].
pub type Lost = [u64; Loss::COUNT as usize];

/// Kernel-side losses of one process so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LostOf {
    /// Thread group id; 0 for connections that nobody is known to own.
    pub tgid: u32,
    /// Its connections for which the table or the ring had no room.
    pub connections: u64,
}

/// What tracer itself could not keep up with so far, in userspace.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dropped {
    /// Ended connections for whose records the queue to the judge had no room.
    pub connections: u64,
    /// The same of facts that came after a connection's record.
    pub late: u64,
}

impl Dropped {
    /// Stable names of its counts, in the order of [`Self::counts`].
    pub const NAMES: [&str; 2] = ["queue_full", "late_queue_full"];

    /// Its counts.
    #[must_use]
    pub const fn counts(self) -> [u64; 2] {
        [self.connections, self.late]
    }

    fn add(&mut self, other: Self) {
        self.connections += other.connections;
        self.late += other.late;
    }
}

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
    /// How many of them were connections of one process.
    LostOf(LostOf),
    /// Losses of tracer itself so far; a recording without them knows of none.
    Dropped(Dropped),
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
