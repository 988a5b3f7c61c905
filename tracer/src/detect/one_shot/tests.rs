//! When `one-shot` speaks and when it must not.

use crate::aggregate::support::{Build, MILLI, SECOND};
use crate::connection::Role;
use crate::detect::support::{codes, lacks, measure, one_by_one, only};
use crate::detect::{Code, Confidence, Severity};

#[test]
fn a_client_per_request_is_found() {
    let finding = only(&one_by_one(214, 50, |build| build), 12);
    assert_eq!((finding.code, finding.confidence), (Code::OneShot, Confidence::High));
    assert_eq!(finding.connections, 214);
    assert_eq!(measure(&finding, "one_exchange_share").to_string(), "1");
    assert_eq!(measure(&finding, "reuse_ratio").to_string(), "0");
    let gap_s = measure(&finding, "median_redial_gap_s");
    assert!((0.024..0.028).contains(&gap_s), "{gap_s}");
    let server = "the server did not close first: 0 of 214 ended by the peer's FIN or reset";
    assert!(finding.ruled_out.iter().any(|sentence| sentence == server));
    assert_eq!(finding.examples.len(), 5);
    assert!(finding.summary.contains("app (pid 100)"), "{}", finding.summary);
}

#[test]
fn fewer_than_ten_are_noise() {
    assert_eq!(codes(&one_by_one(9, 50, |build| build), 2), []);
    assert_eq!(codes(&one_by_one(10, 50, |build| build), 2), [Code::OneShot]);
}

#[test]
fn a_health_check_every_second_is_silent() {
    // Half a second open, then one second and a half until the next dial.
    let history: Vec<_> =
        (0..30).map(|n| Build::client().at(n * SECOND + 1, n * SECOND + 2 * MILLI).end()).collect();
    assert_eq!(codes(&history, 30), []);
}

#[test]
fn a_burst_that_ends_is_silent() {
    let history: Vec<_> = (1..=100).map(|n| Build::client().at(n, SECOND + n).end()).collect();
    assert_eq!(codes(&history, 5), []);
}

#[test]
fn many_closes_and_one_redial_are_silent() {
    let mut history: Vec<_> = (1..=100).map(|n| Build::client().at(n, SECOND + n).end()).collect();
    history.push(Build::client().at(SECOND + 10 * MILLI, 0).live());
    assert_eq!(codes(&history, 5), []);
}

#[test]
fn a_pool_that_reuses_is_silent() {
    assert_eq!(codes(&one_by_one(100, 50, |build| build.exchanges(200)), 6), []);
}

#[test]
fn a_pool_that_is_only_too_small_is_another_story() {
    let mut history = one_by_one(70, 50, |build| build);
    history.extend(one_by_one(30, 50, |build| build.exchanges(50)));
    assert!(!codes(&history, 6).contains(&Code::OneShot));
}

#[test]
fn an_idle_timeout_is_silent() {
    assert!(lacks(Code::OneShot, &one_by_one(100, 50, |build| build.idle_s(2.0)), 6));
}

#[test]
fn an_unknown_idle_time_proves_nothing() {
    let mut history = one_by_one(100, 50, |build| build);
    for connection in &mut history {
        if let crate::connection::Phase::Closed(close) = &mut connection.phase {
            close.idle_s = None;
        }
    }
    assert_eq!(codes(&history, 6), []);
}

#[test]
fn a_server_that_closes_each_is_the_servers_doing() {
    for shape in [Build::by_peer, Build::after_peer_fin] {
        assert_eq!(codes(&one_by_one(100, 50, shape), 6), [Code::PeerClosesEach]);
    }
}

#[test]
fn a_process_that_exits_does_not_count() {
    assert_eq!(codes(&one_by_one(100, 50, |build| build.how("exit:0")), 6), []);
}

#[test]
fn connections_without_an_exchange_do_not_count() {
    assert_eq!(codes(&one_by_one(100, 50, |build| build.exchanges(0)), 6), []);
}

#[test]
fn a_tls_handshake_is_discounted_on_tls_ports_only() {
    let tls = only(&one_by_one(100, 50, |build| build.port(443).exchanges(3)), 6);
    assert_eq!((tls.code, tls.confidence), (Code::OneShot, Confidence::Medium));
    assert!(lacks(Code::OneShot, &one_by_one(100, 50, |build| build.port(443).exchanges(4)), 6));
    assert!(lacks(Code::OneShot, &one_by_one(100, 50, |build| build.port(80).exchanges(3)), 6));
}

#[test]
fn the_login_to_a_database_is_discounted_and_told_as_a_doubt() {
    let query = only(&one_by_one(100, 50, |build| build.port(5432).exchanges(9)), 6);
    assert_eq!((query.code, query.confidence), (Code::OneShot, Confidence::Medium));
    assert!(query.doubts.iter().any(|why| why.contains("PostgreSQL")), "{:?}", query.doubts);
    assert!(query.summary.contains("after one request"), "{}", query.summary);
    for (port, exchanges) in [(5432, 10), (5431, 9)] {
        let history = one_by_one(100, 50, |build| build.port(port).exchanges(exchanges));
        assert_eq!(codes(&history, 6), [Code::ClientRecycles]);
    }
}

#[test]
fn the_accept_side_is_silent() {
    let history: Vec<_> = (0..100)
        .map(|n| Build::server().at(n * 50 * MILLI + 1, n * 50 * MILLI + 9).end())
        .collect();
    assert_eq!(codes(&history, 6), []);
}

#[test]
fn an_unknown_process_is_not_accused() {
    assert_eq!(codes(&one_by_one(100, 50, Build::nobody), 6), []);
}

#[test]
fn a_bound_in_place_of_a_count_lowers_the_confidence() {
    let finding = only(&one_by_one(100, 50, Build::bound), 6);
    assert_eq!(finding.confidence, Confidence::Medium);
    assert!(finding.doubts.iter().any(|doubt| doubt.contains("upper bound")));
}

#[test]
fn few_connections_lower_the_confidence() {
    assert_eq!(only(&one_by_one(12, 50, |build| build), 6).confidence, Confidence::Medium);
}

#[test]
fn exchanges_from_before_our_time_are_not_taken_for_none() {
    let mut history: Vec<_> = (1..=50)
        .map(|n| Build::preexisting().role(Role::Client).closed_at(n * 50 * MILLI).end())
        .collect();
    let dial = |n: u64| Build::client().exchanges(9).at(n * 50 * MILLI + 1, 0).live();
    history.extend((1..=50).map(dial));
    assert_eq!(codes(&history, 6), []);
}

#[test]
fn a_burst_of_parallel_requests_is_silent() {
    // 200 requests, 50 at a time: every dial but the first 50 follows a close at once.
    let history: Vec<_> = (0..200)
        .map(|n| {
            let at = (n / 50) * 20 * MILLI + n % 50 + 1;
            Build::client().at(at, at + 19 * MILLI).end()
        })
        .collect();
    assert_eq!(codes(&history, 3), []);
}

#[test]
fn something_short_that_is_over_is_information_only() {
    let history = one_by_one(40, 50, |build| build);
    assert_eq!(only(&history, 3).severity, Severity::Warn);
    let over = only(&history, 12);
    assert_eq!((over.severity, over.confidence), (Severity::Info, Confidence::Medium));
    assert!(over.doubts.iter().any(|doubt| doubt.contains("has been over")), "{:?}", over.doubts);
}

#[test]
fn goodbyes_that_meet_the_servers_fin_are_ours() {
    let shape = |n: u64, by_peer: u64| {
        let build = Build::client().port(5432).exchanges(5).waiting();
        let build = build.at(n * 50 * MILLI + 1, n * 50 * MILLI + 20 * MILLI);
        if n % 10 < by_peer { build.by_peer().end() } else { build.end() }
    };
    let history = |by_peer| (0..100).map(|n| shape(n, by_peer)).collect::<Vec<_>>();
    let finding = only(&history(4), 6);
    assert_eq!((finding.code, finding.connections), (Code::OneShot, 100));
    assert_eq!(only(&history(8), 6).connections, 100);
    assert!(!codes(&history(9), 6).contains(&Code::OneShot), "nearly always the server was first");
}

#[test]
fn a_pool_with_a_short_idle_timeout_is_another_story() {
    let found = codes(&one_by_one(100, 300, |build| build.idle_s(0.2)), 31);
    assert_eq!(found, [Code::ClientIdleTimeout]);
}

#[test]
fn slower_than_one_a_second_is_information() {
    let history: Vec<_> = (0..12)
        .map(|n| (n * 50 * SECOND + 1, (n + 1) * 50 * SECOND - 20 * MILLI))
        .map(|(at, end)| Build::client().at(at, end).last_read(end - MILLI).end())
        .collect();
    let finding = only(&history, 601);
    assert_eq!((finding.code, finding.severity), (Code::OneShot, Severity::Info));
    let history = one_by_one(20, 900, |build| build);
    assert_eq!(only(&history, 19).severity, Severity::Warn);
}

#[test]
fn a_server_that_closes_some_may_have_told_the_client_to_close_the_others() {
    let mut history = one_by_one(100, 50, |build| build);
    assert_eq!(only(&history, 6).confidence, Confidence::High);
    history.splice(..10, one_by_one(10, 50, Build::by_peer));
    let finding = only(&history, 6);
    assert_eq!((finding.code, finding.confidence), (Code::OneShot, Confidence::Medium));
    assert!(finding.doubts.iter().any(|doubt| doubt.contains("Connection: close")));
}

#[test]
fn a_connection_for_each_mail_is_information() {
    let finding = only(&one_by_one(60, 500, |build| build.port(25).exchanges(7)), 31);
    assert_eq!((finding.code, finding.severity), (Code::OneShot, Severity::Info));
    assert!(finding.doubts.iter().any(|doubt| doubt.contains("piece of work")));
}
