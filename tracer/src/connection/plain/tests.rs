//! The truth table as the plain tier sees it, row by row.

use super::*;
use crate::connection::Served;
use crate::decode::testing::blank;

const ALL: Sees = Sees { errors: true, releases: true };
/// A kernel of 5.10 without control groups.
const LEAST: Sees = Sees { errors: false, releases: false };

fn end(old_state: u8, sees: Sees, set: impl FnOnce(&mut Conn)) -> Close {
    let mut conn = Conn {
        old_state,
        end_ns: 1_000_000_000,
        sport: 40_000,
        owner_tgid: 7,
        flags: flags::PLAIN,
        ..blank()
    };
    set(&mut conn);
    named(&conn, None, sees)
}

fn named(conn: &Conn, late: Option<&Late>, sees: Sees) -> Close {
    let context = Context {
        tick_ns: 4_000_000,
        sees_close: false,
        sees,
        served: &Served::default(),
        reset_reasons: &|reason| Some(format!("reason-{reason}").into()),
    };
    // As the stage calls it.
    crate::connection::close::close(conn, late, &context)
}

fn cause_of(old_state: u8, sees: Sees, set: impl FnOnce(&mut Conn)) -> CloseCause {
    end(old_state, sees, set).cause
}

/// The last holder lets go, and the kernel frees the socket in the same call.
fn released(conn: &mut Conn) {
    conn.flags |= flags::SAW_RELEASE;
    conn.closer_tgid = 7;
    conn.polled_ns = conn.end_ns + 2_000;
}

#[test]
fn row_1_we_close_first_and_the_server_sees_a_peer_close() {
    let ours = end(FIN_WAIT2, ALL, |conn| {
        conn.first = first::LOCAL;
        released(conn);
    });
    assert_eq!((ours.cause, ours.initiator), (CloseCause::LocalClose, Initiator::Local));
    assert_eq!((ours.rst, ours.errno, ours.how.as_deref()), (None, None, None));
    assert_eq!(ours.closer.map(|closer| closer.pid), Some(7));
    let theirs = end(LAST_ACK, ALL, |conn| {
        conn.first = first::PEER;
        released(conn);
    });
    assert_eq!((theirs.cause, theirs.after_peer_fin), (CloseCause::PeerClose, true));
}

#[test]
fn row_4_both_close_at_once() {
    assert_eq!(cause_of(CLOSING, ALL, |_| ()), CloseCause::SimultaneousClose);
}

#[test]
fn row_5_a_fin_without_a_release_is_a_shutdown_where_releases_are_seen() {
    let how = |sees| {
        let end = end(FIN_WAIT2, sees, |conn| (conn.first, conn.closer_tgid) = (first::LOCAL, 7));
        assert_eq!(end.cause, CloseCause::LocalClose);
        end.how
    };
    assert_eq!(how(ALL).as_deref(), Some("shutdown"));
    assert_eq!(how(LEAST), None);
}

#[test]
fn row_6_a_reset_after_the_release_with_the_peer_intact_is_a_close_on_unread_data() {
    let unread = |sees, set: fn(&mut Conn)| {
        let end = end(ESTABLISHED, sees, |conn| {
            conn.flags |= flags::RST_SENT;
            set(conn);
        });
        assert_eq!((end.unread_bytes, end.rst), (None, Some(Reset::Sent)));
        end.cause
    };
    assert_eq!(unread(ALL, released), CloseCause::LocalAbortUnread);
    let at_once = |conn: &mut Conn| conn.polled_ns = conn.end_ns + 2_000;
    assert_eq!(unread(LEAST, at_once), CloseCause::LocalAbortUnread, "freed at once");
    assert_eq!(unread(ALL, at_once), CloseCause::Disconnect, "nobody has let go");
}

#[test]
fn row_7_the_same_with_the_peer_forgotten_is_linger_0() {
    let linger = |sees, released: fn(&mut Conn)| {
        cause_of(CLOSE_WAIT, sees, |conn| {
            conn.flags |= flags::RST_SENT | flags::DISCONNECTED;
            released(conn);
        })
    };
    assert_eq!(linger(ALL, released), CloseCause::LocalAbortLinger0);
    let at_once = |conn: &mut Conn| conn.polled_ns = conn.end_ns + 2_000;
    assert_eq!(linger(LEAST, at_once), CloseCause::LocalAbortLinger0);
}

#[test]
fn row_8_and_9_a_reset_received_names_the_peer_and_its_errno() {
    let reset = |old| {
        end(old, ALL, |conn| {
            conn.flags |= flags::RST_RECEIVED;
            conn.closer_tgid = 99;
        })
    };
    let established = reset(ESTABLISHED);
    assert_eq!((established.cause, established.errno), (CloseCause::ResetByPeer, Some(104)));
    assert_eq!((established.rst, established.closer), (Some(Reset::Received), None));
    let after_fin = reset(CLOSE_WAIT);
    assert_eq!((after_fin.cause, after_fin.errno), (CloseCause::ResetAfterPeerFin, Some(32)));
    assert_eq!(reset(SYN_RECV).cause, CloseCause::HandshakeReset);
    assert_eq!(reset(FIN_WAIT2).cause, CloseCause::LocalCloseThenReset, "row 26");
    let missed = cause_of(ESTABLISHED, ALL, |conn| conn.sk_err = 104);
    assert_eq!(missed, CloseCause::ResetByPeer, "its event was missed, its error was not");
}

#[test]
fn row_10_a_refused_dial() {
    let end = end(SYN_SENT, LEAST, |conn| conn.flags |= flags::RST_RECEIVED);
    assert_eq!((end.cause, end.errno), (CloseCause::ConnectRefused, Some(111)));
    assert_eq!((end.initiator, end.idle_s), (Initiator::Peer, None));
}

#[test]
fn row_11_a_dial_that_fails_is_named_by_its_error() {
    let failed = |errno| cause_of(SYN_SENT, ALL, |conn| conn.sk_err = errno);
    assert_eq!(failed(110), CloseCause::ConnectTimeout);
    assert_eq!(failed(113), CloseCause::ConnectUnreachable);
    assert_eq!(failed(103), CloseCause::AdminAbort);
    assert_eq!(failed(0), CloseCause::DialAborted, "nothing tells");
}

#[test]
fn row_11_without_errors_a_retried_dial_is_a_timeout() {
    let late = cause_of(SYN_SENT, LEAST, |conn| conn.open_ns = 0);
    assert_eq!(late, CloseCause::ConnectTimeout, "a second later");
    let counted = |retransmits| {
        cause_of(SYN_SENT, LEAST, |conn| {
            conn.flags |= flags::COUNTERS;
            conn.retransmits = retransmits;
        })
    };
    assert_eq!(counted(1), CloseCause::ConnectTimeout);
    assert_eq!(counted(0), CloseCause::DialAborted);
}

#[test]
fn row_11d_a_connection_closed_with_its_listener_was_never_accepted() {
    let end = end(ESTABLISHED, ALL, |conn| {
        conn.flags |= flags::UNACCEPTED | flags::RST_SENT;
        conn.closer_tgid = 7;
    });
    assert_eq!((end.cause, end.closer), (CloseCause::NeverAccepted, None));
    let accepted = cause_of(ESTABLISHED, ALL, |conn| {
        conn.flags |= flags::UNACCEPTED | flags::RST_SENT;
        released(conn);
    });
    assert_eq!(accepted, CloseCause::LocalAbortUnread, "its holder let go of it");
}

#[test]
fn row_12_a_dial_that_its_process_gives_up() {
    let by = |sees, set: fn(&mut Conn)| cause_of(SYN_SENT, sees, set);
    assert_eq!(by(ALL, released), CloseCause::DialCancelled);
    let freed: fn(&mut Conn) = |conn| {
        conn.closer_tgid = 7;
        conn.open_ns = conn.end_ns - 1;
        conn.polled_ns = conn.end_ns + 2_000;
    };
    assert_eq!(by(LEAST, freed), CloseCause::DialCancelled);
    let by_another: fn(&mut Conn) = |conn| {
        conn.closer_tgid = 8;
        conn.open_ns = conn.end_ns - 1;
        conn.polled_ns = conn.end_ns + 2_000;
    };
    assert_eq!(by(LEAST, by_another), CloseCause::DialAborted, "current means nothing");
}

#[test]
fn row_13_an_exit_is_told_without_its_code() {
    let end = end(FIN_WAIT2, ALL, |conn| {
        conn.first = first::LOCAL;
        released(conn);
        conn.flags |= flags::EXITING;
    });
    assert_eq!((end.cause, end.how.as_deref()), (CloseCause::LocalClose, Some("exit:unknown")));
    let interrupted = self::end(ESTABLISHED, ALL, |conn| {
        conn.sk_err = 110;
        conn.closer_tgid = 9;
        conn.flags |= flags::EXITING;
    });
    assert_eq!((interrupted.closer, interrupted.how), (None, None), "a timer ended it");
}

#[test]
fn row_14_timeouts_are_told_as_far_as_counters_go() {
    let timed_out = |set: fn(&mut Conn)| {
        cause_of(ESTABLISHED, ALL, |conn| {
            conn.sk_err = 110;
            set(conn);
        })
    };
    assert_eq!(timed_out(|_| ()), CloseCause::RetransmitTimeout, "the vaguest");
    assert_eq!(
        timed_out(|conn| conn.flags |= flags::RST_SENT | flags::RST_SENT_BEFORE_END),
        CloseCause::KeepaliveTimeout
    );
    assert_eq!(
        timed_out(|conn| conn.flags |= flags::COUNTERS),
        CloseCause::ZeroWindowTimeout,
        "nothing was unacknowledged"
    );
    assert_eq!(
        timed_out(|conn| {
            conn.flags |= flags::COUNTERS;
            conn.unacked = 10;
        }),
        CloseCause::RetransmitTimeout
    );
    assert_eq!(cause_of(ESTABLISHED, ALL, |conn| conn.sk_err = 113), CloseCause::NetError);
    assert_eq!(cause_of(FIN_WAIT1, ALL, |_| ()), CloseCause::CloseUnackedTimeout);
}

#[test]
fn a_last_fin_without_acknowledgement_is_told_by_counters_only() {
    let last = |bits| cause_of(LAST_ACK, ALL, |conn| conn.flags |= bits);
    assert_eq!(last(0), CloseCause::PeerClose);
    assert_eq!(last(flags::COUNTERS | flags::FIN_ACKED), CloseCause::PeerClose);
    assert_eq!(last(flags::COUNTERS), CloseCause::CloseUnackedTimeout);
}

#[test]
fn row_15_ss_k_is_told_by_its_error_with_who_called_it() {
    let end = end(ESTABLISHED, ALL, |conn| {
        conn.flags |= flags::RST_SENT | flags::RST_SENT_BEFORE_END;
        (conn.sk_err, conn.closer_tgid) = (103, 9);
    });
    assert_eq!((end.cause, end.initiator), (CloseCause::AdminAbort, Initiator::Admin));
    assert_eq!((end.closer.map(|closer| closer.pid), end.how), (Some(9), None));
    let untold = cause_of(ESTABLISHED, LEAST, |conn| {
        conn.flags |= flags::RST_SENT | flags::RST_SENT_BEFORE_END;
    });
    assert_eq!(untold, CloseCause::Unknown, "or a keepalive, where errors are not told");
}

#[test]
fn row_19_a_dial_without_a_port() {
    let end = end(SYN_SENT, LEAST, |conn| (conn.sport, conn.closer_tgid) = (0, 7));
    assert_eq!((end.cause, end.errno), (CloseCause::ConnectNoPort, Some(99)));
    assert_eq!(end.closer, None, "connect() closes nothing");
}

#[test]
fn row_32_a_reset_that_answers_late_data_is_our_own() {
    let end = end(FIN_WAIT2, ALL, |conn| {
        conn.first = first::LOCAL;
        conn.flags |= flags::RST_RECEIVED | flags::RST_SENT | flags::RST_ANSWERS;
    });
    assert_eq!((end.cause, end.late_peer_data), (CloseCause::LocalClose, true));
    assert_eq!((end.rst, end.errno), (Some(Reset::Sent), None));
}

#[test]
fn a_missed_end_is_unknown_where_only_the_end_would_have_told() {
    let missed = |old| cause_of(old, ALL, |conn| conn.flags |= flags::END_MISSED);
    assert_eq!(missed(ESTABLISHED), CloseCause::Unknown);
    assert_eq!(missed(SYN_SENT), CloseCause::Unknown);
    assert_eq!(missed(FIN_WAIT1), CloseCause::LocalClose);
    assert_eq!(missed(LAST_ACK), CloseCause::PeerClose);
}

#[test]
fn idle_is_told_in_microseconds_or_not_at_all() {
    let idle = |bits| {
        end(FIN_WAIT2, ALL, |conn| {
            conn.idle_jiffies = 1_500_000;
            conn.flags |= bits;
        })
        .idle_s
    };
    assert_eq!(idle(0), None);
    assert_eq!(idle(flags::ACTIVE_KNOWN), Some(1.5));
}
