//! The wire ABI between the BPF programs (this package's binary) and userspace.
//!
//! It lives beside its producer, so that each field is defined once. Rules: `repr(C)`, unsigned
//! and signed integers and byte arrays only, no padding, native byte order, size and offsets
//! asserted at compile time. Userspace decodes it with bounds-checked reads; nothing transmutes it.
#![no_std]

mod conn;
mod events;
mod fields;
mod loss;

pub use conn::{Conn, first, flags, opened};
pub use events::{EVENT_COUNT, EVENT_FIELDS, EventField, at};
pub use fields::{FIELD_COUNT, FIELDS, Field, MISSING, off};
pub use loss::Loss;

/// Version of the layout below. Raised by any change of it; recorded files carry it.
pub const ABI_VERSION: u16 = 2;

/// `kind` of a [`Conn`]: one life of a TCP socket, sent once, when it ended.
pub const KIND_CONN: u16 = 1;
/// `kind` of a [`Late`]: a reset sent for a connection whose record is already out.
pub const KIND_LATE: u16 = 2;

/// Data arrived for a connection after we had closed it, and the kernel answered with a reset.
///
/// Rare (never per packet): the kernel frees the socket, or trades it for a time-wait one, after
/// the first such packet. Joined to its connection by `cookie`.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Late {
    /// [`KIND_LATE`].
    pub kind: u16,
    /// [`ABI_VERSION`].
    pub abi: u16,
    /// Size of this record in bytes.
    pub len: u32,
    /// Socket cookie of the connection it belongs to.
    pub cookie: u64,
    /// `CLOCK_MONOTONIC`, nanoseconds.
    pub at_ns: u64,
    /// Kernel reset reason as a number (`enum sk_rst_reason`), 0 if this kernel gives none.
    pub rst_reason: u32,
    /// Always 0.
    pub reserved: u32,
}

impl Late {
    /// Size of the record in bytes, as its header carries it.
    pub const LEN: u32 = 32;
}

const _: () = assert!(size_of::<Late>() == Late::LEN as usize);

/// A listening socket found by the seeding walk.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listener {
    /// Network namespace inode number.
    pub netns: u32,
    /// Port, host order.
    pub port: u32,
}

const _: () = assert!(size_of::<Listener>() == 8);

/// Names that the loader and the programs share.
pub mod names {
    /// Read-only global: `[u16; FIELD_COUNT]`, byte offsets of [`super::FIELDS`].
    pub const OFFSETS: &str = "OFFSETS";
    /// Read-only global: `[u16; EVENT_COUNT]`, byte offsets of [`super::EVENT_FIELDS`].
    pub const EVENTS: &str = "EVENTS";
    /// Read-only global: `u8`, 1 if `sock/inet_sk_error_report` is attached with them.
    pub const SEES_ERRORS: &str = "SEES_ERRORS";
    /// Read-only global: `u8`, 1 if tracing programs may call `bpf_get_current_task_btf` and
    /// `bpf_task_pt_regs`.
    pub const HAVE_TASK: &str = "HAVE_TASK";
    /// Read-only global: `u8`, 1 if they may call `bpf_get_socket_cookie`.
    pub const HAVE_COOKIE: &str = "HAVE_COOKIE";
    /// Read-only global: `u32`, thread group id of tracer itself as the kernel has it, 0 if unknown.
    pub const OWN_TGID: &str = "OWN_TGID";
    /// Hash map: `struct sock *` as `u64` → [`super::Conn`].
    pub const CONNS: &str = "CONNS";
    /// The same for the plain programs, allocated at once: before 6.1 the kernel warns of tracepoint
    /// programs whose table grows on demand.
    pub const PLAIN_CONNS: &str = "PLAIN_CONNS";
    /// Ring buffer of [`super::Conn`] and [`super::Late`].
    pub const RECORDS: &str = "RECORDS";
    /// Iterator program over the TCP sockets of the reader's network namespace.
    pub const POLL: &str = "poll";
    /// Iterator program over all open files: seeds the table, and writes a [`super::Listener`] for
    /// each listening socket.
    pub const SEED: &str = "seed";
    /// Per-CPU array: [`super::Loss`] → `u64` count.
    pub const LOST: &str = "LOST";
    /// Per-CPU hash: process → `u64` connections of it in [`LOST`].
    pub const LOST_OF: &str = "LOST_OF";
}
