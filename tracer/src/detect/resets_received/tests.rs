//! When `resets-received` speaks and when it must not.

use crate::aggregate::support::{Build, MILLI, SECOND};
use crate::connection::{CloseCause, Connection, Initiator, Role};
use crate::detect::support::{codes, measure, one_by_one, only};
use crate::detect::{Code, Confidence, Severity};

fn resets(count: u64, shape: impl Fn(Build) -> Build) -> Vec<Connection> {
    one_by_one(count, 200, |build| shape(build.exchanges(5).reset().idle_s(0.3)))
}

#[test]
fn requests_that_a_reset_failed_are_an_error() {
    let finding = only(&resets(20, |build| build.unanswered().idle_s(2.0)), 6);
    assert_eq!((finding.code, finding.severity), (Code::ResetsReceived, Severity::Error));
    assert_eq!(finding.confidence, Confidence::High);
    assert!(finding.summary.contains("20 of them waited for an answer"), "{}", finding.summary);
    assert_eq!(measure(&finding, "resets_share").to_string(), "1");
}

#[test]
fn resets_of_idle_connections_are_information() {
    let finding = only(&resets(20, |build| build.idle_s(60.0)), 6);
    assert_eq!(finding.severity, Severity::Info);
    assert!(finding.summary.contains("none of them waited"), "{}", finding.summary);
}

#[test]
fn a_few_failed_requests_among_many_resets_are_a_warning() {
    let mut history = resets(20, |build| build.idle_s(60.0));
    history[3].unanswered = true;
    assert_eq!(only(&history, 6).severity, Severity::Warn);
}

#[test]
fn an_answer_that_may_be_cut_off_is_a_doubt() {
    let finding = only(&resets(20, |build| build), 6);
    assert_eq!((finding.severity, finding.confidence), (Severity::Info, Confidence::Medium));
    assert_eq!(measure(&finding, "in_use").to_string(), "20");
}

#[test]
fn a_reset_at_the_first_write_after_a_long_silence_names_what_forgot_the_connection() {
    let forgotten: Vec<_> = (0..20)
        .map(|n| Build::client().at(n, (70 + n / 2) * SECOND + 300 * MILLI))
        .map(|build| build.exchanges(5).reset().unanswered().idle_s(0.001).end())
        .collect();
    let finding = only(&forgotten, 90);
    assert_eq!(finding.severity, Severity::Error);
    assert!(finding.summary.contains("after a long silence"), "{}", finding.summary);
    assert!(finding.advice.contains("conntrack"), "{}", finding.advice);
    assert!((70.0..85.0).contains(&measure(&finding, "median_idle_before_s")));
}

#[test]
fn a_slow_answer_that_never_came_is_not_called_forgotten() {
    let finding = only(&resets(20, |build| build.unanswered().idle_s(2.0)), 6);
    assert!(!finding.summary.contains("silence"), "{}", finding.summary);
}

/// 40 connections that a peer resets within 3 s, `at_s` into the history, requests outstanding; if
/// it comes back, each is dialled anew and answered.
fn restart(at_s: u64, comes_back: bool) -> Vec<Connection> {
    let at = |n: u64| at_s * SECOND + n * 75 * MILLI;
    let client = || Build::client().exchanges(90);
    let cut = (0..40).map(|n| client().at(n + 1, at(n)).last_read(at(n) - MILLI));
    let mut history: Vec<_> = cut.map(|build| build.unanswered().reset().end()).collect();
    let again = (0..40).filter(|_| comes_back);
    history.extend(again.map(|n| client().at(at(n) + MILLI, 0).last_read(at(n) + SECOND).live()));
    history
}

#[test]
fn a_restart_over_some_seconds_that_is_over_is_information() {
    let finding = only(&restart(20, true), 60);
    assert_eq!((finding.code, finding.severity), (Code::ResetsReceived, Severity::Info));
    assert_eq!(finding.confidence, Confidence::Medium);
    assert!(finding.doubts.iter().any(|why| why.contains("has been over")), "{finding:#?}");
}

#[test]
fn a_restart_that_is_not_over_is_an_error() {
    assert_eq!(only(&restart(20, false), 60).severity, Severity::Error, "no answer since");
    assert_eq!(only(&restart(56, true), 60).severity, Severity::Error, "a second ago");
}

#[test]
fn failed_requests_are_an_error_from_one_in_a_thousand_on() {
    let among = |requests: u32, shape: fn(Build) -> Build| {
        let kept = Build::client().at(7, 0).exchanges(requests).last_read(5 * SECOND).live();
        let mut history = resets(20, |build| shape(build.unanswered().idle_s(2.0)));
        history.push(kept);
        only(&history, 6)
    };
    // A hundred on the connections that were reset have had their answers.
    let finding = among(19_880, |build| build);
    assert_eq!(finding.severity, Severity::Error);
    assert_eq!(measure(&finding, "failed_share").to_string(), "0.001");
    assert_eq!(among(19_881, |build| build).severity, Severity::Info);
    assert_eq!(among(1_000_000, |build| build).severity, Severity::Info);
    assert_eq!(among(1_000_000, |build| build.idle_s(60.0)).severity, Severity::Warn, "forgotten");
}

#[test]
fn a_restart_of_the_peer_is_silent_or_information() {
    let restart = |build: Build| -> Vec<_> {
        (0..30).map(|n| build.clone().at(n, 3 * SECOND + n).exchanges(900).reset().end()).collect()
    };
    assert_eq!(codes(&restart(Build::client()), 6), []);
    let finding = only(&restart(Build::client().unanswered()), 6);
    assert_eq!((finding.severity, finding.confidence), (Severity::Info, Confidence::Medium));
}

#[test]
fn four_and_less_than_a_tenth_are_silent() {
    assert_eq!(codes(&resets(4, Build::unanswered), 6), []);
    let mut history = resets(20, Build::unanswered);
    history.extend(one_by_one(181, 30, |build| build.exchanges(900)));
    assert_eq!(codes(&history, 6), []);
}

#[test]
fn clients_and_health_checks_that_reset_a_server_are_silent() {
    let checks = |build: Build| build.role(Role::Server).exchanges(0).reset();
    assert_eq!(codes(&one_by_one(60, 100, checks), 6), []);
}

#[test]
fn resets_after_our_close_or_of_a_dial_are_other_stories() {
    let after = |build: Build| {
        build.exchanges(900).cause(CloseCause::LocalCloseThenReset, Initiator::Local)
    };
    assert_eq!(codes(&one_by_one(60, 100, after), 6), []);
    assert_eq!(codes(&one_by_one(60, 100, Build::refused), 6), [Code::ConnectRefused]);
}

#[test]
fn an_unknown_role_lowers_the_confidence() {
    let history: Vec<_> = (1..=20)
        .map(|n| Build::preexisting().closed_at(n * 200 * MILLI).reset().idle_s(60.0).end())
        .collect();
    assert_eq!(only(&history, 6).confidence, Confidence::Medium);
}
