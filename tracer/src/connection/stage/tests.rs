//! What is told in which interval.

use super::*;
use crate::connection::Phase;
use crate::decode::testing::blank;

const S: u64 = 1_000_000_000;

fn conn(cookie: u64, open_ns: u64, end_ns: u64) -> Conn {
    Conn {
        cookie,
        open_ns,
        end_ns,
        first_close_ns: end_ns,
        established_ns: open_ns,
        opened: opened::ACTIVE,
        old_state: if end_ns == 0 { 0 } else { 5 },
        state: if end_ns == 0 { 1 } else { 7 },
        first: u8::from(end_ns != 0),
        ..blank()
    }
}

fn stage() -> Connections {
    Connections::new(Facts { tick_ns: 4_000_000, ..Facts::default() }, 0)
}

fn late(cookie: u64, at_ns: u64) -> Late {
    Late { kind: 2, abi: 2, len: 32, cookie, at_ns, rst_reason: 0, reserved: 0 }
}

#[test]
fn a_connection_that_ended_just_now_waits_one_tick_and_is_open_meanwhile() {
    let mut stage = stage();
    stage.ended(conn(1, S, 2 * S - 1));
    let tick = stage.tick(2 * S, false);
    assert_eq!((tick.ended.len(), tick.live.len()), (0, 1));
    assert!(matches!(tick.live[0].phase, Phase::Open { .. }));
    stage.late(late(1, 2 * S));
    let tick = stage.tick(3 * S, false);
    assert_eq!((tick.ended.len(), tick.live.len()), (1, 0));
    assert!(tick.ended[0].close().unwrap().late_peer_data);
    assert_eq!(stage.late_unjoined(), 0);
}

#[test]
fn a_connection_opened_after_the_cut_belongs_to_the_next_interval() {
    let mut stage = stage();
    stage.live(conn(1, 2 * S - 1, 0));
    assert_eq!(stage.tick(2 * S, false).live.len(), 0);
    stage.live(conn(1, 2 * S - 1, 0));
    assert_eq!(stage.tick(3 * S, false).live.len(), 1);
}

#[test]
fn the_last_tick_waits_for_nothing() {
    let mut stage = stage();
    stage.ended(conn(1, S, 2 * S - 1));
    assert_eq!(stage.tick(2 * S, true).ended.len(), 1);
}

#[test]
fn an_open_cause_is_named_once_and_kept() {
    let mut stage = stage();
    stage.live(conn(1, S, 0));
    assert_eq!(stage.tick(2 * S, false).live[0].open_cause, OpenCause::First);
    stage.ended(conn(1, S, 3 * S));
    stage.ended(conn(2, S / 2, S));
    assert_eq!(stage.tick(4 * S, true).ended[1].open_cause, OpenCause::First);
}

#[test]
fn late_data_without_its_connection_is_counted() {
    let mut stage = stage();
    stage.late(late(9, S));
    stage.tick(2 * S, true);
    assert_eq!(stage.late_unjoined(), 1);
}

#[test]
fn a_snapshot_entry_that_ended_meanwhile_is_left_to_its_record() {
    let mut stage = stage();
    stage.live(Conn { flags: flags::SENT, ..conn(1, S, 2 * S) });
    let tick = stage.tick(3 * S, true);
    assert_eq!((tick.ended.len(), tick.live.len()), (0, 0));
}

#[test]
fn a_connection_that_ends_while_the_snapshot_is_taken_is_counted_once() {
    let mut stage = stage();
    stage.live(conn(1, S, 0));
    stage.ended(conn(1, S, 2 * S + 1));
    assert_eq!(stage.tick(2 * S, true).live.len(), 1);
}

/// Its application keeps the descriptor: the record waits.
fn half_closed(cookie: u64, open_ns: u64, end_ns: u64) -> Conn {
    Conn { flags: flags::HALF_CLOSED, ..conn(cookie, open_ns, end_ns) }
}

#[test]
fn a_record_that_comes_back_while_a_snapshot_is_taken_is_told_once() {
    let mut stage = stage();
    let over = half_closed(1, S, 2 * S);
    stage.live(over);
    assert_eq!(stage.tick(3 * S, false).ended.len(), 1, "taken, as its record may never come");
    stage.live(over);
    stage.ended(Conn { flags: over.flags | flags::SENT, ..over });
    assert_eq!(stage.tick(4 * S, false).ended.len(), 0);
    assert_eq!(stage.tick(5 * S, true).ended.len(), 0);
}

#[test]
fn one_that_ended_a_moment_ago_is_open_at_the_cut_though_its_record_is_not_here() {
    let mut stage = stage();
    let over = half_closed(1, S, 2 * S - 1);
    stage.live(over);
    let tick = stage.tick(2 * S, false);
    assert_eq!((tick.ended.len(), tick.live.len()), (0, 1));
    let cause = tick.live[0].open_cause;
    stage.ended(Conn { flags: over.flags | flags::SENT, ..over });
    let tick = stage.tick(3 * S, false);
    assert_eq!((tick.ended.len(), tick.live.len()), (1, 0));
    assert_eq!(tick.ended[0].open_cause, cause, "it kept its name");
    stage.live(half_closed(2, S, 4 * S - 1));
    assert_eq!(stage.tick(4 * S, true).ended.len(), 1, "no tick follows");
}

#[test]
fn a_dial_before_its_syn_is_not_open() {
    let mut stage = stage();
    stage.live(Conn { state: CLOSE, ..conn(1, S, 0) });
    assert_eq!(stage.tick(2 * S, true).live.len(), 0);
}

#[test]
fn an_entry_that_the_walk_of_the_table_yields_twice_is_counted_once() {
    // The kernel restarts a walk whose current key was deleted meanwhile.
    let mut stage = stage();
    stage.live(conn(1, S, 0));
    stage.live(conn(1, S, 0));
    assert_eq!(stage.tick(2 * S, true).live.len(), 1);
}

#[test]
fn what_an_interval_takes_is_bounded_and_the_rest_is_counted() {
    let mut stage = stage();
    stage.bounds = Bounds { records: 10, open: 20 };
    for cookie in 1..=100 {
        stage.ended(conn(cookie, S, 2 * S - 1));
        stage.live(conn(1_000 + cookie, S, 0));
    }
    let evicted = stage.evicted();
    assert_eq!((evicted.of(Evicted::Records), evicted.of(Evicted::Open)), (90, 80));
    let tick = stage.tick(2 * S, true);
    assert_eq!((tick.ended.len(), tick.live.len()), (10, 20));
    stage.ended(conn(101, 2 * S, 3 * S - 1));
    assert_eq!(stage.tick(3 * S, true).ended.len(), 1, "there is room again");
}

#[test]
fn late_facts_that_wait_are_bounded_and_the_rest_is_counted() {
    let mut stage = stage();
    for cookie in 1..=LATE_CAPACITY as u64 + 9 {
        stage.late(late(cookie, S));
    }
    assert_eq!((stage.late.len(), stage.late_unjoined()), (LATE_CAPACITY, 9));
}

#[test]
fn a_late_reset_without_cookie_is_pinned_on_nobody() {
    // Kernel 5.10: every cookie is 0.
    let mut stage = stage();
    stage.ended(conn(0, S, 2 * S - 1));
    stage.late(late(0, 2 * S - 2));
    assert!(!stage.tick(2 * S, true).ended[0].close().unwrap().late_peer_data);
}

#[test]
fn a_redial_after_our_close_is_no_parallel_dial_though_the_record_comes_later() {
    // The FIN is sent before the cut, and acknowledged (delayed ACK) after it.
    let mut stage = stage();
    let cut = 2 * S - LATE_WAIT_NS;
    let fin = cut - 20_000_000;
    stage.ended(Conn { first_close_ns: fin, ..conn(1, S, cut + 20_000_000) });
    stage.live(conn(2, fin + 10_000_000, 0));
    let tick = stage.tick(2 * S, false);
    assert_eq!(tick.live[0].open_cause, OpenCause::AfterLocalClose);
}

#[test]
fn causes_that_are_kept_go_with_their_connection_and_those_told_anew_are_not_kept() {
    let mut stage = stage();
    for round in 0..5_u64 {
        let at = (round + 1) * S;
        for n in 1..=1_000 {
            let cookie = round * 10_000 + n;
            stage.live(Conn { dport: 80, ..conn(cookie, at - 1, 0) });
            stage.live(Conn { opened: opened::PASSIVE, ..conn(5_000 + cookie, at - 1, 0) });
        }
        assert_eq!(stage.tick(at, true).live.len(), 2_000);
        assert_eq!(stage.named.len(), 1_000);
    }
    stage.tick(9 * S, true);
    assert_eq!((stage.named.len(), stage.named.capacity()), (0, 0), "room is given back");
}
