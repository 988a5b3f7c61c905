//! When `connect-unreachable` speaks and when it must not.

use crate::aggregate::support::{Build, MILLI, SECOND};
use crate::connection::{CloseCause, Connection, Initiator};
use crate::detect::support::{codes, measure, one_by_one, only};
use crate::detect::{Code, Confidence, Severity};

fn icmp(count: u64, every_ms: u64) -> Vec<Connection> {
    let answered = |build: Build| build.failed(CloseCause::ConnectUnreachable, Initiator::Kernel);
    one_by_one(count, every_ms, answered)
}

fn no_route(count: u64, cause: CloseCause) -> Vec<Connection> {
    let mut history = one_by_one(count, 100, |build| build.failed(cause, Initiator::Local));
    for connection in &mut history {
        connection.local.set_port(0);
    }
    history
}

#[test]
fn a_host_that_icmp_says_is_gone_is_found() {
    let finding = only(&icmp(5, 1_000), 6);
    assert_eq!((finding.code, finding.severity), (Code::ConnectUnreachable, Severity::Error));
    assert_eq!(finding.confidence, Confidence::High);
    assert!(finding.summary.contains("ICMP") && finding.advice.contains("firewall"));
    assert_eq!(measure(&finding, "icmp_answers").to_string(), "5");
}

#[test]
fn a_missing_route_has_its_own_words() {
    let finding = only(&no_route(20, CloseCause::ConnectNoRoute), 6);
    assert_eq!((finding.severity, finding.confidence), (Severity::Error, Confidence::High));
    assert!(finding.summary.contains("no route") && finding.advice.contains("ip route get"));
}

#[test]
fn a_dial_that_failed_before_its_syn_for_an_unseen_reason_is_a_doubt() {
    let finding = only(&no_route(20, CloseCause::DialAborted), 6);
    assert_eq!((finding.code, finding.confidence), (Code::ConnectUnreachable, Confidence::Medium));
    assert_eq!(measure(&finding, "failed_before_syn").to_string(), "20");
    let left = one_by_one(20, 100, |b| b.failed(CloseCause::DialAborted, Initiator::Unknown));
    assert_eq!(codes(&left, 6), [], "a dial that left has another story");
}

#[test]
fn ipv6_without_a_route_where_ipv4_works_is_information() {
    let mut history = no_route(40, CloseCause::ConnectNoRoute);
    for connection in &mut history {
        connection.peer = "[2001:db8::1]:8080".parse().unwrap();
    }
    history.extend(one_by_one(40, 100, |build| build.exchanges(900)));
    let finding = only(&history, 6);
    assert_eq!(finding.severity, Severity::Info);
    assert!(finding.summary.ends_with("dials to 127.0.0.1:8080 succeed."), "{}", finding.summary);
}

#[test]
fn four_are_retried_by_themselves_and_less_than_half_is_silent() {
    assert_eq!(codes(&icmp(4, 1_000), 6), []);
    let mut history = icmp(40, 100);
    history.extend(one_by_one(41, 100, |build| build.exchanges(900)));
    assert_eq!(codes(&history, 6), []);
}

#[test]
fn an_outage_that_is_over_is_information() {
    let mut history = icmp(30, 100);
    history.push(Build::client().at(4 * SECOND, 0).exchanges(900).live());
    assert_eq!(only(&history, 20).severity, Severity::Info);
}

#[test]
fn those_given_up_before_the_icmp_came_are_the_same_story() {
    let mut history = icmp(40, 100);
    history.extend(
        (0..20)
            .map(|n| n * 100 * MILLI + 1)
            .map(|at| Build::client().at(at, at + 2 * SECOND).given_up().retransmits(1).end()),
    );
    assert_eq!(codes(&history, 6), [Code::ConnectUnreachable]);
}
