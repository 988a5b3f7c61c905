//! When `peer-closes-each` speaks and when it must not.

use crate::aggregate::support::{Build, MILLI, SECOND};
use crate::connection::Connection;
use crate::detect::support::{codes, findings, measure, one_by_one, only};
use crate::detect::{Code, Confidence, Severity};

fn each(count: u64, every_ms: u64) -> Vec<Connection> {
    one_by_one(count, every_ms, Build::by_peer)
}

#[test]
fn a_server_that_closes_each_is_found_and_named_as_the_one() {
    let finding = only(&each(200, 50), 11);
    assert_eq!((finding.code, finding.severity), (Code::PeerClosesEach, Severity::Warn));
    assert_eq!((finding.connections, finding.confidence), (200, Confidence::Medium));
    assert!(finding.summary.starts_with("127.0.0.1:8080 closes each"), "{}", finding.summary);
    assert_eq!(measure(&finding, "closed_by_peer_share").to_string(), "1");
    let ours = "the client did not close first, mostly: 0 of 200 ended by its call";
    assert!(finding.ruled_out.iter().any(|sentence| sentence == ours));
    assert!(finding.doubts.iter().any(|doubt| doubt.contains("asked for it")));
}

#[test]
fn fewer_than_ten_are_noise() {
    assert_eq!(codes(&each(9, 50), 2), []);
    assert_eq!(codes(&each(10, 50), 2), [Code::PeerClosesEach]);
}

#[test]
fn one_that_costs_little_is_information() {
    let slow = one_by_one(20, 1_200, Build::by_peer);
    assert_eq!(codes(&slow, 25), [], "a poller");
    let long: Vec<_> = (0..20)
        .map(|n| Build::client().at(n * 1_200 * MILLI + 1, (n + 1) * 1_200 * MILLI).by_peer().end())
        .collect();
    let finding = only(&long, 25);
    assert_eq!((finding.code, finding.severity), (Code::PeerClosesEach, Severity::Info));
}

#[test]
fn long_polling_is_silent() {
    let history: Vec<_> = (0..20)
        .map(|n| Build::client().at(n * 3 * SECOND + 1, (n + 1) * 3 * SECOND))
        .map(|build| build.last_read(u64::MAX).by_peer().end())
        .collect();
    assert_eq!(codes(&history, 61), []);
}

#[test]
fn a_health_check_is_silent() {
    let history: Vec<_> = (0..30)
        .map(|n| Build::client().at(n * SECOND + 1, n * SECOND + 2 * MILLI).by_peer().end())
        .collect();
    assert_eq!(codes(&history, 30), []);
}

#[test]
fn a_server_that_restarts_is_silent() {
    let mut history: Vec<_> =
        (1..=100).map(|n| Build::client().at(n, SECOND + n).by_peer().end()).collect();
    history.extend((1..=100).map(|n| Build::client().at(SECOND + 10 * MILLI + n, 0).live()));
    assert_eq!(codes(&history, 5), []);
}

#[test]
fn a_rolling_deploy_that_closes_a_pool_in_turn_is_silent() {
    let mut history: Vec<_> = (1..=20)
        .map(|n| Build::client().at(n, n * 500 * MILLI).exchanges(300).by_peer().end())
        .collect();
    let next = |n: u64| Build::client().at(n * 500 * MILLI + MILLI, 0).exchanges(50).live();
    history.extend((1..=20).map(next));
    assert_eq!(codes(&history, 12), []);
}

#[test]
fn an_idle_timeout_with_a_tls_farewell_is_silent() {
    // The farewell is data: by the kernel's account nothing was idle.
    let history: Vec<_> = (0..20)
        .map(|n| Build::client().port(443).at(n * 2_300 * MILLI + 1, (n + 1) * 2_299 * MILLI))
        .map(|build| build.exchanges(3).idle_s(0.0).by_peer().end())
        .collect();
    let codes = codes(&history, 50);
    assert!(!codes.contains(&Code::PeerClosesEach), "{codes:?}");
}

#[test]
fn mail_is_silent_because_the_client_asks_for_the_end() {
    assert_eq!(codes(&one_by_one(100, 50, |build| build.port(25).by_peer()), 6), []);
}

#[test]
fn an_unanswered_request_is_another_story() {
    assert_eq!(codes(&one_by_one(100, 50, |build| build.by_peer().waiting()), 6), []);
}

#[test]
fn an_unknown_idle_time_proves_nothing() {
    assert_eq!(codes(&one_by_one(100, 50, |build| build.by_peer().idle_unknown()), 6), []);
}

#[test]
fn connections_that_are_used_again_are_silent() {
    assert_eq!(
        codes(&one_by_one(100, 50, |build| build.exchanges(2).by_peer().port(81)), 6)
            .into_iter()
            .filter(|code| *code == Code::PeerClosesEach)
            .count(),
        0
    );
}

#[test]
fn a_client_that_obeys_may_close_first_now_and_then() {
    let mixed = |ours: u64| {
        let mut history = one_by_one(100, 50, Build::by_peer);
        for (n, connection) in one_by_one(100, 50, |build| build).into_iter().enumerate() {
            if (n as u64) < ours {
                history[n] = connection;
            }
        }
        codes(&history, 6)
    };
    assert_eq!(mixed(40), [Code::PeerClosesEach]);
    assert_eq!(mixed(60), []);
}

#[test]
fn a_tls_farewell_of_ours_that_the_fin_answers_is_not_the_servers_close() {
    let goodbye = |build: Build| build.port(443).exchanges(3).by_peer().waiting();
    assert_eq!(codes(&one_by_one(100, 50, goodbye), 6), []);
}

#[test]
fn a_tls_handshake_is_discounted() {
    let history = one_by_one(100, 50, |build| build.port(443).exchanges(3).by_peer());
    let finding = only(&history, 6);
    assert_eq!(finding.code, Code::PeerClosesEach);
    assert!(finding.doubts.iter().any(|doubt| doubt.contains("TLS")));
}

#[test]
fn the_accept_side_and_those_there_before_are_silent() {
    let server: Vec<_> = (0..100)
        .map(|n| Build::server().at(n * 50 * MILLI + 1, n * 50 * MILLI + 9).by_peer().end())
        .collect();
    assert_eq!(codes(&server, 6), []);
    let before: Vec<_> =
        (1..=100).map(|n| Build::preexisting().closed_at(n * 50 * MILLI).by_peer().end()).collect();
    assert_eq!(codes(&before, 6), []);
}

#[test]
fn commands_are_not_told_to_reuse() {
    let history: Vec<_> = (0..60)
        .map(|n| (u32::try_from(n).unwrap_or(0) + 1, n * 200 * MILLI + 1))
        .map(|(pid, at)| Build::client().pid(pid).at(at, at + MILLI).by_peer().end())
        .collect();
    assert_eq!(codes(&history, 13), []);
}

#[test]
fn what_is_over_is_information() {
    assert_eq!(findings(&each(40, 50), 12)[0].severity, Severity::Info);
}
