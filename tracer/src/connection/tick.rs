//! What this stage hands on: everything that happened in one interval.

use super::record::Connection;

/// One interval, from the previous tick (exclusive) to `now_ns` (inclusive). Complete: every
/// connection opened in it is either in `ended` or in `live`.
#[derive(Clone, Debug, Default)]
pub struct Tick {
    /// End of the interval, monotonic nanoseconds.
    pub now_ns: u64,
    /// All that ended in the interval, in the order of their ends.
    pub ended: Vec<Connection>,
    /// All that are open at `now_ns`.
    pub live: Vec<Connection>,
}
