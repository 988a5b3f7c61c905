//! The typed record of a connection, ended or still open, and its closed vocabularies.
//!
//! Names are those of the output contract. Absent means unknown; nothing here is guessed.

use std::net::SocketAddr;

use compact_str::CompactString;

use crate::process::ProcessId;
use crate::words::words;

words! {
    /// Which end of the connection this host's process is.
    Role {
        /// It dialled.
        Client = "client",
        /// It accepted.
        Server = "server",
    }
}

words! {
    /// Why a connection was opened.
    OpenCause {
        /// No other connection of this process to this destination was seen before.
        First = "first",
        /// Others were open and may all have been busy.
        Parallel = "parallel",
        /// An established connection sat idle: it could have been reused.
        IdleAvailable = "idle_available",
        /// The last one had just been closed by us.
        AfterLocalClose = "after_local_close",
        /// The last one had just been closed by the peer.
        AfterPeerClose = "after_peer_close",
        /// The last one had just been reset.
        AfterReset = "after_reset",
        /// The last one was reset when we wrote after the peer's FIN.
        AfterStaleReuse = "after_stale_reuse",
        /// The last dial had failed.
        RetryFailedDial = "retry_failed_dial",
        /// The same socket dialled again.
        ReopenSameSocket = "reopen_same_socket",
        /// Accepted from a listener.
        Accept = "accept",
        /// Open before tracing began.
        Preexisting = "preexisting",
        /// Not known.
        Unknown = "unknown",
    }
}

words! {
    /// Why a connection ended.
    CloseCause {
        /// We sent the first FIN.
        LocalClose = "local_close",
        /// The peer sent the first FIN.
        PeerClose = "peer_close",
        /// Both FINs crossed.
        SimultaneousClose = "simultaneous_close",
        /// We closed with received data unread: the kernel sent a reset.
        LocalAbortUnread = "local_abort_unread",
        /// We closed with `SO_LINGER` 0: the kernel sent a reset.
        LocalAbortLinger0 = "local_abort_linger0",
        /// We closed abortively for another reason.
        LocalAbort = "local_abort",
        /// A reset was received while the connection was established.
        ResetByPeer = "reset_by_peer",
        /// A reset was received after the peer's FIN.
        ResetAfterPeerFin = "reset_after_peer_fin",
        /// We closed, then received a reset.
        LocalCloseThenReset = "local_close_then_reset",
        /// `connect(AF_UNSPEC)`.
        Disconnect = "disconnect",
        /// The listener was closed before this one was accepted.
        NeverAccepted = "never_accepted",
        /// The dial was answered with a reset.
        ConnectRefused = "connect_refused",
        /// The dial was not answered.
        ConnectTimeout = "connect_timeout",
        /// The dial was answered with ICMP unreachable.
        ConnectUnreachable = "connect_unreachable",
        /// There was no route.
        ConnectNoRoute = "connect_no_route",
        /// There was no free local port.
        ConnectNoPort = "connect_no_port",
        /// We closed the socket while it was dialling.
        DialCancelled = "dial_cancelled",
        /// The dial ended in another way.
        DialAborted = "dial_aborted",
        /// Reset during a passive handshake.
        HandshakeReset = "handshake_reset",
        /// A passive handshake failed.
        HandshakeFailed = "handshake_failed",
        /// Retransmissions ran out.
        RetransmitTimeout = "retransmit_timeout",
        /// `TCP_USER_TIMEOUT` ran out.
        UserTimeout = "user_timeout",
        /// Keepalive probes went unanswered.
        KeepaliveTimeout = "keepalive_timeout",
        /// Zero-window probes went unanswered.
        ZeroWindowTimeout = "zero_window_timeout",
        /// We closed; our last data or FIN was never acknowledged.
        CloseUnackedTimeout = "close_unacked_timeout",
        /// A network error ended it.
        NetError = "net_error",
        /// An administrator ended it (`ss -K`).
        AdminAbort = "admin_abort",
        /// Not known.
        Unknown = "unknown",
    }
}

impl OpenCause {
    /// Whether the dial was needless: a connection was idle, or had just been closed by us.
    #[must_use]
    pub const fn is_redial(self) -> bool {
        matches!(self, Self::IdleAvailable | Self::AfterLocalClose)
    }
}

impl CloseCause {
    /// Whether the connection never got established because its dial failed.
    #[must_use]
    pub const fn is_failed_dial(self) -> bool {
        matches!(
            self,
            Self::ConnectRefused
                | Self::ConnectTimeout
                | Self::ConnectUnreachable
                | Self::ConnectNoRoute
                | Self::ConnectNoPort
                | Self::DialCancelled
                | Self::DialAborted
        )
    }
}

words! {
    /// Who ended it.
    Initiator {
        /// A process on this host, by its own call or its exit.
        Local = "local",
        /// The other end.
        Peer = "peer",
        /// A timer or the network stack.
        Kernel = "kernel",
        /// `ss -K` or the like.
        Admin = "admin",
        /// Not known.
        Unknown = "unknown",
    }
}

words! {
    /// Direction of the reset that took part in the end.
    Reset {
        /// We sent it.
        Sent = "sent",
        /// We received it.
        Received = "received",
    }
}

words! {
    /// Where a count comes from.
    Basis {
        /// Counted at each read.
        Measured = "measured",
        /// An upper bound from segment counters.
        Bound = "bound",
    }
}

words! {
    /// TCP state, in the kernel's numbering order from 1.
    TcpState {
        /// 1
        Established = "established",
        /// 2
        SynSent = "syn_sent",
        /// 3
        SynRecv = "syn_recv",
        /// 4
        FinWait1 = "fin_wait1",
        /// 5
        FinWait2 = "fin_wait2",
        /// 6
        TimeWait = "time_wait",
        /// 7
        Close = "close",
        /// 8
        CloseWait = "close_wait",
        /// 9
        LastAck = "last_ack",
        /// 10
        Listen = "listen",
        /// 11
        Closing = "closing",
    }
}

impl TcpState {
    /// From the kernel's number; `None` for one it does not use in a socket.
    #[must_use]
    pub fn from_kernel(number: u8) -> Option<Self> {
        Self::ALL.get(usize::from(number).checked_sub(1)?).copied()
    }
}

/// How a connection ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Close {
    /// Named cause.
    pub cause: CloseCause,
    /// `close`, `shutdown`, `exit:SIGKILL`, `exit:0`, `exec`, `lastref:recvfrom`, `kernel`; `None`
    /// if no local call took part or it is not known.
    pub how: Option<CompactString>,
    /// Who ended it.
    pub initiator: Initiator,
    /// Reset that took part.
    pub rst: Option<Reset>,
    /// Kernel's name of the reason of a reset we sent, where the kernel gives one.
    pub rst_reason: Option<CompactString>,
    /// Positive errno the socket ended with.
    pub errno: Option<u32>,
    /// The peer's FIN had come before the end.
    pub after_peer_fin: bool,
    /// Data arrived after we had closed.
    pub late_peer_data: bool,
    /// Received bytes the application never read, where it closed on them.
    pub unread_bytes: Option<u32>,
    /// Sent bytes never acknowledged, at the end.
    pub unacked_bytes: Option<u32>,
    /// Bytes sent after the peer's FIN, retransmissions included, where a reset answered them.
    pub sent_after_peer_fin: Option<u64>,
    /// First close transition, monotonic nanoseconds.
    pub at_ns: u64,
    /// Time since the last data segment either way, at the first close transition.
    pub idle_s: Option<f64>,
    /// Process that closed it, where one did.
    pub closer: Option<ProcessId>,
}

/// What stage of life a connection is in.
#[derive(Clone, Debug, PartialEq)]
pub enum Phase {
    /// Still there, in this state, when last looked at.
    Open {
        /// Its state.
        state: TcpState,
        /// When the peer's FIN arrived, monotonic nanoseconds, if it did.
        peer_fin_ns: Option<u64>,
    },
    /// Ended.
    Closed(Close),
}

/// One life of a TCP socket between dial or accept and its end. Times are monotonic nanoseconds.
#[derive(Clone, Debug, PartialEq)]
pub struct Connection {
    /// Socket cookie, where the kernel gives one. With `opened_ns` the identity of the connection.
    pub cookie: Option<u64>,
    /// Which end we are; `None` for a connection that was there before us.
    pub role: Option<Role>,
    /// Our address (v4-mapped shown as IPv4); port 0 until known.
    pub local: SocketAddr,
    /// The other end.
    pub peer: SocketAddr,
    /// Network namespace inode number.
    pub netns: u32,
    /// Process it belongs to: the dialler, or the first user of an accepted socket.
    pub owner: Option<ProcessId>,
    /// `comm` of the owner at that time, empty if the owner is unknown.
    pub owner_comm: CompactString,
    /// Control group (version 2) of the owner at that time, by its inode number.
    pub owner_cgroup: Option<u64>,
    /// Dial or accept; `None` if it was there before us.
    pub opened_ns: Option<u64>,
    /// Reached ESTABLISHED.
    pub established_ns: Option<u64>,
    /// Last data segment either way, up to one clock tick early; `None` if not known, or if it never
    /// was established.
    pub last_data_ns: Option<u64>,
    /// Our FIN went out, monotonic nanoseconds, and it is not ended yet.
    pub local_fin_ns: Option<u64>,
    /// Why it was opened.
    pub open_cause: OpenCause,
    /// Request-response turns.
    pub exchanges: u32,
    /// Where `exchanges` comes from.
    pub exchanges_basis: Basis,
    /// A request was outstanding: at the end, or now if still open (where that could be seen: only
    /// then `last_data_ns` is known).
    pub unanswered: bool,
    /// Payload bytes acknowledged by the peer. `None` while open.
    pub bytes_sent: Option<u64>,
    /// Payload bytes received. `None` while open.
    pub bytes_received: Option<u64>,
    /// Retransmitted segments. `None` while open.
    pub retransmits: Option<u32>,
    /// Smoothed round-trip time, seconds, at the first close transition.
    pub srtt_s: Option<f64>,
    /// Open, or ended and how.
    pub phase: Phase,
}

impl Connection {
    /// The end, if it ended.
    #[must_use]
    pub const fn close(&self) -> Option<&Close> {
        match &self.phase {
            Phase::Closed(close) => Some(close),
            Phase::Open { .. } => None,
        }
    }

    /// Whether it was opened while we watched.
    #[must_use]
    pub const fn start_known(&self) -> bool {
        self.opened_ns.is_some()
    }

    /// The destination: the peer for a client, ourselves for a server; the peer if unknown.
    #[must_use]
    pub const fn destination(&self) -> SocketAddr {
        match self.role {
            Some(Role::Server) => self.local,
            _ => self.peer,
        }
    }

    /// Time from dial to ESTABLISHED, seconds; `None` for an accepted or failed one.
    #[must_use]
    pub fn connect_s(&self) -> Option<f64> {
        (self.role == Some(Role::Client)).then_some(())?;
        Some(seconds(self.opened_ns?, self.established_ns?))
    }

    /// Dial or accept to first close transition, seconds; `None` while open or if not seen whole.
    #[must_use]
    pub fn duration_s(&self) -> Option<f64> {
        Some(seconds(self.opened_ns?, self.close()?.at_ns))
    }
}

/// Seconds from `from_ns` to `to_ns`, 0 if the clock order is reversed by its coarseness.
#[must_use]
pub fn seconds(from_ns: u64, to_ns: u64) -> f64 {
    to_ns.saturating_sub(from_ns) as f64 / 1e9
}
