//! When `peer-idle-timeout` speaks and when it must not.

use crate::aggregate::support::{Build, MILLI, SECOND};
use crate::connection::{Connection, OpenCause};
use crate::detect::support::{codes, findings, measure, only};
use crate::detect::{Code, Confidence, Severity};

/// A request every `every_ms`, each on a connection of its own, for the server closed the one before
/// after `idle_ms`.
fn timed_out(
    count: u64,
    every_ms: u64,
    idle_ms: u64,
    shape: fn(Build) -> Build,
) -> Vec<Connection> {
    (0..count)
        .map(|n| (n * every_ms * MILLI + 1, idle_ms * MILLI))
        .map(|(at, idle)| {
            let build = Build::client().at(at, at + idle).by_peer();
            shape(build.idle_s(idle as f64 / 1e9)).end()
        })
        .collect()
}

fn as_is(build: Build) -> Build {
    build
}

#[test]
fn a_server_that_lets_go_too_soon_is_found_with_its_time() {
    let finding = only(&timed_out(10, 6_000, 5_000, as_is), 61);
    assert_eq!((finding.code, finding.severity), (Code::PeerIdleTimeout, Severity::Info));
    assert_eq!(finding.confidence, Confidence::High);
    assert!((4.9..5.4).contains(&measure(&finding, "idle_median_s")));
    assert!((0.9..1.1).contains(&measure(&finding, "median_redial_gap_s")));
    assert!(finding.summary.contains("idle for 5.0 s"), "{}", finding.summary);
}

#[test]
fn many_a_second_are_a_warning() {
    let mut history = Vec::new();
    for shift in 0..10 {
        for connection in timed_out(10, 3_000, 2_000, as_is) {
            let at = connection.opened_ns.unwrap_or(0) + shift * 300 * MILLI;
            history.push(Build::client().at(at, at + 2 * SECOND).by_peer().idle_s(2.0).end());
        }
    }
    let finding = only(&history, 34);
    assert_eq!((finding.code, finding.severity), (Code::PeerIdleTimeout, Severity::Warn));
}

#[test]
fn two_are_no_pattern_and_three_are_a_likely_one() {
    assert_eq!(codes(&timed_out(2, 3_000, 2_000, as_is), 10), []);
    let finding = only(&timed_out(3, 3_000, 2_000, as_is), 10);
    assert_eq!((finding.code, finding.confidence), (Code::PeerIdleTimeout, Confidence::Medium));
}

#[test]
fn a_pool_that_ages_out_is_silent() {
    let history: Vec<_> = (0..20)
        .map(|n| Build::client().at(n + 1, 2 * SECOND + n * 300 * MILLI))
        .map(|build| build.exchanges(20).by_peer().idle_s(2.0).end())
        .collect();
    assert_eq!(codes(&history, 20), []);
}

#[test]
fn a_poller_that_comes_back_much_later_is_silent() {
    assert_eq!(codes(&timed_out(10, 15_000, 5_000, as_is), 151), []);
}

#[test]
fn a_restart_of_an_idle_pool_is_silent() {
    let mut history: Vec<_> = (1..=20)
        .map(|n| Build::client().at(n, 4 * SECOND + n).exchanges(9).by_peer().idle_s(2.0).end())
        .collect();
    history
        .extend((1..=20).map(|n| Build::client().at(4 * SECOND + 900 + n, 0).exchanges(9).live()));
    assert_eq!(codes(&history, 8), []);
}

#[test]
fn idle_times_that_differ_are_no_timer() {
    let mut at = 1;
    let history: Vec<_> = (0..12)
        .map(|n| {
            let (from, idle) = (at, (600 + 400 * n) * MILLI);
            at += idle + 10 * MILLI;
            Build::client().at(from, from + idle).by_peer().idle_s(idle as f64 / 1e9).end()
        })
        .collect();
    assert_eq!(codes(&history, 60), []);
}

#[test]
fn a_long_poll_that_the_server_ends_is_silent() {
    assert_eq!(codes(&timed_out(10, 3_000, 2_900, Build::waiting), 31), []);
}

#[test]
fn what_was_written_after_the_fin_makes_no_request_outstanding_before_it() {
    let stale = timed_out(10, 3_000, 2_000, |build| build.stale(300));
    let findings = findings(&stale, 31);
    let found = findings.iter().find(|finding| finding.code == Code::PeerIdleTimeout);
    assert!(found.is_some(), "{findings:#?}");
}

#[test]
fn a_tls_farewell_hides_nothing() {
    // The alert before the FIN is data: by the kernel's account the connection was not idle.
    let finding = only(&timed_out(8, 4_000, 3_000, |build| build.port(443).idle_s(0.0)), 33);
    assert_eq!(finding.code, Code::PeerIdleTimeout);
    assert!((2.9..3.3).contains(&measure(&finding, "idle_median_s")));
}

#[test]
fn spares_that_never_carried_anything_are_silent() {
    assert_eq!(codes(&timed_out(10, 3_000, 2_000, |build| build.exchanges(0)), 31), []);
}

#[test]
fn a_few_beside_a_client_per_request_are_not_the_cause() {
    let mut history = timed_out(5, 3_000, 2_000, as_is);
    history
        .extend((0..100).map(|n| Build::client().at(n * 150 * MILLI, n * 150 * MILLI + 9).end()));
    assert_eq!(codes(&history, 16), [Code::OneShot]);
}

#[test]
fn dials_beside_idle_connections_do_not_need_what_is_gone() {
    let wasteful = |build: Build| build.open_cause(OpenCause::IdleAvailable);
    assert_eq!(codes(&timed_out(10, 3_000, 2_000, wasteful), 31), []);
}

#[test]
fn an_unknown_idle_time_proves_nothing() {
    assert_eq!(codes(&timed_out(10, 3_000, 2_500, Build::idle_unknown), 31), []);
}

#[test]
fn the_accept_side_and_those_there_before_are_silent() {
    let both = [Build::server(), Build::preexisting()];
    for build in both {
        let history: Vec<_> = (1..=10)
            .map(|n| build.clone().at(n * 3 * SECOND, n * 3 * SECOND + 2 * SECOND))
            .map(|build| build.by_peer().idle_s(2.0).end())
            .collect();
        assert_eq!(codes(&history, 33), []);
    }
}

#[test]
fn a_server_that_closes_each_a_while_after_its_answer_may_look_the_same() {
    let finding = only(&timed_out(30, 400, 200, as_is), 12);
    assert_eq!((finding.code, finding.confidence), (Code::PeerIdleTimeout, Confidence::Medium));
    let reused = only(&timed_out(30, 400, 200, |build| build.exchanges(9)), 12);
    assert_eq!(reused.confidence, Confidence::High);
}
