//! When `stale-reuse` speaks and when it must not.

use crate::aggregate::support::{Build, MILLI, SECOND};
use crate::connection::Connection;
use crate::detect::support::{codes, findings, lacks, measure, only};
use crate::detect::{Code, Confidence, Finding, Severity};

/// A connection every three seconds, idle for two, then written to.
fn stale(count: u64, shape: impl Fn(Build) -> Build) -> Vec<Connection> {
    (0..count)
        .map(|n| n * 3 * SECOND + 1)
        .map(|at| Build::client().at(at, at + 2 * SECOND).exchanges(4).idle_s(2.0).stale(300))
        .map(|build| shape(build).end())
        .collect()
}

/// The same, each after another idle time, so that no timer is seen.
fn irregular(count: u64, shape: impl Fn(Build) -> Build) -> Vec<Connection> {
    (0..count)
        .map(|n| (n * 3 * SECOND + 1, (200 + 450 * (n % 6)) * MILLI))
        .map(|(at, idle)| Build::client().at(at, at + idle).idle_s(idle as f64 / 1e9).stale(300))
        .map(|build| shape(build.exchanges(4)).end())
        .collect()
}

#[test]
fn requests_after_the_fin_are_an_error() {
    let finding = only(&irregular(6, |build| build), 20);
    assert_eq!((finding.code, finding.severity), (Code::StaleReuse, Severity::Error));
    assert_eq!((finding.connections, finding.confidence), (6, Confidence::High));
    assert!((0.19..0.21).contains(&measure(&finding, "of_requests_share")));
    assert!(finding.summary.contains("sent 6 requests"), "{}", finding.summary);
}

#[test]
fn few_among_many_requests_are_a_warning() {
    assert_eq!(only(&irregular(6, |build| build.exchanges(2_000)), 20).severity, Severity::Warn);
}

#[test]
fn two_are_chance() {
    assert_eq!(codes(&irregular(2, |build| build), 20), []);
}

#[test]
fn the_timeout_that_makes_them_is_the_root() {
    let findings = findings(&stale(8, |build| build), 30);
    assert_eq!(findings.len(), 1, "{findings:#?}");
    let Finding { code, severity, consequences, .. } = &findings[0];
    assert_eq!((*code, *severity), (Code::PeerIdleTimeout, Severity::Error));
    assert_eq!(consequences.iter().map(|c| c.code).collect::<Vec<_>>(), [Code::StaleReuse]);
}

#[test]
fn our_close_may_come_before_the_reset() {
    let history = irregular(6, |build| build.then_reset(true));
    assert_eq!(codes(&history, 20), [Code::StaleReuse]);
}

#[test]
fn a_reset_after_our_own_fin_is_no_reuse() {
    let own = |build: Build| build.then_reset(false);
    assert!(lacks(Code::StaleReuse, &irregular(6, own), 20));
}

#[test]
fn a_farewell_is_no_request() {
    let tls = |build: Build| build.port(443).exchanges(9).stale(63);
    assert!(lacks(Code::StaleReuse, &irregular(20, tls), 61));
    assert!(lacks(Code::StaleReuse, &irregular(20, |build| build.stale(17)), 61));
    let request = |build: Build| build.port(443).exchanges(9).stale(90);
    assert!(!lacks(Code::StaleReuse, &irregular(6, request), 20));
    assert!(!lacks(Code::StaleReuse, &irregular(6, |build| build.stale(40)), 20));
}

#[test]
fn a_request_that_crosses_the_fin_counts_with_a_doubt() {
    let finding = only(&irregular(6, |build| build.stale(0)), 20);
    assert_eq!((finding.code, finding.confidence), (Code::StaleReuse, Confidence::Medium));
    assert_eq!(measure(&finding, "crossed_with_fin").to_string(), "6");
    let tls = |build: Build| build.port(443).exchanges(9).stale(0);
    assert!(lacks(Code::StaleReuse, &irregular(6, tls), 20), "a farewell looks the same");
}

#[test]
fn a_refused_upload_is_another_story() {
    let first = |build: Build| build.exchanges(0);
    assert!(lacks(Code::StaleReuse, &irregular(6, first), 20));
    let much = |build: Build| build.idle_s(0.0).stale(1 << 20);
    assert!(lacks(Code::StaleReuse, &irregular(6, much), 20));
}

#[test]
fn a_restart_that_closes_a_pool_at_one_moment_is_information() {
    let history: Vec<_> = (1..=20)
        .map(|n| Build::client().at(n, 3 * SECOND + n).exchanges(30).idle_s(0.01).stale(300).end())
        .collect();
    let finding = only(&history, 5);
    assert_eq!((finding.code, finding.severity), (Code::StaleReuse, Severity::Info));
    assert!(finding.doubts.iter().any(|doubt| doubt.contains("restarted")));
}

#[test]
fn a_reset_without_a_fin_is_another_story() {
    let forgotten: Vec<_> = (0..4)
        .map(|n| Build::client().at(n * 20 * SECOND + 1, (n * 20 + 15) * SECOND))
        .map(|build| build.exchanges(4).idle_s(0.001).reset().waiting().end())
        .collect();
    assert!(lacks(Code::StaleReuse, &forgotten, 81));
}

#[test]
fn a_connection_from_before_does_not_hide_the_later_ones() {
    // Its control group is not known, so that the same process is counted in two parts.
    let mut history = irregular(6, |build| build);
    let mut before = irregular(1, |build| build.exchanges(0));
    before[0].owner_cgroup = None;
    history.extend(before);
    assert_eq!(only(&history, 20).connections, 6);
}

#[test]
fn servers_are_not_accused() {
    let history: Vec<_> = (0..6)
        .map(|n| Build::server().at(n * 3 * SECOND + 1, n * 3 * SECOND + SECOND + n * MILLI))
        .map(|build| build.exchanges(4).idle_s(1.0).stale(300).end())
        .collect();
    assert_eq!(codes(&history, 20), []);
}
