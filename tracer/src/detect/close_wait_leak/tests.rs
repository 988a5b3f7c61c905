//! When `close-wait-leak` speaks and when it must not.

use crate::aggregate::support::{Build, MILLI, SECOND};
use crate::connection::{Connection, Role};
use crate::detect::support::{codes, lacks, measure, only};
use crate::detect::{Code, Confidence, Severity};

/// `count` connections, one more every `every_ms`, that the peer closes after 100 ms.
fn leaking(count: u64, every_ms: u64, build: &Build) -> Vec<Connection> {
    (0..count)
        .map(|n| n * every_ms * MILLI + 1)
        .map(|at| build.clone().at(at, 0).close_wait(Some(at + 100 * MILLI)).live())
        .collect()
}

#[test]
fn half_closed_clients_that_are_still_answered_are_silent() {
    let mut history = leaking(150, 100, &Build::server());
    for connection in &mut history {
        connection.last_data_ns = Some(14 * SECOND);
    }
    assert_eq!(codes(&history, 15), []);
}

#[test]
fn a_client_that_never_closes_is_found() {
    let finding = only(&leaking(150, 100, &Build::client()), 15);
    assert_eq!((finding.code, finding.confidence), (Code::CloseWaitLeak, Confidence::High));
    assert_eq!(finding.severity, Severity::Error);
    assert!(measure(&finding, "close_wait") >= 95.0);
    assert!(measure(&finding, "oldest_s") > 14.0);
}

#[test]
fn a_server_that_never_closes_is_found() {
    let finding = only(&leaking(150, 100, &Build::server()), 15);
    assert_eq!((finding.code, finding.key.role), (Code::CloseWaitLeak, Some(Role::Server)));
}

#[test]
fn a_leak_that_takes_days_to_hurt_is_a_warning() {
    let finding = only(&leaking(14, 100_000, &Build::client()), 1_400);
    assert_eq!(finding.severity, Severity::Warn);
}

#[test]
fn an_idle_pool_closed_at_once_by_its_server_is_silent() {
    let history: Vec<_> = (1..=100)
        .map(|n| Build::client().at(n, 0).exchanges(9).close_wait(Some(2 * SECOND)).live())
        .collect();
    assert_eq!(codes(&history, 30), []);
}

#[test]
fn what_was_there_from_the_start_is_silent() {
    let history: Vec<_> = (0..100).map(|_| Build::preexisting().close_wait(None).live()).collect();
    assert_eq!(codes(&history, 30), []);
}

#[test]
fn a_process_that_closes_soon_after_the_peer_is_silent() {
    let history: Vec<_> = (0..150)
        .map(|n| n * 100 * MILLI + 1)
        .map(|at| Build::client().at(at, at + 3 * SECOND).by_peer().end())
        .collect();
    assert!(lacks(Code::CloseWaitLeak, &history, 15));
}

#[test]
fn nine_are_silent() {
    assert_eq!(codes(&leaking(9, 100, &Build::client()), 15), []);
}

#[test]
fn one_that_has_stopped_growing_is_doubted() {
    let finding = only(&leaking(30, 100, &Build::client()), 60);
    assert_eq!(finding.confidence, Confidence::Medium);
    assert!(finding.doubts[0].contains("idle pool"));
}

#[test]
fn nine_that_came_one_by_one_are_silent() {
    assert_eq!(codes(&leaking(9, 700, &Build::client()), 15), []);
    assert_eq!(codes(&leaking(10, 700, &Build::client()), 15), [Code::CloseWaitLeak]);
}

#[test]
fn old_ones_that_gained_a_few_are_silent() {
    let mut history: Vec<_> =
        (0..20).map(|_| Build::preexisting().close_wait(None).live()).collect();
    history.extend((1..5).map(|n| Build::preexisting().close_wait(Some(n * 2 * SECOND)).live()));
    assert_eq!(codes(&history, 30), []);
}

#[test]
fn a_fin_of_a_few_seconds_ago_is_no_leak_yet() {
    assert_eq!(codes(&leaking(50, 100, &Build::client()), 5), []);
}
