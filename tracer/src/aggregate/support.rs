//! Connections and ticks for the tests of this stage and the next.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;

use crate::connection::{
    Basis, Close, CloseCause, Connection, Initiator, OpenCause, Phase, Reset, Role, TcpState, Tick,
    testing,
};
use crate::process::{Identity, ProcessId};

/// Nanoseconds.
pub(crate) const MILLI: u64 = 1_000_000;
/// Nanoseconds.
pub(crate) const SECOND: u64 = 1_000 * MILLI;

/// Makes one connection: a client's, of process 100, to port 8080, one exchange, closed by us at
/// once, unless said otherwise.
#[derive(Clone)]
pub(crate) struct Build {
    connection: Connection,
    close: Close,
    state: TcpState,
    peer_fin_ns: Option<u64>,
}

/// A process id.
pub(crate) fn process(pid: u32) -> ProcessId {
    ProcessId { pid, start_ns: u64::from(pid) }
}

impl Build {
    pub(crate) fn client() -> Self {
        let connection = Connection {
            cookie: None,
            local: SocketAddr::from(([127, 0, 0, 1], 40_000)),
            peer: SocketAddr::from(([127, 0, 0, 1], 8080)),
            owner: Some(process(100)),
            owner_comm: "app".into(),
            owner_cgroup: Some(1),
            opened_ns: None,
            established_ns: None,
            exchanges: 1,
            ..testing::live(0)
        };
        let close = Close {
            how: Some("close".into()),
            initiator: Initiator::Local,
            idle_s: Some(0.0001),
            ..testing::close(0, CloseCause::LocalClose)
        };
        Self { connection, close, state: TcpState::Established, peer_fin_ns: None }
    }

    /// A server's.
    pub(crate) fn server() -> Self {
        let mut build = Self::client();
        build.connection.role = Some(Role::Server);
        std::mem::swap(&mut build.connection.local, &mut build.connection.peer);
        build
    }

    /// One that was there before the window.
    pub(crate) fn preexisting() -> Self {
        let mut build = Self::client();
        build.connection.role = None;
        build.connection.open_cause = OpenCause::Preexisting;
        build
    }

    /// Opened, established and last used at `opened_ns`; the cookie follows from it.
    pub(crate) fn at(mut self, opened_ns: u64, closed_ns: u64) -> Self {
        self.connection.cookie = Some(opened_ns);
        self.connection.opened_ns = Some(opened_ns);
        self.connection.established_ns = Some(opened_ns);
        self.connection.last_data_ns = Some(opened_ns);
        self.close.at_ns = closed_ns;
        self
    }

    pub(crate) fn closed_at(mut self, closed_ns: u64) -> Self {
        self.close.at_ns = closed_ns;
        self
    }

    pub(crate) fn pid(mut self, pid: u32) -> Self {
        self.connection.owner = Some(process(pid));
        self
    }

    pub(crate) fn comm(mut self, comm: &str) -> Self {
        self.connection.owner_comm = comm.into();
        self
    }

    pub(crate) fn nobody(mut self) -> Self {
        self.connection.owner = None;
        self.connection.owner_comm.clear();
        self
    }

    pub(crate) fn to(mut self, peer: &str) -> Self {
        if let Ok(peer) = peer.parse() {
            self.connection.peer = peer;
        }
        self
    }

    /// Our own address.
    pub(crate) fn from(mut self, address: &str) -> Self {
        if let Ok(address) = address.parse() {
            self.connection.local.set_ip(address);
        }
        self
    }

    pub(crate) fn role(mut self, role: Role) -> Self {
        self.connection.role = Some(role);
        self
    }

    pub(crate) fn last_read(mut self, at_ns: u64) -> Self {
        self.connection.last_data_ns = Some(at_ns);
        self
    }

    pub(crate) fn port(mut self, port: u16) -> Self {
        self.connection.peer.set_port(port);
        self
    }

    pub(crate) fn exchanges(mut self, exchanges: u32) -> Self {
        self.connection.exchanges = exchanges;
        self
    }

    pub(crate) fn bound(mut self) -> Self {
        self.connection.exchanges_basis = Basis::Bound;
        self
    }

    pub(crate) fn open_cause(mut self, cause: OpenCause) -> Self {
        self.connection.open_cause = cause;
        self
    }

    pub(crate) fn idle_s(mut self, idle_s: f64) -> Self {
        self.close.idle_s = Some(idle_s);
        self
    }

    pub(crate) fn idle_unknown(mut self) -> Self {
        self.close.idle_s = None;
        self
    }

    /// A request is outstanding.
    pub(crate) fn waiting(mut self) -> Self {
        self.connection.unanswered = true;
        self
    }

    /// The peer's FIN came, we wrote `bytes`, and a reset answered them.
    pub(crate) fn stale(mut self, bytes: u64) -> Self {
        self.connection.unanswered = true;
        self.close.after_peer_fin = true;
        self.close.sent_after_peer_fin = Some(bytes);
        self.close.cause = CloseCause::ResetAfterPeerFin;
        self.close.initiator = Initiator::Peer;
        self.close.rst = Some(Reset::Received);
        self
    }

    /// We closed, after the peer's FIN or not, and a reset came.
    pub(crate) fn then_reset(mut self, after_peer_fin: bool) -> Self {
        self.close.cause = CloseCause::LocalCloseThenReset;
        self.close.after_peer_fin = after_peer_fin;
        self
    }

    pub(crate) fn how(mut self, how: &str) -> Self {
        self.close.how = Some(how.into());
        self
    }

    pub(crate) fn unread(mut self, bytes: u32) -> Self {
        self.close.cause = CloseCause::LocalAbortUnread;
        self.close.unread_bytes = Some(bytes);
        self
    }

    pub(crate) fn late_data(mut self) -> Self {
        self.close.late_peer_data = true;
        self
    }

    pub(crate) fn by_peer(mut self) -> Self {
        self.close.cause = CloseCause::PeerClose;
        self.close.initiator = Initiator::Peer;
        self.close.after_peer_fin = true;
        self
    }

    pub(crate) fn after_peer_fin(mut self) -> Self {
        self.close.after_peer_fin = true;
        self
    }

    pub(crate) fn refused(mut self) -> Self {
        self.connection.established_ns = None;
        self.connection.last_data_ns = None;
        self.connection.exchanges = 0;
        self.close.cause = CloseCause::ConnectRefused;
        self.close.initiator = Initiator::Peer;
        self.close.how = None;
        self.close.idle_s = None;
        self.close.errno = Some(111);
        self
    }

    /// Never established, and ended by `cause`.
    pub(crate) fn failed(mut self, cause: CloseCause, initiator: Initiator) -> Self {
        self = self.refused();
        self.close.cause = cause;
        self.close.initiator = initiator;
        self.close.errno = None;
        self
    }

    /// Closed by us while it was dialling.
    pub(crate) fn given_up(mut self) -> Self {
        self = self.failed(CloseCause::DialCancelled, Initiator::Local);
        self.close.how = Some("close".into());
        self.connection.retransmits = Some(0);
        self
    }

    /// Still dialling.
    pub(crate) fn dialling(self) -> Self {
        self.refused().state(TcpState::SynSent)
    }

    /// Dialled before the window.
    pub(crate) fn dialled_before(mut self) -> Self {
        self.connection.opened_ns = None;
        self.connection.open_cause = OpenCause::Preexisting;
        self
    }

    /// Established this long after the dial.
    pub(crate) fn answered_after(mut self, answered_ns: u64) -> Self {
        self.connection.established_ns = self.connection.opened_ns.map(|at| at + answered_ns);
        self
    }

    pub(crate) fn retransmits(mut self, retransmits: u32) -> Self {
        self.connection.retransmits = Some(retransmits);
        self
    }

    /// Ended by `cause`.
    pub(crate) fn cause(mut self, cause: CloseCause, initiator: Initiator) -> Self {
        self.close.cause = cause;
        self.close.initiator = initiator;
        self
    }

    /// Reset by the other end.
    pub(crate) fn reset(mut self) -> Self {
        self = self.cause(CloseCause::ResetByPeer, Initiator::Peer);
        self.close.how = None;
        self.close.rst = Some(Reset::Received);
        self
    }

    /// We reset the other end, for this reason.
    pub(crate) fn resets(mut self, reason: Option<&str>) -> Self {
        self.close.rst = Some(Reset::Sent);
        self.close.rst_reason = reason.map(Into::into);
        self
    }

    pub(crate) fn unanswered(mut self) -> Self {
        self.connection.unanswered = true;
        self
    }

    pub(crate) fn unacked(mut self, bytes: u32) -> Self {
        self.close.unacked_bytes = Some(bytes);
        self
    }

    pub(crate) fn bytes(mut self, sent: u64, received: u64) -> Self {
        self.connection.bytes_sent = Some(sent);
        self.connection.bytes_received = Some(received);
        self
    }

    pub(crate) fn state(mut self, state: TcpState) -> Self {
        self.state = state;
        self
    }

    pub(crate) fn close_wait(mut self, peer_fin_ns: Option<u64>) -> Self {
        self.state = TcpState::CloseWait;
        self.peer_fin_ns = peer_fin_ns;
        self
    }

    pub(crate) fn end(self) -> Connection {
        Connection { phase: Phase::Closed(self.close), ..self.connection }
    }

    pub(crate) fn live(self) -> Connection {
        let phase = Phase::Open { state: self.state, peer_fin_ns: self.peer_fin_ns };
        Connection { phase, ..self.connection }
    }
}

/// Splits a history into one tick per second. A connection that ends is live before that: the end
/// is unknown then, as it is for the tracer.
pub(crate) fn ticks(connections: &[Connection], until_ns: u64) -> Vec<Tick> {
    let end_of = |c: &Connection| c.close().map_or(u64::MAX, |close| close.at_ns);
    (1..=until_ns / SECOND)
        .map(|number| {
            let (previous_ns, now_ns) = ((number - 1) * SECOND, number * SECOND);
            let mut tick = Tick { now_ns, ..Tick::default() };
            for connection in connections {
                let (opened_ns, end_ns) = (connection.opened_ns.unwrap_or(0), end_of(connection));
                if end_ns <= now_ns && (end_ns > previous_ns || number == 1) {
                    tick.ended.push(connection.clone());
                } else if opened_ns <= now_ns && end_ns > now_ns {
                    let mut live = connection.clone();
                    if let Phase::Closed(close) = &live.phase {
                        // A reset answers what was written just before it.
                        live.unanswered &= close.rst != Some(Reset::Received);
                        let state = match live.established_ns {
                            Some(_) => TcpState::Established,
                            None => TcpState::SynSent,
                        };
                        live.phase = Phase::Open { state, peer_fin_ns: None };
                    }
                    // What happens after the tick is not known at the tick.
                    if live.established_ns.is_some_and(|at_ns| at_ns > now_ns) {
                        live.established_ns = None;
                        let state = TcpState::SynSent;
                        live.phase = Phase::Open { state, peer_fin_ns: None };
                    }
                    if let Phase::Open { state, peer_fin_ns } = &mut live.phase
                        && peer_fin_ns.is_some_and(|fin_ns| fin_ns > now_ns)
                    {
                        *state = TcpState::Established;
                        *peer_fin_ns = None;
                    }
                    tick.live.push(live);
                }
            }
            tick
        })
        .collect()
}

/// Every process of `pids` runs `exe`.
pub(crate) fn running(
    exe: &str,
    pids: impl IntoIterator<Item = u32>,
) -> BTreeMap<ProcessId, Identity> {
    pids.into_iter()
        .map(|pid| {
            let identity = Identity {
                id: process(pid),
                vpid: None,
                comm: "comm".into(),
                exe: Some(PathBuf::from(exe)),
                command: None,
                cgroup: Some("/a.slice".into()),
                pod: None,
                runtime: None,
            };
            (identity.id, identity)
        })
        .collect()
}
