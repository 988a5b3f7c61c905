//! When `cancelled-exchange` speaks and when it must not.

use crate::aggregate::Limits;
use crate::aggregate::support::{Build, MILLI, SECOND};
use crate::connection::Connection;
use crate::detect::support::{codes, findings, lacks, measure, one_by_one, only};
use crate::detect::{Code, Confidence, Judge, Severity, Thresholds};

/// `count` connections, one every 200 ms; each is closed as many milliseconds after its request
/// as `wait_ms` says, and had one answer before.
fn cancelled(count: u64, wait_ms: impl Fn(u64) -> u64) -> Vec<Build> {
    (0..count)
        .map(|n| (n * 200 * MILLI + 1, wait_ms(n)))
        .map(|(at, wait)| (Build::client().at(at, at + wait * MILLI), wait as f64 / 1e3))
        .map(|(build, wait_s)| build.unanswered().idle_s(wait_s))
        .collect()
}

fn ended(builds: Vec<Build>) -> Vec<Connection> {
    builds.into_iter().map(Build::end).collect()
}

fn healthy(count: u64) -> Vec<Connection> {
    let exchanges = u32::try_from(count * 9).expect("few");
    vec![Build::client().at(1, 0).exchanges(exchanges).live()]
}

#[test]
fn telemetry_that_writes_after_one_answer_is_silent() {
    let history =
        ended(cancelled(30, |_| 500).into_iter().map(|build| build.exchanges(1)).collect());
    assert!(!codes(&history, 16).contains(&Code::CancelledExchange));
}

#[test]
fn a_timeout_of_the_client_is_found_and_named() {
    let used = |build: Build| build.exchanges(2);
    let finding = only(&ended(cancelled(30, |_| 2_000).into_iter().map(used).collect()), 10);
    assert_eq!((finding.code, finding.severity), (Code::CancelledExchange, Severity::Error));
    assert_eq!(finding.confidence, Confidence::High);
    assert!(finding.summary.contains("after 2.0 s each"), "{}", finding.summary);
    assert!((0.33..0.34).contains(&measure(&finding, "given_up_share")));
}

#[test]
fn one_exchange_on_a_port_that_means_nothing_may_be_a_login() {
    // Some had no answer at all: those are no logins.
    let some = cancelled(30, |_| 2_000).into_iter().zip(0_u32..);
    let some = some.map(|(build, n)| build.exchanges(u32::from(n % 3 > 0))).collect();
    let finding = only(&ended(some), 10);
    assert_eq!((finding.severity, finding.confidence), (Severity::Warn, Confidence::Medium));
    assert!(finding.doubts.iter().any(|why| why.contains("login")), "{:?}", finding.doubts);
    let mut history = ended(cancelled(30, |_| 2_000));
    history.extend(healthy(1));
    assert_eq!(only(&history, 10).severity, Severity::Error, "requests are answered there");
    let late = cancelled(30, |_| 2_000).into_iter().map(|build| build.exchanges(0).late_data());
    let finding = only(&ended(late.collect()), 10);
    assert_eq!((finding.severity, finding.confidence), (Severity::Error, Confidence::High));
}

/// `count` connections to `port` that carry `exchanges` and then only write, for three seconds.
fn publishers(port: u16, exchanges: u32, shape: impl Fn(Build) -> Build) -> Vec<Connection> {
    (0..10)
        .map(|n| n * 4 * SECOND + 1)
        .map(|at| Build::client().port(port).at(at, at + 3 * SECOND).exchanges(exchanges))
        .map(|build| shape(build.unanswered().idle_s(3.0)).end())
        .collect()
}

#[test]
fn a_login_is_no_answer_to_a_client_that_only_writes() {
    let quiet = |port, exchanges, shape: fn(Build) -> Build| {
        let history = publishers(port, exchanges, shape);
        assert!(lacks(Code::CancelledExchange, &history, 60), "{port}");
        assert!(findings(&history, 60).iter().all(|f| f.severity == Severity::Info), "{port}");
    };
    quiet(1883, 1, |build| build);
    quiet(1883, 1, |build| build.idle_s(0.0));
    quiet(8883, 3, Build::late_data);
    quiet(6514, 2, Build::late_data);
    quiet(6514, 2, |build| build.unread(31));
}

#[test]
fn answers_beyond_the_login_make_the_story_whole() {
    let worst =
        |port, exchanges| findings(&publishers(port, exchanges, |build| build), 60).swap_remove(0);
    let finding = worst(1883, 2);
    assert_eq!((finding.code, finding.severity), (Code::CancelledExchange, Severity::Error));
    let finding = worst(6514, 3);
    assert_eq!((finding.severity, finding.confidence), (Severity::Error, Confidence::Medium));
}

#[test]
fn answers_that_came_too_late_are_counted() {
    let late = cancelled(30, |_| 300).into_iter().map(Build::late_data).collect();
    assert_eq!(measure(&only(&ended(late), 10), "answered_too_late").to_string(), "30");
}

#[test]
fn a_timeout_that_few_requests_meet_is_a_warning_and_a_rare_one_silent() {
    let mut history = ended(cancelled(30, |_| 300));
    history.extend(healthy(100));
    assert_eq!(only(&history, 10).severity, Severity::Warn);
    history.extend(healthy(400));
    assert_eq!(codes(&history, 30), []);
}

#[test]
fn hedged_requests_are_silent() {
    let mut history = ended(cancelled(30, |n| 30 + n * 40));
    history.extend(healthy(20));
    assert_eq!(codes(&history, 10), []);
}

#[test]
fn callers_that_go_away_are_a_warning_with_a_doubt() {
    let builds = cancelled(30, |n| 30 + n * 60).into_iter().map(|build| build.exchanges(3));
    let finding = only(&ended(builds.collect()), 10);
    assert_eq!((finding.severity, finding.confidence), (Severity::Warn, Confidence::Medium));
    assert!(finding.summary.contains("not constant"), "{}", finding.summary);
}

#[test]
fn a_protocol_that_only_writes_is_silent() {
    let shippers = cancelled(30, |_| 2_000).into_iter().map(|build| build.exchanges(0));
    assert_eq!(codes(&ended(shippers.collect()), 10), []);
}

#[test]
fn a_farewell_right_before_the_close_is_silent() {
    let farewell = |build: Build| build.exchanges(900).unanswered().idle_s(0.004);
    assert_eq!(codes(&one_by_one(60, 50, farewell), 6), []);
}

#[test]
fn a_farewell_after_a_long_idle_time_is_silent() {
    let pooled: Vec<_> = (0..30)
        .map(|n| Build::client().at(n, (5 + n / 10) * SECOND).exchanges(900).idle_s(0.0))
        .map(Build::unanswered)
        .map(|build| build.port(5432).end())
        .collect();
    let mut ticks = crate::aggregate::support::ticks(&pooled, 10 * SECOND);
    for live in ticks.iter_mut().flat_map(|tick| &mut tick.live) {
        live.unanswered = false;
    }
    let mut judge = Judge::new(0, Limits::default(), Thresholds::default());
    for tick in &ticks {
        judge.fold(tick, &std::collections::BTreeMap::new());
    }
    assert_eq!(judge.findings(0), []);
}

#[test]
fn a_shutdown_gives_all_up_at_one_moment() {
    let history: Vec<_> = (0..30)
        .map(|n| Build::client().at(n * 100 * MILLI + 1, 5 * SECOND + n * MILLI))
        .map(|build| build.unanswered().idle_s(2.0).end())
        .collect();
    assert_eq!(codes(&history, 10), []);
}

#[test]
fn an_interrupted_subscription_is_silent() {
    let exits = cancelled(30, |_| 2_000).into_iter().map(|build| build.how("exit:SIGINT"));
    assert_eq!(codes(&ended(exits.collect()), 10), []);
}

#[test]
fn four_are_given_up_by_their_users() {
    assert_eq!(codes(&ended(cancelled(4, |_| 2_000)), 10), []);
}

#[test]
fn a_close_alert_does_not_hide_the_wait_of_a_tls_request() {
    let tls = |wait_ms: u64, exchanges: u32| {
        let shape = |build: Build| build.port(443).exchanges(exchanges).idle_s(0.0);
        codes(&ended(cancelled(30, |_| wait_ms).into_iter().map(shape).collect()), 20)
    };
    assert_eq!(tls(3_000, 4), [Code::CancelledExchange]);
    assert_eq!(tls(9_000, 4), [], "an idle HTTP/2 connection looks the same");
    assert_eq!(tls(3_000, 1), [], "a connection made in advance looks the same");
}

#[test]
fn a_server_waits_for_no_answer() {
    let served = |n: u64| Build::server().at(n * 200 * MILLI + 1, n * 200 * MILLI + SECOND);
    let history: Vec<_> = (0..30).map(|n| served(n).unanswered().idle_s(1.0).end()).collect();
    assert_eq!(codes(&history, 10), []);
}
