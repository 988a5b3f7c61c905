//! When `client-idle-timeout` speaks and when it must not.

use crate::aggregate::support::{Build, MILLI, SECOND};
use crate::connection::Connection;
use crate::detect::support::{codes, measure, only};
use crate::detect::{Code, Confidence, Severity};

/// A request every `every_ms`, each on a connection of its own, for we closed the one before after
/// `idle_ms`.
fn timed_out(
    count: u64,
    every_ms: u64,
    idle_ms: u64,
    shape: fn(Build) -> Build,
) -> Vec<Connection> {
    (0..count)
        .map(|n| (n * every_ms * MILLI + 1, idle_ms * MILLI))
        .map(|(at, idle)| shape(Build::client().at(at, at + idle).idle_s(idle as f64 / 1e9)).end())
        .collect()
}

fn as_is(build: Build) -> Build {
    build
}

#[test]
fn an_idle_timeout_that_is_too_short_is_found_with_its_time() {
    let finding = only(&timed_out(10, 1_500, 1_000, as_is), 16);
    assert_eq!((finding.code, finding.severity), (Code::ClientIdleTimeout, Severity::Info));
    assert!((0.9..1.1).contains(&measure(&finding, "idle_median_s")));
    assert!((0.4..0.6).contains(&measure(&finding, "median_redial_gap_s")));
}

#[test]
fn many_a_second_are_a_warning() {
    let finding = only(&timed_out(20, 900, 600, as_is), 19);
    assert_eq!((finding.code, finding.severity), (Code::ClientIdleTimeout, Severity::Warn));
}

#[test]
fn two_are_no_pattern() {
    assert_eq!(codes(&timed_out(2, 1_500, 1_000, as_is), 10), []);
}

#[test]
fn a_poller_that_closes_and_comes_back_later_is_silent() {
    assert_eq!(codes(&timed_out(10, 60_000, 2_000, as_is), 601), []);
    assert_eq!(codes(&timed_out(10, 5_000, 2_000, as_is), 51), []);
}

#[test]
fn a_timeout_of_minutes_is_silent() {
    assert_eq!(codes(&timed_out(6, 91_000, 90_000, as_is), 550), []);
}

#[test]
fn a_database_pool_that_refills_at_its_maximum_lifetime_is_silent() {
    let history: Vec<_> = (0..5)
        .map(|n| Build::client().at(n * 1_800 * SECOND + 1, (n + 1) * 1_800 * SECOND))
        .map(|build| build.exchanges(2).idle_s(1_799.0).end())
        .collect();
    assert_eq!(codes(&history, 9_001), []);
}

#[test]
fn a_pool_that_shrinks_and_stays_small_is_silent() {
    let history: Vec<_> = (0..20)
        .map(|n| Build::client().at(n + 1, 3 * SECOND + n * 300 * MILLI))
        .map(|build| build.exchanges(20).idle_s(3.0).end())
        .collect();
    assert_eq!(codes(&history, 20), []);
}

#[test]
fn a_request_that_is_given_up_is_another_story() {
    let given_up = codes(&timed_out(10, 1_500, 1_000, |build| build.exchanges(2).waiting()), 16);
    assert_eq!(given_up, [Code::CancelledExchange]);
}

#[test]
fn a_tls_farewell_hides_nothing() {
    let goodbye = |build: Build| build.port(443).idle_s(0.0);
    assert_eq!(codes(&timed_out(8, 4_000, 3_000, goodbye), 33), [Code::ClientIdleTimeout]);
    // Nothing answers it: it looks like a request that waits.
    let goodbye = |build: Build| build.port(443).waiting();
    assert_eq!(codes(&timed_out(8, 4_000, 3_000, goodbye), 33), [Code::ClientIdleTimeout]);
}

#[test]
fn the_exit_of_the_process_is_no_timeout() {
    assert_eq!(codes(&timed_out(10, 1_500, 1_000, |build| build.how("exit:0")), 16), []);
}

#[test]
fn a_job_that_ends_closes_its_pool_and_is_silent() {
    let history: Vec<_> = (1..=20)
        .map(|n| Build::client().at(n, 5 * SECOND + n).exchanges(40).idle_s(1.0).end())
        .collect();
    assert_eq!(codes(&history, 8), []);
}

#[test]
fn the_peers_close_is_the_peers() {
    assert!(
        !codes(&timed_out(10, 1_500, 1_000, Build::by_peer), 16).contains(&Code::ClientIdleTimeout)
    );
}

#[test]
fn the_accept_side_is_silent() {
    let server: Vec<_> = (1..=10)
        .map(|n| Build::server().at(n * 1_500 * MILLI, n * 1_500 * MILLI + SECOND))
        .map(|build| build.idle_s(1.0).end())
        .collect();
    assert_eq!(codes(&server, 17), []);
}

#[test]
fn a_client_that_works_before_it_closes_may_look_the_same() {
    let finding = only(&timed_out(30, 400, 300, as_is), 12);
    assert_eq!((finding.code, finding.severity), (Code::ClientIdleTimeout, Severity::Warn));
    assert_eq!(finding.confidence, Confidence::Medium);
    assert!(finding.doubts.iter().any(|doubt| doubt.contains("works for that long")));
    let reused = only(&timed_out(30, 400, 300, |build| build.exchanges(9)), 12);
    assert_eq!(reused.confidence, Confidence::High, "it kept them for a while");
    let longer = only(&timed_out(30, 900, 600, as_is), 27);
    assert_eq!(longer.confidence, Confidence::High, "no work takes that long each time");
}
