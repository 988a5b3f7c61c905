//! When `hoard` speaks and when it must not.

use crate::aggregate::support::{Build, MILLI, SECOND};
use crate::connection::{Connection, OpenCause};
use crate::detect::support::{codes, judged_since, lacks, measure, only};
use crate::detect::{Code, Confidence};

/// `count` connections that stay open, one more every `every_ms`.
fn piling(count: u64, every_ms: u64, shape: impl Fn(Build) -> Build) -> Vec<Connection> {
    (0..count).map(|n| shape(Build::client().at(n * every_ms * MILLI + 1, 0)).live()).collect()
}

#[test]
fn a_connection_from_before_does_not_hide_the_pile() {
    // Its control group is not known, so that the same process is counted in two parts.
    let mut history = piling(75, 200, |build| build);
    let mut before = Build::client().at(1, 0).live();
    before.owner_cgroup = None;
    before.opened_ns = None;
    history.push(before);
    assert_eq!(codes(&history, 15), [Code::Hoard]);
}

#[test]
fn a_transport_per_request_that_is_never_closed_is_found() {
    let idle = piling(75, 200, |build| build.open_cause(OpenCause::IdleAvailable));
    let finding = only(&idle, 15);
    assert_eq!((finding.code, finding.confidence), (Code::Hoard, Confidence::Medium));
    assert!(measure(&finding, "idle_connections") >= 69.0);
    assert!(measure(&finding, "dials_while_idle") >= 75.0);
    assert!(!finding.doubts.is_empty());
}

#[test]
fn a_pool_that_waits_for_slow_answers_is_silent() {
    let mut waiting = piling(75, 200, |build| build);
    for connection in &mut waiting {
        connection.unanswered = true;
    }
    assert_eq!(codes(&waiting, 15), []);
}

#[test]
fn connections_that_could_not_be_asked_are_not_called_idle() {
    let mut unknown = piling(75, 200, |build| build);
    for connection in &mut unknown {
        connection.last_data_ns = None;
    }
    assert_eq!(codes(&unknown, 15), []);
}

#[test]
fn a_tls_handshake_is_discounted() {
    assert_eq!(codes(&piling(75, 200, |b| b.port(443).exchanges(3)), 15), [Code::Hoard]);
    assert_eq!(codes(&piling(75, 200, |b| b.port(80).exchanges(3)), 15), []);
}

#[test]
fn a_pool_that_warms_up_is_silent() {
    // Dials for five seconds, then no more for fifteen.
    assert_eq!(codes(&piling(50, 100, |build| build), 20), []);
}

#[test]
fn a_burst_is_silent() {
    let mut history = piling(200, 5, |build| build);
    history.push(Build::client().at(10 * SECOND, 0).live());
    assert_eq!(codes(&history, 12), []);
}

#[test]
fn a_connection_per_thread_stops_growing_and_is_silent() {
    assert_eq!(codes(&piling(16, 300, |build| build), 30), []);
}

#[test]
fn a_pool_made_before_the_observation_is_silent() {
    let history: Vec<_> = (0..50).map(|_| Build::preexisting().live()).collect();
    assert_eq!(codes(&history, 15), []);
}

#[test]
fn a_growing_pool_in_use_is_silent() {
    assert_eq!(codes(&piling(75, 200, |build| build.exchanges(8)), 15), []);
}

#[test]
fn a_few_spares_beside_a_pool_in_use_are_silent() {
    let mut history = piling(30, 500, |build| build);
    history.extend(piling(60, 200, |build| build.exchanges(8)));
    assert_eq!(codes(&history, 15), []);
}

#[test]
fn nine_are_a_pool() {
    assert_eq!(codes(&piling(9, 1_500, |build| build), 15), []);
}

#[test]
fn connections_that_never_carried_anything_do_not_count() {
    assert_eq!(codes(&piling(75, 200, |build| build.exchanges(0)), 15), []);
}

#[test]
fn connections_that_are_closed_again_are_no_hoard() {
    let history: Vec<_> = (0..60)
        .map(|n| n * 250 * MILLI + 1)
        .map(|at| Build::client().at(at, at + 2 * SECOND).idle_s(2.0).end())
        .collect();
    assert!(lacks(Code::Hoard, &history, 15));
}

#[test]
fn what_opened_within_two_seconds_may_be_a_warm_up() {
    assert_eq!(codes(&piling(25, 100, |build| build), 4), []);
}

#[test]
fn a_set_that_was_there_and_gained_a_few_is_silent() {
    let mut history = piling(40, 100, |build| build);
    history.extend((11..15).map(|n| Build::client().at(n * SECOND, 0).live()));
    let nobody = std::collections::BTreeMap::new();
    assert!(judged_since(10, &history, 17, &nobody).findings(0).is_empty());
}

#[test]
fn connections_in_use_are_not_idle() {
    assert_eq!(codes(&piling(75, 200, |build| build.last_read(15 * SECOND)), 15), []);
}

#[test]
fn an_unknown_process_is_not_accused() {
    assert_eq!(codes(&piling(75, 200, Build::nobody), 15), []);
}
