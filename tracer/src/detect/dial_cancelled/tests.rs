//! When `dial-cancelled` speaks and when it must not.

use std::collections::BTreeMap;

use crate::aggregate::support::{Build, MILLI};
use crate::connection::Connection;
use crate::detect::support::{codes, findings, judged_since, measure, one_by_one, only};
use crate::detect::{Code, Confidence, Severity};

/// `count` dials, one every 100 ms, each given up after as many milliseconds as `after_ms` says.
fn given_up(count: u64, after_ms: impl Fn(u64) -> u64) -> Vec<Connection> {
    (0..count)
        .map(|n| (n * 100 * MILLI + 1, after_ms(n) * MILLI))
        .map(|(at, after)| Build::client().at(at, at + after).given_up().end())
        .collect()
}

fn healthy(count: u64, answered_ms: u64) -> Vec<Connection> {
    one_by_one(count, 50, |build| build.answered_after(answered_ms * MILLI).exchanges(900))
}

#[test]
fn a_dial_timeout_that_is_too_short_is_found_and_named() {
    let finding = only(&given_up(40, |_| 50), 6);
    assert_eq!((finding.code, finding.severity), (Code::DialCancelled, Severity::Error));
    assert_eq!(finding.confidence, Confidence::High);
    assert!(finding.summary.contains("after 50.0 ms each"), "{}", finding.summary);
    assert!(finding.summary.contains("no dial was answered"), "{}", finding.summary);
    assert_eq!(measure(&finding, "given_up_share").to_string(), "1");
}

#[test]
fn answers_that_take_nearly_as_long_are_told_from_none() {
    let mut history = given_up(40, |_| 50);
    history.extend(healthy(60, 45));
    let summary = only(&history, 6).summary;
    assert!(summary.contains("a tenth of the answers took"), "{summary}");
    let mut history = given_up(40, |_| 50);
    history.extend(healthy(60, 1));
    let summary = only(&history, 6).summary;
    assert!(summary.contains("nine tenths of the answers came within 1.0 ms"), "{summary}");
}

#[test]
fn times_that_differ_are_a_warning_with_a_doubt() {
    let finding = only(&given_up(40, |n| 10 + n * 20), 6);
    assert_eq!((finding.severity, finding.confidence), (Severity::Warn, Confidence::Medium));
    assert!(finding.summary.contains("not constant"), "{}", finding.summary);
}

#[test]
fn short_processes_with_a_short_timeout_are_one_finding() {
    let history: Vec<_> = given_up(40, |_| 50)
        .into_iter()
        .zip(1..)
        .map(|(mut connection, pid)| {
            connection.owner = Some(crate::aggregate::support::process(pid));
            connection
        })
        .collect();
    assert_eq!(only(&history, 6).processes, 40);
}

#[test]
fn the_losers_of_happy_eyeballs_are_silent() {
    let mut history = Vec::new();
    for n in 0..40 {
        let at = n * 200 * MILLI + 1;
        let (won, lost) = (at + 310 * MILLI, at + 311 * MILLI);
        history.push(Build::client().to("[::1]:8080").at(at, lost).given_up().end());
        history.push(Build::client().at(won, 0).exchanges(900).live());
    }
    assert_eq!(codes(&history, 10), []);
    // The same dials, had nobody answered them.
    history.retain(|connection| connection.close().is_some());
    assert_eq!(codes(&history, 10), [Code::DialCancelled]);
}

#[test]
fn the_other_ip_version_tried_after_this_one_makes_it_information() {
    let mut history = given_up(40, |_| 250);
    for (n, connection) in history.iter_mut().enumerate() {
        connection.peer = "[::1]:8080".parse().unwrap();
        assert!(connection.opened_ns < Some(1 + 100 * MILLI * (n as u64 + 1)));
    }
    let answered = |n: u64| Build::client().at((n * 1_000 + 40) * MILLI, 0).exchanges(900);
    history.extend((0..5).map(|n| answered(n).live()));
    let finding = only(&history, 6);
    assert_eq!(finding.severity, Severity::Info);
    assert!(finding.summary.ends_with("dials to 127.0.0.1:8080 succeed."), "{}", finding.summary);
}

#[test]
fn a_shutdown_gives_all_up_at_one_moment() {
    let history: Vec<_> = (0..40)
        .map(|n| (4_100 + n * 10) * MILLI)
        .map(|at| Build::client().at(at, 4_900 * MILLI).given_up().end())
        .collect();
    assert_eq!(codes(&history, 6), []);
}

#[test]
fn the_end_of_the_process_is_no_timeout() {
    let mut history = given_up(40, |_| 50);
    for connection in &mut history {
        if let crate::connection::Phase::Closed(close) = &mut connection.phase {
            close.how = Some("exit:0".into());
        }
    }
    assert_eq!(codes(&history, 6), []);
}

#[test]
fn four_and_less_than_a_fifth_are_requests_that_ended() {
    assert_eq!(codes(&given_up(4, |_| 50), 6), []);
    let mut history = given_up(20, |_| 50);
    history.extend(healthy(81, 1));
    assert_eq!(codes(&history, 6), []);
}

#[test]
fn an_unanswered_second_is_the_peers_fault() {
    assert_eq!(codes(&given_up(40, |_| 1_000), 8), [Code::ConnectTimeout]);
    assert_eq!(codes(&given_up(40, |_| 999), 8), [Code::DialCancelled]);
}

#[test]
fn an_outage_that_is_over_is_information() {
    let mut history = given_up(40, |_| 50);
    history.push(Build::client().at(5_000 * MILLI, 0).exchanges(900).live());
    assert_eq!(findings(&history, 30)[0].severity, Severity::Info);
}

#[test]
fn dials_from_before_the_observation_do_not_swell_the_share() {
    let history = given_up(60, |_| 900);
    let judge = judged_since(2, &history, 8, &BTreeMap::new());
    assert_eq!(measure(&judge.findings(0)[0], "given_up_share").to_string(), "1");
}
