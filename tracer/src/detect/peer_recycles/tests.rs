//! When `peer-recycles` speaks and when it must not.

use crate::aggregate::support::{Build, MILLI, SECOND};
use crate::connection::Connection;
use crate::detect::support::{codes, measure, only};
use crate::detect::{Code, Confidence, Severity};

/// `count` connections in turn, each open for `age_ms`, redialled a millisecond later.
fn in_turn(count: u64, age_ms: u64, shape: impl Fn(u64, Build) -> Build) -> Vec<Connection> {
    (0..count)
        .map(|n| (n, n * (age_ms + 1) * MILLI + 1))
        .map(|(n, at)| shape(n, Build::client().at(at, at + age_ms * MILLI).by_peer()).end())
        .collect()
}

/// Different counts.
fn vary(n: u64) -> u32 {
    5 + 9 * u32::try_from(n % 4).unwrap_or(0)
}

#[test]
fn goodbyes_of_a_client_with_tls_that_draw_the_servers_fin_are_no_recycling() {
    // A job per connection, closed by the client: the FINs race.
    let shape = |n: u64, build: Build| if n.is_multiple_of(2) { build.by_peer() } else { build };
    let history: Vec<_> = (0..40)
        .map(|n| {
            (n, Build::client().port(8443).at(n * 300 * MILLI + 1, n * 300 * MILLI + 100 * MILLI))
        })
        .map(|(n, build)| shape(n, build.exchanges(22).waiting()).end())
        .collect();
    assert!(!codes(&history, 13).contains(&Code::PeerRecycles));
}

#[test]
fn a_constant_number_of_requests_is_found_and_named() {
    let finding = only(&in_turn(30, 400, |_, build| build.exchanges(10)), 13);
    assert_eq!((finding.code, finding.severity), (Code::PeerRecycles, Severity::Warn));
    assert!(finding.summary.contains("after 10 exchanges"), "{}", finding.summary);
    assert_eq!(finding.evidence[0].name, "exchanges_median");
    assert_eq!(measure(&finding, "exchanges_p90").to_string(), "10");
}

#[test]
fn a_constant_age_is_found_and_named() {
    let busy = |n: u64, build: Build| build.exchanges(vary(n)).last_read(u64::MAX);
    let finding = only(&in_turn(12, 2_000, busy), 26);
    assert_eq!((finding.code, finding.severity), (Code::PeerRecycles, Severity::Info));
    assert!(finding.summary.contains("at an age of 2.0 s"), "{}", finding.summary);
    assert_eq!((finding.evidence[0].name, finding.confidence), ("age_median_s", Confidence::High));
}

#[test]
fn a_reset_in_place_of_a_fin_counts_too() {
    let reset = |_, build: Build| build.exchanges(10).reset();
    assert_eq!(codes(&in_turn(30, 400, reset), 13), [Code::PeerRecycles]);
}

#[test]
fn counts_and_ages_that_differ_are_silent() {
    let history: Vec<_> = (0..30_u64)
        .map(|n| (n, n * 400 * MILLI + 1))
        .map(|(n, at)| {
            let build = Build::client().at(at, at + (40 + 11 * n) * MILLI);
            build.exchanges(2 * vary(n)).by_peer().end()
        })
        .collect();
    assert_eq!(codes(&history, 13), []);
}

#[test]
fn a_thousand_requests_and_a_minute_are_silent() {
    assert_eq!(codes(&in_turn(30, 400, |_, build| build.exchanges(1000)), 13), []);
    let busy = |n: u64, build: Build| build.exchanges(vary(n)).last_read(u64::MAX);
    let old = in_turn(6, 61_000, busy);
    assert_eq!(codes(&old, 370), []);
}

#[test]
fn a_hundred_requests_are_information() {
    let finding = only(&in_turn(30, 400, |_, build| build.exchanges(100)), 13);
    assert_eq!((finding.code, finding.severity), (Code::PeerRecycles, Severity::Info));
}

#[test]
fn a_restart_of_a_pool_of_one_age_is_silent() {
    let mut history: Vec<_> = (1..=50)
        .map(|n| Build::client().at(n, 5 * SECOND + n * MILLI).exchanges(40).by_peer().end())
        .collect();
    let next = |n: u64| Build::client().at(5 * SECOND + 60 * MILLI + n, 0).exchanges(9).live();
    history.extend((1..=50).map(next));
    assert_eq!(codes(&history, 10), []);
}

#[test]
fn an_idle_timeout_is_another_story() {
    let idle = in_turn(12, 2_000, |_, build| build.exchanges(5).idle_s(1.9));
    assert!(!codes(&idle, 26).contains(&Code::PeerRecycles));
}

#[test]
fn an_idle_timeout_with_a_farewell_is_another_story() {
    // Each is used at its start only; the farewell makes it end busy by the kernel's account.
    let tls = in_turn(8, 3_000, |_, build| build.port(443).exchanges(7).idle_s(0.0));
    assert!(!codes(&tls, 26).contains(&Code::PeerRecycles));
}

#[test]
fn one_that_is_not_dialled_again_soon_is_silent() {
    let history: Vec<_> = (0..20)
        .map(|n| Build::client().at(n * 2 * SECOND + 1, n * 2 * SECOND + 9 * MILLI))
        .map(|build| build.exchanges(6).by_peer().end())
        .collect();
    assert_eq!(codes(&history, 41), []);
}

#[test]
fn mail_is_silent_because_the_client_asks_for_the_end() {
    assert_eq!(codes(&in_turn(30, 400, |_, build| build.port(587).exchanges(6)), 13), []);
}

#[test]
fn a_bound_in_place_of_a_count_proves_no_constant_count() {
    let history: Vec<_> = (0..30)
        .map(|n| (n, n * 401 * MILLI + 1))
        .map(|(n, at)| Build::client().at(at, at + (400 - 10 * n) * MILLI).by_peer())
        .map(|build| build.exchanges(10).bound().end())
        .collect();
    assert_eq!(codes(&history, 13), []);
}

#[test]
fn the_accept_side_is_silent() {
    let server: Vec<_> = (0..30)
        .map(|n| Build::server().at(n * 400 * MILLI + 1, n * 400 * MILLI + 99 * MILLI))
        .map(|build| build.exchanges(10).by_peer().end())
        .collect();
    assert_eq!(codes(&server, 13), []);
}

#[test]
fn our_own_closes_beside_it_dilute_it() {
    let mut history = in_turn(10, 400, |_, build| build.exchanges(10));
    history.extend((0..11).map(|n| {
        Build::client().at(n * 300 * MILLI + 7, n * 300 * MILLI + 9).exchanges(40).idle_s(1.0).end()
    }));
    assert!(!codes(&history, 6).contains(&Code::PeerRecycles));
}
