//! The record of one connection: value of the kernel's table while it lives, wire record at its end.
//!
//! It holds *facts* in the kernel's own words and units; naming the cause of the close is
//! userspace's work, so that it can be tested and replayed. Zero means "not seen" throughout.

use core::mem::offset_of;

/// One life of a TCP socket between dial or accept and its end.
///
/// Times are `CLOCK_MONOTONIC` nanoseconds; byte and segment counts are the kernel's raw counters
/// (userspace takes SYN and FIN out of them).
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conn {
    /// [`crate::KIND_CONN`].
    pub kind: u16,
    /// [`crate::ABI_VERSION`].
    pub abi: u16,
    /// Size of this record in bytes.
    pub len: u32,
    /// Socket cookie; 0 where the kernel could not be asked. Unique per socket, not per connection.
    pub cookie: u64,
    /// Dial (CLOSE → SYN_SENT) or, passive, handshake completed (SYN_RECV → ESTABLISHED).
    pub open_ns: u64,
    /// Reached ESTABLISHED; 0 if never.
    pub established_ns: u64,
    /// First close transition: FIN of either side, or the abort itself.
    pub first_close_ns: u64,
    /// Transition to CLOSE.
    pub end_ns: u64,
    /// When the table was last refreshed from the open socket; 0 if never. With [`flags::PLAIN`]:
    /// while open, the last read or acknowledgement; after the end, when the socket was freed.
    pub polled_ns: u64,
    /// `start_boottime` of the owner's thread group leader, nanoseconds since boot.
    pub owner_start_ns: u64,
    /// `start_boottime` of the closer's thread group leader.
    pub closer_start_ns: u64,
    /// Control group (version 2) of the owner, by its inode number.
    pub owner_cgroup: u64,
    /// `tcp_sock.bytes_acked` at the end.
    pub bytes_acked: u64,
    /// `tcp_sock.bytes_received` at the end.
    pub bytes_received: u64,
    /// Bytes sent after the peer's FIN (counts retransmissions); until the end, `tcp_sock.bytes_sent`
    /// as the FIN came.
    pub sent_after_peer_fin: u64,
    /// Local address: IPv4 in the first 4 bytes, or IPv6 (v4-mapped as such).
    pub saddr: [u8; 16],
    /// Peer address, the same way.
    pub daddr: [u8; 16],
    /// `comm` of the owner's thread group leader.
    pub owner_comm: [u8; 16],
    /// `comm` of the closer's thread group leader.
    pub closer_comm: [u8; 16],
    /// Process that dialled, or that first used an accepted socket. 0 = not known (yet).
    pub owner_tgid: u32,
    /// Process that closed or shut it down; 0 if no local process did.
    pub closer_tgid: u32,
    /// Network namespace inode number.
    pub netns: u32,
    /// Client: reads that followed a write (answers). Server: the first read, and those that followed
    /// a write (requests).
    pub exchanges: u32,
    /// `tcp_sock.write_seq` at the last counted read: kernel-side scratch of the exchange counter.
    /// With [`flags::PLAIN`]: what was known to be sent, the same way.
    pub write_seq: u32,
    /// Bits of [`flags`].
    pub flags: u32,
    /// `sk_err` at the end, a positive errno.
    pub sk_err: u32,
    /// What `connect()` returned, a positive errno; 0 if it succeeded, is going on or was not seen.
    pub connect_errno: u32,
    /// `rcv_nxt − copied_seq` at the end; includes 1 for a FIN if [`flags::PEER_FIN`].
    pub unread: u32,
    /// `snd_nxt − snd_una` at the end, without our FIN.
    pub unacked: u32,
    /// `tcp_sock.segs_out` at the end.
    pub segs_out: u32,
    /// `tcp_sock.data_segs_in` at the end.
    pub data_segs_in: u32,
    /// `tcp_sock.data_segs_out` at the end.
    pub data_segs_out: u32,
    /// `tcp_sock.total_retrans` at the end.
    pub retransmits: u32,
    /// `tcp_sock.srtt_us` (8 × microseconds) at the first close transition.
    pub srtt_8us: u32,
    /// Jiffies since the last data segment either way, at the first close transition. With
    /// [`flags::PLAIN`]: microseconds since the last read or acknowledgement, if
    /// [`flags::ACTIVE_KNOWN`].
    pub idle_jiffies: u32,
    /// Reason of a reset we sent (`enum sk_rst_reason`).
    pub rst_reason: u32,
    /// While open: jiffies since the last data segment either way, at `polled_ns`.
    pub polled_idle_jiffies: u32,
    /// While open: `tcp_sock.write_seq` at `polled_ns`; differs from `write_seq` if a write is
    /// outstanding. With [`flags::PLAIN`]: what was sent as of the last acknowledgement.
    pub polled_write_seq: u32,
    /// System call the closer was in; valid only with [`flags::TASK_FACTS`].
    pub close_nr: i32,
    /// `task_struct.flags` of the closer; valid only with [`flags::TASK_FACTS`].
    pub close_task_flags: u32,
    /// Exit code of the closer as `wait()` tells it; valid only if it was exiting.
    pub exit_code: i32,
    /// `icsk_user_timeout`, milliseconds.
    pub user_timeout_ms: u32,
    /// Local port, host order; 0 until known.
    pub sport: u16,
    /// Peer port, host order.
    pub dport: u16,
    /// `AF_INET` or `AF_INET6`.
    pub family: u16,
    /// Current TCP state (kernel numbering); FIN_WAIT1 also stands for FIN_WAIT2.
    pub state: u8,
    /// State it left for CLOSE; 0 while open.
    pub old_state: u8,
    /// One of [`opened`].
    pub opened: u8,
    /// One of [`first`].
    pub first: u8,
    /// `icsk_probes_out` at the end.
    pub probes_out: u8,
    /// `sk_shutdown` at the end.
    pub shutdown: u8,
}

impl Conn {
    /// Size of the record in bytes.
    pub const SIZE: usize = size_of::<Self>();
    /// The same, as its header carries it.
    pub const LEN: u32 = 272;

    /// A record with nothing but its header.
    #[must_use]
    pub const fn blank() -> Self {
        Self {
            kind: crate::KIND_CONN,
            abi: crate::ABI_VERSION,
            len: Self::LEN,
            cookie: 0,
            open_ns: 0,
            established_ns: 0,
            first_close_ns: 0,
            end_ns: 0,
            polled_ns: 0,
            owner_start_ns: 0,
            closer_start_ns: 0,
            owner_cgroup: 0,
            bytes_acked: 0,
            bytes_received: 0,
            sent_after_peer_fin: 0,
            saddr: [0; 16],
            daddr: [0; 16],
            owner_comm: [0; 16],
            closer_comm: [0; 16],
            owner_tgid: 0,
            closer_tgid: 0,
            netns: 0,
            exchanges: 0,
            write_seq: 0,
            flags: 0,
            sk_err: 0,
            connect_errno: 0,
            unread: 0,
            unacked: 0,
            segs_out: 0,
            data_segs_in: 0,
            data_segs_out: 0,
            retransmits: 0,
            srtt_8us: 0,
            idle_jiffies: 0,
            rst_reason: 0,
            polled_idle_jiffies: 0,
            polled_write_seq: 0,
            close_nr: 0,
            close_task_flags: 0,
            exit_code: 0,
            user_timeout_ms: 0,
            sport: 0,
            dport: 0,
            family: 0,
            state: 0,
            old_state: 0,
            opened: 0,
            first: 0,
            probes_out: 0,
            shutdown: 0,
        }
    }
}

const _: () = assert!(Conn::SIZE == Conn::LEN as usize && align_of::<Conn>() == 8);
const _: () = assert!(offset_of!(Conn, saddr) == 104 && offset_of!(Conn, owner_tgid) == 168);
const _: () = assert!(offset_of!(Conn, sport) == 260 && offset_of!(Conn, shutdown) == 271);

/// How a record began.
pub mod opened {
    /// Open before the first hook saw it.
    pub const PREEXISTING: u8 = 0;
    /// Dialled here.
    pub const ACTIVE: u8 = 1;
    /// Accepted from a listener here.
    pub const PASSIVE: u8 = 2;
}

/// Whose FIN came first.
pub mod first {
    /// None yet, or an abort.
    pub const NONE: u8 = 0;
    /// Ours.
    pub const LOCAL: u8 = 1;
    /// The peer's.
    pub const PEER: u8 = 2;
}

/// Bits of [`Conn::flags`].
pub mod flags {
    /// `tcp_receive_reset` ran before the end.
    pub const RST_RECEIVED: u32 = 1 << 0;
    /// We sent a reset for it.
    pub const RST_SENT: u32 = 1 << 1;
    /// The reset went out before the end (keepalive, `ss -K`), not after it (local aborts).
    pub const RST_SENT_BEFORE_END: u32 = 1 << 2;
    /// Passed through CLOSING: both FINs crossed.
    pub const SIMULTANEOUS: u32 = 1 << 3;
    /// The end ran with the socket locked by a task (`sk_lock.owned`).
    pub const TASK: u32 = 1 << 4;
    /// `SOCK_DEAD` at the end: the application had let go of it.
    pub const DEAD: u32 = 1 << 5;
    /// `sk_socket` was NULL at the end: orphaned or never accepted.
    pub const NO_SOCKET: u32 = 1 << 6;
    /// `SO_LINGER` with a time of 0 at the end.
    pub const LINGER0: u32 = 1 << 7;
    /// `SO_KEEPALIVE` at the end.
    pub const KEEPALIVE: u32 = 1 << 8;
    /// `SOCK_DONE` at the end: the peer's FIN was received (and is counted in `bytes_received`).
    pub const PEER_FIN: u32 = 1 << 9;
    /// Our side was half-closed with `shutdown(SHUT_WR)`: `sk_shutdown` was 2 at our FIN.
    pub const HALF_CLOSED: u32 = 1 << 10;
    /// `close_nr`, `close_task_flags`, `exit_code` and the start times were readable.
    pub const TASK_FACTS: u32 = 1 << 11;
    /// Owner found at first use, not at dial.
    pub const OWNER_AT_USE: u32 = 1 << 12;
    /// Data was written that no later read followed, at the last transition of a side that may write.
    pub const WRITE_PENDING: u32 = 1 << 13;
    /// `connect()` ended before the socket left CLOSE: no SYN, no port.
    pub const NO_SYN: u32 = 1 << 14;
    /// The `tcp_close` hook saw the application's close.
    pub const SAW_CLOSE: u32 = 1 << 15;
    /// The socket had carried another connection before (same cookie).
    pub const REOPENED: u32 = 1 << 16;
    /// The record is out; only the table entry remains until the socket is freed.
    pub const SENT: u32 = 1 << 17;
    /// Its owner, or itself, was found by a walk over all descriptors.
    pub const SEEDED: u32 = 1 << 18;
    /// The transition to CLOSE was not seen: its facts were taken when the socket was freed.
    pub const END_MISSED: u32 = 1 << 19;
    /// Gathered by plain tracepoints: fields that only `struct sock` tells are 0 and mean nothing.
    pub const PLAIN: u32 = 1 << 20;
    /// A subflow of an MPTCP connection: the application uses another socket, whose reads and writes
    /// are not counted here.
    pub const MPTCP: u32 = 1 << 21;
    /// The closer was exiting and `exit_code` is known (but with [`PLAIN`]), though [`TASK_FACTS`] may be absent.
    pub const EXITING: u32 = 1 << 22;
    /// With [`PLAIN`]: byte and segment counters came from a sockops program.
    pub const COUNTERS: u32 = 1 << 23;
    /// With [`PLAIN`]: the release of the socket by its last holder was seen.
    pub const SAW_RELEASE: u32 = 1 << 24;
    /// The peer's window had no room for a whole segment at the end.
    pub const WINDOW_CLOSED: u32 = 1 << 29;
    /// There before us, and first seen as it read: that read is counted.
    pub const SEEN_AT_READ: u32 = 1 << 30;
    /// With [`PLAIN`]: the listener was being closed before anyone accepted it.
    pub const UNACCEPTED: u32 = 1 << 25;
    /// With [`PLAIN`]: `tcp_disconnect` had run when the socket was freed.
    pub const DISCONNECTED: u32 = 1 << 26;
    /// With [`PLAIN`]: after our close a packet was answered with a reset. The reset that
    /// [`RST_RECEIVED`] tells of was then our own.
    pub const RST_ANSWERS: u32 = 1 << 27;
    /// With [`PLAIN`]: a read or an acknowledgement was seen, so that `idle_jiffies` counts.
    pub const ACTIVE_KNOWN: u32 = 1 << 28;
    /// The peer acknowledged our FIN.
    pub const FIN_ACKED: u32 = 1 << 31;
}
