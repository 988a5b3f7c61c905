//! Wire record → typed record: units, addresses, and SYN and FIN taken out of the counters.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use compact_str::CompactString;
use tracer_ebpf::{Conn, Late, first, flags, opened};

use super::close::{self, Context};
use super::record::{Basis, Connection, OpenCause, Phase, Role, TcpState};
use crate::process::ProcessId;

const AF_INET6: u16 = 10;
const SYN_SENT: u8 = 2;
const CLOSE: u8 = 7;

/// Builds the record. An ended one has `old_state`; `late` only belongs to those.
pub(super) fn connection(
    conn: &Conn,
    late: Option<&Late>,
    open_cause: OpenCause,
    context: &Context<'_>,
) -> Connection {
    let has = |flag: u32| conn.flags & flag != 0;
    let role = match conn.opened {
        opened::ACTIVE => Some(Role::Client),
        opened::PASSIVE => Some(Role::Server),
        _ => context.served.role(conn),
    };
    let ended = conn.old_state != 0;
    let is_plain = has(flags::PLAIN);
    // What only the counters of the socket tell.
    let is_counted = !is_plain || has(flags::COUNTERS) || never_sent(conn);
    let pending = if ended {
        has(flags::WRITE_PENDING)
    } else {
        !is_plain && conn.polled_ns != 0 && conn.polled_write_seq != conn.write_seq
    };
    // The kernel counts a request when a server reads it; one that was never answered is not a turn.
    let is_counted_at_request = conn.opened == opened::PASSIVE || has(flags::SEEN_AT_READ);
    let is_server = role == Some(Role::Server);
    let unanswered_request = is_counted_at_request && is_server && ended && !pending && is_counted;
    // Of one that was there before us it counts the requests that followed an answer.
    let last_answer = !is_counted_at_request && is_server && ended && pending;
    // Its application reads and writes another socket.
    let is_bound = has(flags::MPTCP);
    let lacks_facts = close::lacks_last_facts(conn);
    let whole = ended && conn.opened != opened::PREEXISTING && is_counted && !lacks_facts;
    Connection {
        cookie: (conn.cookie != 0).then_some(conn.cookie),
        role,
        local: address(conn.family, conn.saddr, conn.sport),
        peer: address(conn.family, conn.daddr, conn.dport),
        netns: conn.netns,
        owner: owner(conn),
        owner_comm: owner_comm(conn),
        owner_cgroup: known(conn.owner_cgroup),
        opened_ns: known(conn.open_ns),
        established_ns: known(conn.established_ns),
        last_data_ns: last_data(conn, context.tick_ns),
        local_fin_ns: known(conn.first_close_ns).filter(|_| !ended && conn.first == first::LOCAL),
        open_cause,
        exchanges: if is_bound {
            conn.data_segs_in.min(conn.data_segs_out)
        } else {
            (conn.exchanges + u32::from(last_answer)).saturating_sub(u32::from(unanswered_request))
        },
        // Without counters each read may be one.
        exchanges_basis: if is_bound || !is_counted { Basis::Bound } else { Basis::Measured },
        unanswered: pending && !is_server && !is_bound,
        bytes_sent: whole.then(|| payload_sent(conn)),
        bytes_received: whole
            .then(|| conn.bytes_received.saturating_sub(u64::from(has(flags::PEER_FIN)))),
        retransmits: (ended && is_counted && !lacks_facts).then_some(conn.retransmits),
        // The kernel keeps eight times the value.
        srtt_s: (ended && conn.srtt_8us != 0).then(|| f64::from(conn.srtt_8us) / 8e6),
        phase: if ended {
            Phase::Closed(close::close(conn, late, context))
        } else {
            Phase::Open {
                state: TcpState::from_kernel(conn.state).unwrap_or(TcpState::Established),
                peer_fin_ns: known(conn.first_close_ns).filter(|_| conn.first == first::PEER),
            }
        },
    }
}

/// A dial that ended before its SYN: its counters are 0 for certain.
const fn never_sent(conn: &Conn) -> bool {
    conn.old_state == CLOSE || (conn.old_state == SYN_SENT && conn.sport == 0)
}

fn known(ns: u64) -> Option<u64> {
    (ns != 0).then_some(ns)
}

/// `bytes_acked` counts our SYN, and our FIN once it is acknowledged.
fn payload_sent(conn: &Conn) -> u64 {
    let syn = conn.opened == opened::ACTIVE && conn.old_state != SYN_SENT;
    let fin = conn.flags & flags::FIN_ACKED != 0;
    conn.bytes_acked.saturating_sub(u64::from(syn) + u64::from(fin))
}

/// When the last data segment went either way: from the closing or, while open, polled counters.
fn last_data(conn: &Conn, tick_ns: u64) -> Option<u64> {
    // What an MPTCP application has written is not seen, so nothing proves that it waits for nothing.
    if conn.flags & flags::MPTCP != 0 {
        return None;
    }
    if conn.opened != opened::PREEXISTING {
        known(conn.established_ns)?;
    }
    if conn.flags & flags::PLAIN != 0 {
        // Without counters a request may be outstanding; while it is open that is not asked.
        let is_told = conn.old_state != 0
            && conn.flags & flags::COUNTERS != 0
            && conn.flags & flags::ACTIVE_KNOWN != 0;
        let idle_ns = u64::from(conn.idle_jiffies) * 1000;
        return is_told.then(|| conn.first_close_ns.checked_sub(idle_ns)).flatten();
    }
    let (at, idle) = if conn.old_state != 0 {
        (conn.first_close_ns, conn.idle_jiffies)
    } else {
        (known(conn.polled_ns)?, conn.polled_idle_jiffies)
    };
    at.checked_sub(u64::from(idle).saturating_mul(tick_ns))
}

/// The process a wire record belongs to, if it is known.
#[must_use]
pub fn owner(conn: &Conn) -> Option<ProcessId> {
    (conn.owner_tgid != 0)
        .then_some(ProcessId { pid: conn.owner_tgid, start_ns: conn.owner_start_ns })
}

/// Its `comm`, empty if it is not known.
#[must_use]
pub fn owner_comm(conn: &Conn) -> CompactString {
    let bytes = conn.owner_comm;
    let len = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    CompactString::from_utf8_lossy(&bytes[..len])
}

pub(super) fn address(family: u16, bytes: [u8; 16], port: u16) -> SocketAddr {
    let ip = if family == AF_INET6 {
        IpAddr::V6(Ipv6Addr::from(bytes)).to_canonical()
    } else {
        IpAddr::V4(Ipv4Addr::new(bytes[0], bytes[1], bytes[2], bytes[3]))
    };
    SocketAddr::new(ip, port)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connection::Served;
    use crate::decode::testing::blank;

    fn built(conn: &Conn) -> Connection {
        let context = Context {
            tick_ns: 4_000_000,
            sees_close: false,
            sees: crate::connection::Sees::default(),
            served: &Served::default(),
            reset_reasons: &|_| None,
        };
        connection(conn, None, OpenCause::Unknown, &context)
    }

    #[test]
    fn syn_and_fin_are_not_payload() {
        let mut conn = blank();
        conn.opened = opened::ACTIVE;
        conn.established_ns = 5;
        conn.first = first::LOCAL;
        conn.old_state = 5;
        conn.bytes_acked = 92;
        conn.bytes_received = 373;
        assert_eq!(built(&conn).bytes_sent, Some(91), "the FIN is not acknowledged yet");
        conn.flags = flags::FIN_ACKED;
        assert_eq!(built(&conn).bytes_sent, Some(90));
        assert_eq!(built(&conn).bytes_received, Some(373));
        conn.flags = flags::PEER_FIN;
        assert_eq!(built(&conn).bytes_received, Some(372));
    }

    #[test]
    fn counters_of_a_connection_that_was_there_before_us_are_not_shown() {
        let mut conn = blank();
        conn.old_state = 5;
        assert_eq!(built(&conn).bytes_sent, None);
        assert_eq!(built(&conn).role, None);
    }

    #[test]
    fn a_v4_mapped_address_is_shown_as_ipv4() {
        let mut conn = blank();
        conn.family = AF_INET6;
        conn.daddr = Ipv4Addr::new(10, 0, 0, 1).to_ipv6_mapped().octets();
        conn.dport = 80;
        assert_eq!(built(&conn).peer, "10.0.0.1:80".parse().unwrap());
    }

    #[test]
    fn a_request_that_the_server_never_answered_is_not_an_exchange() {
        let mut conn = blank();
        conn.opened = opened::PASSIVE;
        conn.old_state = 5;
        conn.exchanges = 3;
        assert_eq!(built(&conn).exchanges, 2);
        conn.flags = flags::WRITE_PENDING;
        assert_eq!(built(&conn).exchanges, 3);
        assert!(!built(&conn).unanswered, "an answer waits for nothing");
    }

    #[test]
    fn a_server_that_was_first_seen_at_a_request_answered_it() {
        let exchanges = |seen_at_read: u32| {
            let conn = Conn {
                old_state: 9,
                exchanges: 1,
                sport: 80,
                flags: flags::WRITE_PENDING | seen_at_read,
                ..blank()
            };
            let served = Served { listeners: [(0, 80)].into(), ..Served::default() };
            let context = Context {
                tick_ns: 4_000_000,
                sees_close: false,
                sees: crate::connection::Sees::default(),
                served: &served,
                reset_reasons: &|_| None,
            };
            connection(&conn, None, OpenCause::Preexisting, &context).exchanges
        };
        assert_eq!(exchanges(flags::SEEN_AT_READ), 1);
        assert_eq!(exchanges(0), 2, "one request followed an answer, and was answered");
    }

    #[test]
    fn the_exchanges_of_an_mptcp_subflow_are_bounded_by_its_segments() {
        let mut conn = blank();
        conn.old_state = 5;
        conn.flags = flags::MPTCP;
        (conn.data_segs_in, conn.data_segs_out) = (7, 4);
        assert_eq!((built(&conn).exchanges, built(&conn).exchanges_basis), (4, Basis::Bound));
    }

    #[test]
    fn what_no_counter_told_is_absent_and_reads_are_a_bound() {
        let mut conn = blank();
        (conn.opened, conn.old_state, conn.exchanges) = (opened::PASSIVE, 5, 3);
        conn.flags = flags::PLAIN;
        let plain = built(&conn);
        assert_eq!((plain.exchanges, plain.exchanges_basis), (3, Basis::Bound));
        assert_eq!((plain.bytes_sent, plain.bytes_received), (None, None));
        assert_eq!((plain.retransmits, plain.srtt_s, plain.last_data_ns), (None, None, None));
        let close = plain.close().unwrap();
        assert_eq!((close.idle_s, close.unacked_bytes, close.unread_bytes), (None, None, None));
        conn.flags |= flags::COUNTERS | flags::WRITE_PENDING;
        let counted = built(&conn);
        assert_eq!((counted.exchanges, counted.exchanges_basis), (3, Basis::Measured));
        assert_eq!((counted.bytes_sent, counted.retransmits), (Some(0), Some(0)));
    }

    #[test]
    fn an_open_connection_of_the_plain_tier_is_never_called_idle() {
        let mut conn = blank();
        (conn.state, conn.established_ns, conn.polled_ns) = (1, 1, 5);
        (conn.flags, conn.polled_write_seq) = (flags::PLAIN | flags::COUNTERS, 9);
        assert_eq!((built(&conn).last_data_ns, built(&conn).unanswered), (None, false));
    }

    #[test]
    fn a_connection_is_idle_since_its_last_segment() {
        let mut conn = blank();
        conn.state = 1;
        conn.established_ns = 1;
        assert_eq!(built(&conn).last_data_ns, None, "never polled: not known");
        conn.polled_ns = 1_000_000_000;
        conn.polled_idle_jiffies = 100;
        assert_eq!(built(&conn).last_data_ns, Some(600_000_000));
        assert!(!built(&conn).unanswered);
        conn.polled_write_seq = 7;
        assert!(built(&conn).unanswered);
    }
}
