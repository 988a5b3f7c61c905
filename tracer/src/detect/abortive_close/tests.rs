//! When `abortive-close` speaks and when it must not.

use crate::aggregate::support::{Build, MILLI, SECOND};
use crate::connection::{CloseCause, Connection, Initiator};
use crate::detect::support::{codes, measure, one_by_one, only};
use crate::detect::{Code, Confidence, Severity};

fn aborts(count: u64, shape: impl Fn(Build) -> Build) -> Vec<Connection> {
    let abort = |build: Build| build.cause(CloseCause::LocalAbortLinger0, Initiator::Local);
    one_by_one(count, 100, |build| shape(abort(build.exchanges(900))))
}

#[test]
fn data_thrown_away_by_an_abort_is_a_warning() {
    let finding = only(&aborts(40, |build| build.unacked(5_000)), 6);
    assert_eq!((finding.code, finding.severity), (Code::AbortiveClose, Severity::Warn));
    assert_eq!(finding.confidence, Confidence::High);
    assert!(finding.summary.contains("40 with data on the way"), "{}", finding.summary);
    assert_eq!(measure(&finding, "unacknowledged_bytes").to_string(), "200000");
}

#[test]
fn aborts_that_lose_nothing_are_information() {
    let finding = only(&aborts(40, |build| build.unacked(0)), 6);
    assert_eq!(finding.severity, Severity::Info);
    assert!(finding.summary.contains("had been acknowledged"), "{}", finding.summary);
}

#[test]
fn a_server_that_aborts_is_told_what_its_clients_see() {
    let history: Vec<_> = (0..40)
        .map(|n| Build::server().at(n * 100 * MILLI + 1, n * 100 * MILLI + 9).unacked(900))
        .map(|build| build.cause(CloseCause::LocalAbortLinger0, Initiator::Local).end())
        .collect();
    let finding = only(&history, 6);
    assert_eq!(finding.severity, Severity::Warn);
    assert!(finding.summary.contains("its clients see"), "{}", finding.summary);
}

#[test]
fn health_checks_that_carry_nothing_are_silent() {
    assert_eq!(codes(&aborts(40, |build| build.exchanges(0).bytes(0, 0).unacked(0)), 6), []);
    assert_eq!(codes(&aborts(40, |build| build.exchanges(0)), 6), [], "what is not known is not");
}

#[test]
fn health_checks_of_one_request_are_silent() {
    let history: Vec<_> = (0..20)
        .map(|n| Build::client().at(n * SECOND + 1, n * SECOND + 2 * MILLI).unacked(0))
        .map(|build| build.cause(CloseCause::LocalAbortLinger0, Initiator::Local).end())
        .collect();
    assert_eq!(codes(&history, 21), []);
}

#[test]
fn a_protocol_that_only_writes_carries_something() {
    let history = aborts(40, |build| build.exchanges(0).bytes(700, 0).unacked(0));
    assert_eq!(codes(&history, 6), [Code::AbortiveClose]);
}

#[test]
fn nine_and_less_than_half_are_error_paths() {
    assert_eq!(codes(&aborts(9, |build| build.unacked(9)), 6), []);
    let mut history = aborts(40, |build| build.unacked(9));
    history.extend(one_by_one(41, 100, |build| build.exchanges(900)));
    assert_eq!(codes(&history, 6), []);
}

#[test]
fn the_end_of_the_process_is_silent() {
    assert_eq!(codes(&aborts(40, |build| build.unacked(9).how("exit:SIGKILL")), 6), []);
}

#[test]
fn it_is_listed_under_the_redialling_it_belongs_to() {
    let history = one_by_one(40, 100, |build| {
        build.cause(CloseCause::LocalAbortLinger0, Initiator::Local).unacked(9)
    });
    let finding = only(&history, 6);
    assert_eq!(finding.code, Code::OneShot);
    assert_eq!(finding.consequences[0].code, Code::AbortiveClose);
}
