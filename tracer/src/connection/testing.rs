//! One connection and one close made up for tests, here and in later stages: each test names only
//! the fields it is about.

use super::*;
use crate::process::ProcessId;

/// A client connection of one fixed process and destination, open, of which nothing more is known.
pub(crate) fn live(opened_ns: u64) -> Connection {
    Connection {
        cookie: Some(opened_ns),
        role: Some(Role::Client),
        local: "10.0.0.1:40000".parse().unwrap(),
        peer: "10.0.0.2:80".parse().unwrap(),
        netns: 1,
        owner: Some(ProcessId { pid: 7, start_ns: 1 }),
        owner_comm: "client".into(),
        owner_cgroup: None,
        opened_ns: Some(opened_ns),
        established_ns: Some(opened_ns),
        last_data_ns: None,
        local_fin_ns: None,
        open_cause: OpenCause::Unknown,
        exchanges: 0,
        exchanges_basis: Basis::Measured,
        unanswered: false,
        bytes_sent: None,
        bytes_received: None,
        retransmits: None,
        srtt_s: None,
        phase: Phase::Open { state: TcpState::Established, peer_fin_ns: None },
    }
}

/// The end of a connection, of which only the cause and the time are known.
pub(crate) fn close(at_ns: u64, cause: CloseCause) -> Close {
    Close {
        cause,
        how: None,
        initiator: Initiator::Unknown,
        rst: None,
        rst_reason: None,
        errno: None,
        after_peer_fin: false,
        late_peer_data: false,
        unread_bytes: None,
        unacked_bytes: None,
        sent_after_peer_fin: None,
        at_ns,
        idle_s: None,
        closer: None,
    }
}

/// A connection as [`live`] makes it, ended as [`close`] does.
pub(super) fn closed(opened_ns: u64, at_ns: u64, cause: CloseCause) -> Connection {
    Connection { phase: Phase::Closed(close(at_ns, cause)), ..live(opened_ns) }
}
