//! When `connect-timeout` speaks and when it must not.

use std::collections::BTreeMap;

use crate::aggregate::support::{Build, MILLI, SECOND};
use crate::connection::{CloseCause, Connection, Initiator};
use crate::detect::support::{codes, measure, one_by_one, only};
use crate::detect::{Code, Confidence, Severity};

/// `count` dials, one every `every_ms`, each given up after `after_ms`.
fn given_up(count: u64, every_ms: u64, after_ms: u64) -> Vec<Connection> {
    (0..count)
        .map(|n| n * every_ms * MILLI + 1)
        .map(|at| Build::client().at(at, at + after_ms * MILLI).given_up().retransmits(2).end())
        .collect()
}

fn hanging(count: u64, every_ms: u64) -> Vec<Connection> {
    (0..count).map(|n| Build::client().at(n * every_ms * MILLI + 1, 0).dialling().live()).collect()
}

fn healthy(count: u64) -> Vec<Connection> {
    one_by_one(count, 50, |build| build.exchanges(900))
}

#[test]
fn dials_that_the_kernel_ended_are_found_and_the_missing_bound_is_named() {
    let ended = |n: u64| {
        Build::client()
            .at(n * SECOND + 1, (131 + n) * SECOND)
            .failed(CloseCause::ConnectTimeout, Initiator::Kernel)
            .retransmits(10)
    };
    let history: Vec<_> = (0..10).map(|n| ended(n).end()).collect();
    let finding = only(&history, 150);
    assert_eq!((finding.code, finding.severity), (Code::ConnectTimeout, Severity::Error));
    assert_eq!(finding.confidence, Confidence::High);
    assert!(finding.advice.contains("No timeout of the application"), "{}", finding.advice);
    assert!(finding.summary.contains("ended by the kernel after 131"), "{}", finding.summary);
    assert_eq!(measure(&finding, "repeated_syns").to_string(), "100");
}

#[test]
fn dials_that_hang_are_told_while_they_hang() {
    let finding = only(&hanging(50, 100), 8);
    assert_eq!((finding.code, finding.severity), (Code::ConnectTimeout, Severity::Error));
    assert_eq!(measure(&finding, "still_dialling").to_string(), "50");
    assert!((7.9..8.1).contains(&measure(&finding, "oldest_dialling_s")));
    assert!(!finding.advice.contains("No timeout of the application"), "not known yet");
    assert!(only(&hanging(50, 100), 70).advice.contains("No timeout of the application"));
}

#[test]
fn dials_from_before_the_observation_count() {
    let history: Vec<_> =
        (0..50).map(|n| Build::client().at(n, 0).dialled_before().dialling().live()).collect();
    let finding = only(&history, 8);
    assert_eq!(measure(&finding, "unanswered_share").to_string(), "1");
    assert!(finding.summary.contains("8.0 s or longer."), "{}", finding.summary);
    let finding = crate::detect::support::judged_since(3, &hanging(50, 100), 8, &BTreeMap::new());
    let share = measure(&finding.findings(0)[0], "unanswered_share");
    assert!(share <= 1.0, "known from before the observation, {share}");
}

#[test]
fn the_applications_own_bound_is_named_and_not_called_impatience() {
    let finding = only(&given_up(20, 200, 2_000), 8);
    assert_eq!((finding.code, finding.severity), (Code::ConnectTimeout, Severity::Error));
    assert!(finding.summary.contains("by the application after 2.0 s each"), "{}", finding.summary);
}

#[test]
fn those_given_up_sooner_are_not_accused_a_second_time() {
    let mut history = given_up(20, 200, 2_000);
    history.extend(given_up(20, 200, 300));
    assert_eq!(codes(&history, 8), [Code::ConnectTimeout]);
    assert_eq!(measure(&only(&history, 8), "unanswered").to_string(), "20");
}

#[test]
fn dials_spread_over_short_processes_are_one_finding() {
    let dial = |pid: u32| Build::client().pid(pid).at(u64::from(pid) * 100 * MILLI, 0);
    let mut history: Vec<_> = (1..=20)
        .map(|pid| dial(pid).given_up().closed_at((u64::from(pid) + 20) * 100 * MILLI).end())
        .collect();
    history.extend((21..=40).map(|pid| dial(pid).dialling().live()));
    let finding = only(&history, 8);
    assert_eq!((finding.code, finding.processes), (Code::ConnectTimeout, 40));
    assert_eq!(measure(&finding, "unanswered").to_string(), "40");
}

#[test]
fn a_process_killed_while_its_dial_hung_waited_in_vain_too() {
    let history: Vec<_> = (1..=20)
        .map(|pid| (pid, u64::from(pid) * 100 * MILLI))
        .map(|(pid, at)| Build::client().pid(pid).at(at, at + 5 * SECOND).given_up())
        .map(|build| build.how("exit:SIGTERM").end())
        .collect();
    assert_eq!(codes(&history, 8), [Code::ConnectTimeout]);
}

#[test]
fn four_are_retried_by_themselves_and_less_than_a_tenth_is_loss() {
    assert_eq!(codes(&hanging(4, 100), 8), []);
    let mut history = hanging(10, 100);
    history.extend(healthy(91));
    assert_eq!(codes(&history, 8), []);
    history.extend(hanging(2, 100));
    assert_eq!(codes(&history, 8), [Code::ConnectTimeout]);
}

#[test]
fn dials_under_way_are_not_called_unanswered() {
    let history: Vec<_> =
        (0..50).map(|n| Build::client().at(7_200 * MILLI + n, 0).dialling().live()).collect();
    assert_eq!(codes(&history, 8), []);
}

#[test]
fn a_lost_syn_that_was_answered_when_repeated_is_silent() {
    let late = |n: u64| Build::client().at(n * 100 * MILLI + 1, 0).answered_after(1_020 * MILLI);
    let history: Vec<_> = (0..20).map(|n| late(n).exchanges(900).live()).collect();
    assert_eq!(codes(&history, 8), []);
    let mut beside = history;
    beside.extend(hanging(20, 100));
    assert_eq!(measure(&only(&beside, 8), "answered_late").to_string(), "20");
}

#[test]
fn the_loser_of_a_race_between_addresses_is_silent() {
    let mut history = Vec::new();
    for n in 0..20 {
        let at = n * 200 * MILLI + 1;
        let (won, lost) = (at + 1_200 * MILLI, at + 1_201 * MILLI);
        history.push(Build::client().to("[::1]:8080").at(at, lost).given_up().end());
        history.push(Build::client().at(won, 0).exchanges(900).live());
    }
    assert_eq!(codes(&history, 8), []);
}

#[test]
fn the_other_ip_version_that_works_makes_it_late_not_failed() {
    let mut history = given_up(20, 200, 2_000);
    for connection in &mut history {
        connection.peer = "[::1]:8080".parse().unwrap();
    }
    history.extend(one_by_one(20, 200, |build| build.exchanges(900)));
    let finding = only(&history, 8);
    assert_eq!(finding.severity, Severity::Warn);
    assert!(finding.summary.ends_with("dials to 127.0.0.1:8080 succeed."), "{}", finding.summary);
}

#[test]
fn an_ip_version_that_hangs_too_is_no_way_out() {
    let mut history = given_up(20, 200, 2_000);
    history.extend(hanging(20, 100).into_iter().map(|mut connection| {
        connection.peer = "[::1]:8080".parse().unwrap();
        connection
    }));
    for finding in crate::detect::support::findings(&history, 8) {
        assert_eq!(finding.severity, Severity::Error, "{}", finding.summary);
    }
}

#[test]
fn an_outage_that_is_over_is_information() {
    let mut history = given_up(20, 50, 2_000);
    history.push(Build::client().at(6 * SECOND, 0).exchanges(900).live());
    let finding = only(&history, 20);
    assert_eq!(finding.severity, Severity::Info);
    assert!(finding.summary.ends_with("dials succeed since."), "{}", finding.summary);
}

#[test]
fn a_server_has_no_dials() {
    let history: Vec<_> =
        (0..20).map(|n| Build::server().at(n * 100 * MILLI + 1, 0).dialling().live()).collect();
    assert_eq!(codes(&history, 8), []);
}

#[test]
fn dials_that_hang_are_seen_until_now() {
    assert_eq!(only(&hanging(50, 100), 60).last_seen_ns, 60 * SECOND);
    let ended = only(&given_up(20, 200, 2_000), 60);
    assert!(ended.last_seen_ns < 5 * SECOND, "they do not hang any more");
}

#[test]
fn a_wait_that_has_just_ended_is_information_and_answers_meanwhile_make_it_none() {
    let mut history = given_up(50, 100, 1_000);
    history.push(Build::client().at(5_950 * MILLI, 0).exchanges(900).live());
    assert_eq!(only(&history, 6).severity, Severity::Info);
    history.push(Build::client().at(500 * MILLI, 0).exchanges(900).live());
    assert_eq!(only(&history, 6).severity, Severity::Error, "it comes and goes");
}
