//! The truth table, row by row: facts as measured on real kernels, and the name they must get.

use super::*;
use crate::decode::testing::blank;

fn end(old_state: u8, set: impl FnOnce(&mut Conn)) -> Close {
    let mut conn = blank();
    conn.old_state = old_state;
    set(&mut conn);
    named(&conn, None)
}

fn named(conn: &Conn, late: Option<&Late>) -> Close {
    let context = Context {
        tick_ns: 4_000_000,
        sees_close: false,
        sees: plain::Sees::default(),
        served: &Served::default(),
        reset_reasons: &|reason| Some(format!("reason-{reason}").into()),
    };
    close(conn, late, &context)
}

fn by_us(conn: &mut Conn) {
    conn.flags |= flags::TASK;
    conn.shutdown = 3;
    conn.closer_tgid = 7;
}

#[test]
fn row_1_we_close_first() {
    let end = end(FIN_WAIT2, |conn| {
        conn.first = first::LOCAL;
        // The peer answered our FIN with its own: not before our close.
        conn.flags = flags::DEAD | flags::PEER_FIN;
        conn.closer_tgid = 7;
    });
    assert_eq!((end.cause, end.initiator), (CloseCause::LocalClose, Initiator::Local));
    assert_eq!((end.rst, end.after_peer_fin, end.errno), (None, false, None));
}

#[test]
fn row_1_the_server_sees_a_peer_close() {
    let end = end(LAST_ACK, |conn| {
        conn.first = first::PEER;
        conn.closer_tgid = 7;
        conn.flags = flags::PEER_FIN | flags::DEAD;
    });
    assert_eq!((end.cause, end.initiator), (CloseCause::PeerClose, Initiator::Peer));
    assert!(end.after_peer_fin);
}

#[test]
fn what_was_written_after_the_peers_fin_is_told_though_our_close_came_before_the_reset() {
    let end = end(LAST_ACK, |conn| {
        conn.first = first::PEER;
        conn.sent_after_peer_fin = 70;
        conn.flags = flags::RST_RECEIVED | flags::DEAD;
    });
    assert_eq!(end.cause, CloseCause::LocalCloseThenReset);
    assert_eq!((end.after_peer_fin, end.sent_after_peer_fin), (true, Some(70)));
}

#[test]
fn row_4_both_close_at_once() {
    let end = end(CLOSING, |conn| conn.flags = flags::SIMULTANEOUS | flags::DEAD);
    assert_eq!(end.cause, CloseCause::SimultaneousClose);
}

#[test]
fn row_6_close_with_unread_data() {
    let end = end(ESTABLISHED, |conn| {
        by_us(conn);
        conn.unread = 4096;
        conn.flags |= flags::RST_SENT;
        conn.rst_reason = 20;
    });
    assert_eq!(end.cause, CloseCause::LocalAbortUnread);
    assert_eq!((end.unread_bytes, end.rst), (Some(4096), Some(Reset::Sent)));
    assert_eq!(end.rst_reason.as_deref(), Some("reason-20"));
}

#[test]
fn row_6c_the_fin_is_not_unread_data() {
    let unread = |unread| {
        end(CLOSE_WAIT, |conn| {
            by_us(conn);
            conn.unread = unread;
            conn.flags |= flags::PEER_FIN;
            conn.first = first::PEER;
        })
    };
    assert_eq!(unread(11).unread_bytes, Some(10));
    assert!(unread(11).after_peer_fin);
    assert_ne!(unread(1).cause, CloseCause::LocalAbortUnread);
}

#[test]
fn row_7_linger_0() {
    let end = end(ESTABLISHED, |conn| {
        by_us(conn);
        conn.flags |= flags::LINGER0 | flags::RST_SENT;
    });
    assert_eq!((end.cause, end.rst), (CloseCause::LocalAbortLinger0, Some(Reset::Sent)));
}

#[test]
fn unread_data_wins_over_linger_0() {
    let end = end(ESTABLISHED, |conn| {
        by_us(conn);
        conn.unread = 1;
        conn.flags |= flags::LINGER0;
    });
    assert_eq!(end.cause, CloseCause::LocalAbortUnread);
}

#[test]
fn row_8_reset_by_peer() {
    let end = end(ESTABLISHED, |conn| {
        conn.flags = flags::RST_RECEIVED;
        conn.sk_err = ECONNRESET;
    });
    assert_eq!((end.cause, end.rst), (CloseCause::ResetByPeer, Some(Reset::Received)));
    assert_eq!((end.errno, end.how), (Some(104), None));
}

#[test]
fn row_9_stale_reuse() {
    let end = end(CLOSE_WAIT, |conn| {
        conn.first = first::PEER;
        conn.flags = flags::RST_RECEIVED | flags::TASK;
        conn.sk_err = EPIPE;
    });
    assert_eq!((end.cause, end.errno), (CloseCause::ResetAfterPeerFin, Some(32)));
}

#[test]
fn rows_10_11_12_and_19_failed_dials() {
    let cause = |sk_err, received: bool, shutdown, segs_out| {
        end(SYN_SENT, |conn| {
            conn.sk_err = sk_err;
            conn.flags = flags::TASK | if received { flags::RST_RECEIVED } else { 0 };
            conn.shutdown = shutdown;
            conn.segs_out = segs_out;
        })
        .cause
    };
    assert_eq!(cause(111, true, 0, 1), CloseCause::ConnectRefused);
    assert_eq!(cause(110, false, 0, 4), CloseCause::ConnectTimeout);
    assert_eq!(cause(113, false, 0, 2), CloseCause::ConnectUnreachable);
    assert_eq!(cause(0, false, 3, 1), CloseCause::DialCancelled);
    assert_eq!(cause(0, false, 0, 0), CloseCause::ConnectNoPort);
    assert_eq!(cause(103, false, 0, 1), CloseCause::AdminAbort);
}

#[test]
fn row_11d_never_accepted() {
    let end = end(ESTABLISHED, |conn| conn.flags = flags::NO_SOCKET);
    assert_eq!(end.cause, CloseCause::NeverAccepted);
}

#[test]
fn row_14_timeouts() {
    let cause = |old, set: fn(&mut Conn)| {
        end(old, |conn| {
            conn.sk_err = ETIMEDOUT;
            set(conn);
        })
        .cause
    };
    assert_eq!(cause(ESTABLISHED, |c| c.unacked = 9), CloseCause::RetransmitTimeout);
    assert_eq!(
        cause(ESTABLISHED, |c| (c.unacked, c.user_timeout_ms) = (9, 500)),
        CloseCause::UserTimeout
    );
    assert_eq!(
        cause(ESTABLISHED, |c| c.flags = flags::KEEPALIVE | flags::RST_SENT_BEFORE_END),
        CloseCause::KeepaliveTimeout
    );
    assert_eq!(
        cause(ESTABLISHED, |c| (c.probes_out, c.flags) = (3, flags::WINDOW_CLOSED)),
        CloseCause::ZeroWindowTimeout
    );
    let link_down = cause(ESTABLISHED, |c| c.probes_out = 3);
    assert_eq!(link_down, CloseCause::RetransmitTimeout, "our own link was down");
    assert_eq!(cause(FIN_WAIT1, |c| c.unacked = 1), CloseCause::CloseUnackedTimeout);
    assert_eq!(end(ESTABLISHED, |conn| conn.sk_err = 113).cause, CloseCause::NetError);
}

#[test]
fn row_15_ss_kill_is_the_administrators_doing() {
    let end = end(ESTABLISHED, |conn| {
        conn.sk_err = ECONNABORTED;
        conn.flags = flags::TASK | flags::RST_SENT | flags::RST_SENT_BEFORE_END;
    });
    assert_eq!((end.cause, end.initiator), (CloseCause::AdminAbort, Initiator::Admin));
}

#[test]
fn row_18_disconnect() {
    assert_eq!(end(ESTABLISHED, |conn| conn.flags = flags::TASK).cause, CloseCause::Disconnect);
}

#[test]
fn row_26_a_reset_after_our_close_is_told_from_row_32_the_kernels_own() {
    let mut conn = blank();
    conn.old_state = FIN_WAIT2;
    conn.first = first::LOCAL;
    conn.flags = flags::RST_RECEIVED;
    conn.sk_err = ECONNRESET;
    let end = named(&conn, None);
    assert_eq!((end.cause, end.rst), (CloseCause::LocalCloseThenReset, Some(Reset::Received)));

    let late = Late { kind: 2, abi: 2, len: 32, cookie: 1, at_ns: 1, rst_reason: 5, reserved: 0 };
    let end = named(&conn, Some(&late));
    assert_eq!((end.cause, end.rst), (CloseCause::LocalClose, Some(Reset::Sent)));
    assert_eq!((end.late_peer_data, end.errno), (true, None));
    assert_eq!(end.rst_reason.as_deref(), Some("reason-5"));
}

#[test]
fn what_is_not_known_is_called_unknown() {
    let end = end(ESTABLISHED, |_| {});
    assert_eq!((end.cause, end.initiator), (CloseCause::Unknown, Initiator::Unknown));
}

#[test]
fn an_end_that_was_missed_is_named_only_if_the_fins_tell() {
    let cause = |old| end(old, |conn| conn.flags = flags::END_MISSED | flags::DEAD).cause;
    assert_eq!(cause(FIN_WAIT1), CloseCause::LocalClose);
    assert_eq!(cause(LAST_ACK), CloseCause::PeerClose);
    assert_eq!(cause(ESTABLISHED), CloseCause::Unknown);
    assert_eq!(cause(SYN_SENT), CloseCause::Unknown);
}

#[test]
fn of_an_end_that_nobody_saw_no_counter_is_told() {
    let told = |segs_out: u32, end_ns: u64| {
        end(FIN_WAIT1, |conn| {
            conn.flags = flags::END_MISSED;
            (conn.segs_out, conn.first_close_ns, conn.end_ns) = (segs_out, 5, end_ns);
        })
    };
    assert_eq!((told(0, 9).unacked_bytes, told(0, 9).idle_s.is_some()), (None, true));
    assert_eq!(told(0, 5).idle_s, None, "not even its first close was seen");
    assert_eq!(told(3, 9).unacked_bytes, Some(0), "taken as the socket was freed");
}

#[test]
fn a_dial_that_connect_itself_refused_is_named_by_its_errno() {
    let cause = |errno| {
        let end = end(CLOSE, |conn| {
            conn.flags = flags::NO_SYN;
            conn.connect_errno = errno;
        });
        (end.cause, end.errno)
    };
    assert_eq!(cause(ENETUNREACH), (CloseCause::ConnectNoRoute, Some(101)));
    assert_eq!(cause(EHOSTUNREACH), (CloseCause::ConnectNoRoute, Some(113)));
    assert_eq!(cause(EADDRNOTAVAIL), (CloseCause::ConnectNoPort, Some(99)));
    // A policy (EPERM), or no way to see what it returned.
    assert_eq!(cause(1), (CloseCause::DialAborted, Some(1)));
    assert_eq!(cause(0), (CloseCause::DialAborted, None));
}

#[test]
fn a_dial_with_a_port_did_not_fail_for_want_of_one() {
    let cause = |sport| {
        let end = end(SYN_SENT, |conn| {
            conn.flags = flags::TASK;
            conn.sport = sport;
        });
        (end.cause, end.errno)
    };
    assert_eq!(cause(0), (CloseCause::ConnectNoPort, Some(99)));
    assert_eq!(cause(1234), (CloseCause::DialAborted, None));
}

#[test]
fn a_dial_that_shutdown_ends_is_cancelled() {
    let end = end(SYN_SENT, |conn| {
        conn.flags = flags::TASK;
        conn.segs_out = 1;
        conn.sport = 1234;
    });
    assert_eq!((end.cause, end.initiator), (CloseCause::DialCancelled, Initiator::Local));
}

#[test]
fn an_unfinished_handshake_ends_by_reset_timeout_or_its_listener() {
    let cause = |flags, sk_err| {
        end(SYN_RECV, |conn| {
            conn.flags = flags;
            conn.sk_err = sk_err;
        })
        .cause
    };
    assert_eq!(cause(flags::RST_RECEIVED, ECONNRESET), CloseCause::HandshakeReset);
    assert_eq!(cause(flags::NO_SOCKET, ETIMEDOUT), CloseCause::HandshakeFailed);
    assert_eq!(cause(flags::NO_SOCKET, 0), CloseCause::NeverAccepted);
}

#[test]
fn an_aborted_subflow_of_mptcp_was_not_never_accepted() {
    let cause = |opened: u8, owner_tgid: u32| {
        end(ESTABLISHED, |conn| {
            conn.flags = flags::MPTCP | flags::NO_SOCKET;
            (conn.opened, conn.owner_tgid) = (opened, owner_tgid);
        })
        .cause
    };
    assert_eq!(cause(opened::ACTIVE, 7), CloseCause::LocalAbort);
    assert_eq!(cause(opened::PASSIVE, 7), CloseCause::LocalAbort);
    assert_eq!(cause(opened::PASSIVE, 0), CloseCause::Unknown, "accepted or not");
}
