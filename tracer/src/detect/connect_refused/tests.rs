//! When `connect-refused` speaks and when it must not.

use crate::aggregate::support::{Build, MILLI, SECOND};
use crate::connection::Connection;
use crate::detect::support::{codes, measure, one_by_one, only};
use crate::detect::{Code, Confidence, Severity};

fn refused(count: u64, every_ms: u64) -> Vec<Connection> {
    one_by_one(count, every_ms, Build::refused)
}

#[test]
fn a_destination_where_nobody_listens_is_found() {
    let finding = only(&refused(5, 1_000), 6);
    assert_eq!((finding.code, finding.severity), (Code::ConnectRefused, Severity::Error));
    assert_eq!(finding.confidence, Confidence::High);
    assert_eq!(measure(&finding, "refused_share").to_string(), "1");
}

#[test]
fn refusals_spread_over_short_processes_are_found() {
    let history: Vec<_> = (1..=20)
        .map(|pid| Build::client().pid(pid).at(u64::from(pid) * 100 * MILLI, 0).refused())
        .map(|build| build.closed_at(3 * SECOND).end())
        .collect();
    assert_eq!(only(&history, 6).code, Code::ConnectRefused);
}

#[test]
fn four_are_retried_by_themselves() {
    assert_eq!(codes(&refused(4, 1_000), 6), []);
}

#[test]
fn less_than_half_of_the_dials_are_silent() {
    let mut history = refused(40, 100);
    history.extend(one_by_one(41, 100, |build| build.exchanges(900)));
    assert_eq!(codes(&history, 6), []);
}

#[test]
fn a_restart_of_less_than_a_second_is_silent() {
    let mut history = refused(50, 10);
    assert_eq!(codes(&history, 6), [Code::ConnectRefused]);
    history.push(Build::client().at(SECOND, 0).exchanges(9).live());
    assert_eq!(codes(&history, 6), []);
}

#[test]
fn a_longer_outage_that_is_over_is_information() {
    let mut history = refused(30, 100);
    history.push(Build::client().at(4 * SECOND, 0).exchanges(9).live());
    let finding = only(&history, 20);
    assert_eq!(finding.severity, Severity::Info);
    assert!(finding.summary.ends_with("dials succeed since."), "{}", finding.summary);
}

#[test]
fn a_backend_that_comes_and_goes_is_an_error() {
    let mut history = refused(100, 100);
    history.extend(one_by_one(10, 1_000, |build| build.exchanges(900)));
    history.push(Build::client().at(9_990 * MILLI, 0).exchanges(9).live());
    assert_eq!(only(&history, 10).severity, Severity::Error);
}

#[test]
fn the_other_ip_version_of_a_name_that_works_makes_it_information() {
    let mut history = one_by_one(50, 100, |build| build.to("[::1]:8080").refused());
    history.extend(one_by_one(50, 100, |build| build.exchanges(900)));
    let finding = only(&history, 6);
    assert_eq!(finding.severity, Severity::Info);
    assert!(finding.summary.contains("127.0.0.1:8080 succeed"), "{}", finding.summary);
}

#[test]
fn another_backend_of_the_same_ip_version_excuses_nothing() {
    let mut history = one_by_one(50, 100, |build| build.to("127.0.0.2:8080").refused());
    history.extend(one_by_one(50, 100, |build| build.exchanges(900)));
    assert_eq!(only(&history, 6).severity, Severity::Error);
}

#[test]
fn an_unrelated_address_of_the_other_ip_version_excuses_nothing() {
    let mut history = one_by_one(60, 500, |build| build.to("10.0.0.7:8080").refused());
    history.push(Build::client().to("[fd00::99]:8080").at(5, 0).exchanges(500).live());
    assert_eq!(only(&history, 30).severity, Severity::Error);
}

#[test]
fn a_wait_for_a_server_to_start_is_over_once_dials_succeed() {
    let mut history = refused(10, 500);
    for n in 0..3 {
        let at = 5 * SECOND + n * 300 * MILLI;
        history.push(Build::client().at(at, at + 100 * MILLI).exchanges(3).end());
    }
    let finding = only(&history, 6);
    assert_eq!(finding.severity, Severity::Info);
    assert!(finding.summary.ends_with("dials succeed since."), "{}", finding.summary);
    let again = 5_950 * MILLI;
    history.push(Build::client().at(again, again + 1).refused().end());
    assert_eq!(only(&history, 6).severity, Severity::Error, "it fails again");
}
