//! What totals and findings are about.

use std::net::SocketAddr;

use crate::connection::Role;
use crate::process::ProcessId;

/// Who behaves so.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Who {
    /// One process.
    Process(ProcessId),
    /// Many short-lived processes of one executable (path, or `comm` where the path is unknown)
    /// and control group.
    Executable {
        /// Path or `comm`.
        name: String,
        /// Control group path, if known.
        cgroup: Option<String>,
    },
    /// Nobody is known.
    Unknown,
    /// Everything beyond the bound on the number of keys.
    Other,
}

/// Process × role × destination, within one network namespace.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key {
    /// Who.
    pub who: Who,
    /// Which end; `None` for connections that were there before us.
    pub role: Option<Role>,
    /// The destination; `None` only for [`Who::Other`].
    pub destination: Option<SocketAddr>,
    /// Network namespace inode number.
    pub netns: u32,
}
