//! Stage 4: who owns a connection. A process is its thread group id *and* its start time.

mod budget;
mod cgroup;
mod container;
mod groups;
mod identity_json;
mod namespace;
mod pods;
mod runtime;
mod scan;
mod table;

use std::net::SocketAddr;
use std::path::PathBuf;

pub(crate) use container::{container_id, container_runtime, pod_uid};
pub use namespace::sees_kernel_pids;
pub use pods::Pod;
pub use runtime::{Runtime, RuntimeKind};
pub use scan::{Scan, scan};
pub use table::{Lookup, Table};

/// One process, safe against PID reuse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ProcessId {
    /// Thread group id in the initial PID namespace.
    pub pid: u32,
    /// Start time, nanoseconds since boot; 0 where the kernel could not be asked.
    pub start_ns: u64,
}

/// What is known of a process; unknown is a value, not an error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Which process.
    pub id: ProcessId,
    /// `comm` of the thread group leader, taken in the kernel when it dialled.
    pub comm: String,
    /// Its pid within the innermost PID namespace it is in, where that is another than `id.pid`.
    pub vpid: Option<u32>,
    /// Executable path, if the process still lived when it was looked up.
    pub exe: Option<PathBuf>,
    /// Command line, if it was asked for, the same way: arguments may hold secrets.
    pub command: Option<String>,
    /// Control group path, the same way, or by the number that the kernel noted.
    pub cgroup: Option<String>,
    /// What Kubernetes calls its container, where this host is a node that tells.
    pub pod: Option<Pod>,
    /// What runs its network code, the same way; `None` also if it is nothing known.
    pub runtime: Option<Runtime>,
}

/// A connection that was there before us, and whose it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// Inode number of its network namespace.
    pub netns: u32,
    /// Its own address, IPv4-mapped ones as IPv4.
    pub local: SocketAddr,
    /// The other end's.
    pub peer: SocketAddr,
    /// The one process that holds it; `None` if several do, or none that can be named.
    pub holder: Option<Holder>,
}

/// A process that holds a socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// Which process.
    pub id: ProcessId,
    /// Its `comm`.
    pub comm: String,
}
