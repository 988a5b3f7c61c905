//! One cause one finding, the ranking, and what must hold for any input.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use proptest::prelude::*;

use super::*;
use crate::aggregate::support::{Build, MILLI, SECOND, running, ticks};
use crate::connection::{CloseCause, Connection, Initiator, OpenCause, Phase, Reset, TcpState};
use crate::detect::Code;
use crate::detect::support::{codes, findings, judge, one_by_one};
use crate::detect::{Confidence, Severity};
use crate::process::{Identity, ProcessId, Runtime};

#[test]
fn nothing_seen_is_nothing_found() {
    assert_eq!(codes(&[], 10), []);
}

#[test]
fn an_unread_body_explains_one_shot() {
    let mut history = one_by_one(80, 50, |build| build);
    let late = one_by_one(40, 50, Build::late_data);
    assert_eq!(codes(&history, 6), [Code::OneShot]);
    history.extend(late);
    assert_eq!(codes(&history, 6), [Code::UnreadClose]);
}

#[test]
fn a_hoard_explains_its_close_waits() {
    let idle = |n: u64| Build::client().at(n * 100 * MILLI + 1, 0);
    let fin = |n: u64| Some(n * 100 * MILLI + 2 * SECOND);
    let mut history: Vec<_> = (0..40).map(|n| idle(n).close_wait(fin(n)).live()).collect();
    assert_eq!(codes(&history, 14), [Code::CloseWaitLeak]);
    history.extend((0..140).map(|n| idle(n).live()));
    assert_eq!(codes(&history, 14), [Code::Hoard]);
}

#[test]
fn a_short_life_explains_unread_data() {
    let history: Vec<_> = (0..40)
        .map(|n| {
            let at = u64::from(n) * 100 * MILLI + 1;
            Build::client().pid(n + 1).at(at, at + MILLI).unread(99).end()
        })
        .collect();
    assert_eq!(codes(&history, 6), [Code::ShortLivedProcess]);
}

#[test]
fn refused_dials_stand_beside_another_finding() {
    let mut history = one_by_one(50, 50, |build| build);
    history.extend(one_by_one(60, 50, Build::refused));
    assert_eq!(codes(&history, 6), [Code::ConnectRefused, Code::OneShot]);
}

#[test]
fn worse_comes_first_and_then_more() {
    let mut history = one_by_one(50, 50, |build| build.port(1001));
    history.extend(one_by_one(90, 50, |build| build.port(1002)));
    history.extend(one_by_one(10, 50, |build| build.port(1003).refused()));
    let ports: Vec<_> = findings(&history, 6)
        .iter()
        .map(|finding| finding.key.destination.map_or(0, |at| at.port()))
        .collect();
    assert_eq!(ports, [1003, 1002, 1001]);
}

#[test]
fn lost_records_lower_the_confidence() {
    let history = one_by_one(100, 50, |build| build);
    let judge = judge(&history, 6, &BTreeMap::new());
    assert_eq!(judge.findings(0)[0].confidence, Confidence::High);
    let doubted = &judge.findings(7)[0];
    assert_eq!(doubted.confidence, Confidence::Medium);
    assert!(doubted.doubts[0].starts_with("7 records were lost"));
}

#[test]
fn lost_connections_are_told_as_a_share_and_many_of_them_leave_an_indication() {
    let history = one_by_one(100, 50, |build| build);
    let judge = judge(&history, 6, &BTreeMap::new());
    let found = |seen, lost| {
        let coverage = Coverage { seen, lost_connections: lost, lost };
        judge.findings(coverage).remove(0)
    };
    let few = found(990, 10);
    assert_eq!(few.confidence, Confidence::Medium);
    assert!(
        few.doubts[0].starts_with("99 % of the connections were seen, 10 were lost"),
        "{few:?}"
    );
    assert!(!few.summary.contains('%'), "{}", few.summary);
    let many = found(810, 190);
    assert_eq!(many.confidence, Confidence::Low);
    assert!(many.summary.starts_with("of the 81 % of connections that were seen: "), "{many:?}");
    for (finding, share) in [(few, 0.99), (many, 0.81)] {
        let basis = finding.evidence.iter().find(|evidence| evidence.name == "seen_share");
        assert_eq!(basis.map(|evidence| evidence.value), Some(share));
    }
}

#[test]
fn a_threshold_that_is_set_is_used() {
    let history = one_by_one(15, 50, |build| build);
    let mut thresholds = Thresholds::default();
    assert_eq!(thresholds.set("one-shot.min-connections", "16"), Ok(()));
    let mut judge = Judge::new(0, Limits::default(), thresholds);
    for tick in ticks(&history, 2 * SECOND) {
        judge.fold(&tick, &BTreeMap::new());
    }
    assert!(judge.findings(0).is_empty());
    assert_eq!(codes(&history, 2), [Code::OneShot]);
}

#[test]
fn what_overflowed_is_not_judged() {
    let history = one_by_one(100, 50, |build| build);
    let mut judge = Judge::new(0, Limits { keys: 0 }, Thresholds::default());
    for tick in ticks(&history, 6 * SECOND) {
        judge.fold(&tick, &BTreeMap::new());
    }
    assert_eq!((judge.evicted(), judge.findings(0).len()), (100, 0));
}

#[test]
fn every_finding_says_what_why_and_what_to_do() {
    let mut history = one_by_one(50, 50, |build| build.port(1));
    history.extend(one_by_one(50, 50, |build| build.port(2).unread(99)));
    history.extend(one_by_one(50, 50, |build| build.port(3).refused()));
    let all = findings(&history, 4);
    assert_eq!(all.len(), 3);
    for finding in all {
        assert!(finding.summary.ends_with('.') && finding.advice.ends_with('.'));
        assert!(!finding.evidence.is_empty() && !finding.ruled_out.is_empty());
        assert!(finding.severity >= Severity::Warn && finding.connections > 0);
        assert!(finding.first_seen_ns <= finding.last_seen_ns);
        assert!(finding.evidence.iter().all(|evidence| evidence.value.is_finite()));
    }
}

fn any_time() -> impl Strategy<Value = u64> {
    prop_oneof![0..12 * SECOND, Just(0), Just(u64::MAX), any::<u64>()]
}

prop_compose! {
    fn anything()(
        (opened_ns, established_ns, last_data_ns) in prop::array::uniform3(
            prop::option::of(any_time())
        ).prop_map(|[a, b, c]| (a, b, c)),
        (at_ns, fin_ns) in (any_time(), prop::option::of(any_time())),
        (pid, port, is_server) in (0..30_u32, 0..500_u16, any::<bool>()),
        exchanges in prop_oneof![0..4_u32, Just(u32::MAX)],
        cause in prop::sample::select(CloseCause::ALL),
        initiator in prop::sample::select(Initiator::ALL),
        state in prop::sample::select(TcpState::ALL),
        open_cause in prop::sample::select(OpenCause::ALL),
        idle_s in prop::option::of(any::<f64>()),
        (unread, late, fin, live, exit) in (
            prop::option::of(any::<u32>()), any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>()
        ),
    ) -> Connection {
        let build = if is_server { Build::server() } else { Build::client() };
        let build = build.pid(pid).exchanges(exchanges).open_cause(open_cause);
        let mut connection = build.how(if exit { "exit:0" } else { "close" }).end();
        connection.peer = SocketAddr::from(([10, 0, 0, 1], port % 3 + 442));
        (connection.opened_ns, connection.established_ns) = (opened_ns, established_ns);
        connection.last_data_ns = last_data_ns;
        connection.cookie = opened_ns;
        connection.unanswered = fin;
        connection.retransmits = unread;
        (connection.bytes_sent, connection.bytes_received) = (fin_ns, last_data_ns);
        if let Phase::Closed(close) = &mut connection.phase {
            (close.cause, close.initiator, close.at_ns) = (cause, initiator, at_ns);
            (close.idle_s, close.unread_bytes) = (idle_s, unread);
            (close.late_peer_data, close.after_peer_fin) = (late, fin);
            close.unacked_bytes = unread;
            close.rst = late.then_some(Reset::Sent);
        }
        if live {
            connection.phase = Phase::Open { state, peer_fin_ns: fin_ns };
        }
        connection
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_input_is_judged_without_panic_and_whatever_its_order(
        batches in prop::collection::vec(
            (any_time(), prop::collection::vec(anything(), 0..60)), 0..4
        ),
        seed in any::<prop::sample::Index>(),
        lost in any::<u64>(),
    ) {
        let identities: BTreeMap<ProcessId, Identity> = running("/bin/x", 0..15);
        let judged = |shuffle: bool| {
            let mut judge = Judge::new(0, Limits { keys: 20 }, Thresholds::default());
            for (now_ns, batch) in &batches {
                let mut batch = batch.clone();
                if shuffle && !batch.is_empty() {
                    let middle = seed.index(batch.len());
                    batch.rotate_left(middle);
                    batch[middle..].reverse();
                }
                let (ended, live) = batch.into_iter().partition(|c| c.close().is_some());
                judge.fold(&Tick { now_ns: *now_ns, ended, live }, &identities);
            }
            judge.findings(lost)
        };
        prop_assert_eq!(judged(false), judged(true));
    }

    #[test]
    fn shuffled_traffic_gives_the_same_findings(
        counts in prop::collection::vec((5..80_u64, 20..200_u64, 0..4_u8), 1..5),
        seed in any::<prop::sample::Index>(),
    ) {
        let mut history = Vec::new();
        for (port, (count, every_ms, kind)) in (1..).zip(counts) {
            history.extend(one_by_one(count, every_ms, |build| match kind {
                0 => build.port(port),
                1 => build.port(port).unread(999),
                2 => build.port(port).refused(),
                _ => build.port(port).exchanges(9),
            }));
        }
        let mut shuffled = history.clone();
        shuffled.rotate_left(seed.index(history.len()));
        shuffled.reverse();
        prop_assert_eq!(findings(&history, 17), findings(&shuffled, 17));
    }
}

#[test]
fn a_finding_says_what_its_process_runs_on() {
    let mut identities = running("/srv/app", [100]);
    for identity in identities.values_mut() {
        identity.runtime = Runtime::named("go", Some("1.22.5".into()));
    }
    let found = judge(&one_by_one(50, 50, |build| build), 6, &identities).findings(0);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].runtime, Runtime::named("go", Some("1.22.5".into())));
    assert_eq!(findings(&one_by_one(50, 50, |build| build), 6)[0].runtime, None);
}
