//! Stage 8: writes what earlier stages found, for people ([`table`]) and machines ([`json`]).
//!
//! A sink formats and writes. It must not judge, count or read a clock: every number it prints was
//! handed to it with its basis.

pub mod json;
pub mod table;
#[cfg(test)]
pub(crate) mod testing;

use std::io;

use crate::aggregate::{Key, PeerTotals, Totals};
use crate::bounds::Evictions;
use crate::clock::Clock;
use crate::connection::{Close, Connection};
use crate::detect::{self, Finding, State};
use crate::process::Identity;

/// Where and by which clock everything was observed; the same for a whole run or recording.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// Host name.
    pub host: String,
    /// From record times to wall time.
    pub clock: Clock,
}

/// How well the observation itself goes.
#[derive(Clone, Debug, PartialEq)]
pub struct Health {
    /// When this was read, monotonic nanoseconds.
    pub at_ns: u64,
    /// Hook → `attached:<kind>`, `unsupported`, `refused:<errno>` or `failed:<why>`.
    pub hooks: Vec<(String, String)>,
    /// Name of the tier that the attached hooks make up.
    pub tier: String,
    /// What the thread that reads the ring runs at: `realtime`, `normal` or `refused:<errno>`; `None` if
    /// a recording does not tell.
    pub reader: Option<String>,
    /// Share of the connections that was seen; `None` if none was lost.
    pub seen_share: Option<f64>,
    /// Longest time between two looks at what is open, over the window of the verdicts, seconds; `None`
    /// before the first interval has ended.
    pub interval_s: Option<f64>,
    /// Lines of this output that were dropped, for they were not read or written in time.
    pub unwritten: u64,
    /// The same by output, where there may be several.
    pub unwritten_by_output: Vec<(String, u64)>,
    /// Reason → records that could not be kept or delivered; zeros too, they were counted.
    pub lost: Vec<(String, u64)>,
    /// Processes whose connections the kernel side had no room for: those that lost most, most first.
    pub lost_of: Vec<LostConnections>,
    /// Tables of userspace that were full, and what did not fit.
    pub evicted: Evictions,
    /// Kind → records that could not be decoded.
    pub decode_errors: Vec<(String, u64)>,
    /// Connections tracked now.
    pub connections_tracked: u64,
    /// Late data reports that found no connection: not lost records, but facts without an owner.
    pub late_unjoined: u64,
    /// Version of `tracer`.
    pub version: String,
    /// Kernel release, as `uname -r`.
    pub kernel: String,
}

/// Connections of one process for which the kernel side had no room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LostConnections {
    /// Thread group id, as the kernel has it; `None` for those that nobody is known to own.
    pub pid: Option<u32>,
    /// Its name, if it is known.
    pub comm: Option<String>,
    /// How many.
    pub connections: u64,
}

impl Health {
    /// Records lost, over all reasons.
    #[must_use]
    pub fn lost_total(&self) -> u64 {
        self.lost.iter().map(|(_, count)| count).sum()
    }

    /// Records not decoded, over all kinds.
    #[must_use]
    pub fn decode_errors_total(&self) -> u64 {
        self.decode_errors.iter().map(|(_, count)| count).sum()
    }

    /// Whether nothing is missing, neither from the counts nor from what was printed.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.is_complete() && self.unwritten == 0
    }

    /// Whether nothing that was to be counted is missing from the counts.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.lost_total() == 0 && self.evicted.of_counts() == 0 && self.decode_errors_total() == 0
    }
}

/// A connection that ended.
#[derive(Clone, Copy, Debug)]
pub struct Ended<'a> {
    connection: &'a Connection,
    close: &'a Close,
    identity: Option<&'a Identity>,
}

impl<'a> Ended<'a> {
    /// `None` if the connection is still open. `identity` is its owner's, where known.
    #[must_use]
    pub fn new(connection: &'a Connection, identity: Option<&'a Identity>) -> Option<Self> {
        Some(Self { connection, close: connection.close()?, identity })
    }
}

/// Totals of one key over a window.
#[derive(Clone, Copy, Debug)]
pub struct Summary<'a> {
    /// End of the window, monotonic nanoseconds.
    pub at_ns: u64,
    /// Length of the window, seconds.
    pub window_s: f64,
    /// What the totals are of.
    pub key: &'a Key,
    /// The totals.
    pub totals: &'a Totals,
    /// The process of the key, where it is one and known.
    pub identity: Option<&'a Identity>,
}

/// Totals of one peer address over a window, as the server sees it.
#[derive(Clone, Copy, Debug)]
pub struct PeerSummary<'a> {
    /// End of the window, monotonic nanoseconds.
    pub at_ns: u64,
    /// Length of the window, seconds.
    pub window_s: f64,
    /// Whose totals, and these.
    pub peer: &'a PeerTotals,
}

/// A finding, with the process it is about.
#[derive(Clone, Copy, Debug)]
pub struct Verdict<'a> {
    /// When it was judged, monotonic nanoseconds.
    pub at_ns: u64,
    /// What became of it; `None` in the report at the end.
    pub state: Option<State>,
    /// The finding.
    pub finding: &'a Finding,
    /// The process of its key, where it is one and known.
    pub identity: Option<&'a Identity>,
}

/// A verdict that too little was seen for, with the process it is about.
#[derive(Clone, Copy, Debug)]
pub struct NotEnough<'a> {
    /// When it was judged, monotonic nanoseconds.
    pub at_ns: u64,
    /// What there is too little of.
    pub lack: &'a detect::NotEnough,
    /// The process of its key, where it is one and known.
    pub identity: Option<&'a Identity>,
}

/// Anything a sink can write.
#[derive(Clone, Copy, Debug)]
pub enum Item<'a> {
    /// How well the observation goes.
    Health(&'a Health),
    /// One ended connection.
    Connection(Ended<'a>),
    /// Totals of one key.
    Summary(Summary<'a>),
    /// Totals of one peer address.
    Peer(PeerSummary<'a>),
    /// One finding.
    Finding(Verdict<'a>),
    /// Too little for a finding.
    NotEnough(NotEnough<'a>),
}

/// Takes items in the order of the output contract.
///
/// Errors are those of the writer beneath, unchanged: a closed pipe is
/// [`io::ErrorKind::BrokenPipe`], by which the caller ends quietly.
pub trait Sink {
    /// Writes one item, or keeps it for [`Sink::finish`].
    fn write(&mut self, item: &Item<'_>) -> io::Result<()>;

    /// Hands everything written so far to the reader.
    fn flush(&mut self) -> io::Result<()>;

    /// Writes what was kept until the end, and flushes.
    fn finish(&mut self) -> io::Result<()> {
        self.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::testing;
    use super::*;
    use crate::bounds::Evicted;

    #[test]
    fn an_open_connection_is_not_an_ended_one() {
        assert!(Ended::new(&testing::open_connection(), None).is_none());
        assert!(Ended::new(&testing::closed_connection(), None).is_some());
    }

    #[test]
    fn any_loss_makes_the_counts_incomplete() {
        let whole = testing::health();
        assert!(whole.is_complete());
        let mut lost = whole.clone();
        lost.lost[0].1 = 1;
        let mut evicted = whole.clone();
        evicted.evicted.add(Evicted::Keys, 1);
        let mangled = Health { decode_errors: vec![("short".into(), 1)], ..whole };
        assert!(![lost, evicted, mangled].iter().any(Health::is_complete));
    }
}
