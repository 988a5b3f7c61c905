//! When `unread-close` speaks and when it must not.

use crate::aggregate::support::{Build, MILLI, SECOND};
use crate::connection::Connection;
use crate::detect::support::{codes, findings, lacks, measure, one_by_one, only};
use crate::detect::{Code, Confidence, Severity};

/// `bad` of `all` connections have the shape given; the others are closed after many exchanges.
fn mixed(bad: usize, all: u64, shape: impl Fn(Build) -> Build) -> Vec<Connection> {
    let mut history = one_by_one(all, 50, |build| build.exchanges(20));
    let shaped = one_by_one(all, 50, |build| shape(build.exchanges(2)));
    history.splice(..bad, shaped.into_iter().take(bad));
    history
}

#[test]
fn bodies_left_unread_are_found() {
    let finding = only(&mixed(30, 100, |build| build.unread(40_000)), 6);
    assert_eq!((finding.code, finding.confidence), (Code::UnreadClose, Confidence::High));
    assert_eq!(measure(&finding, "aborts").to_string(), "30");
    assert_eq!(measure(&finding, "unread_bytes_total").to_string(), "1200000");
    assert_eq!(measure(&finding, "exchanges_per_connection").to_string(), "2");
    assert!((40_000.0..42_500.0).contains(&measure(&finding, "unread_bytes_median")));
}

#[test]
fn data_that_comes_after_our_close_counts_too() {
    let finding = only(&mixed(30, 100, Build::late_data), 6);
    assert_eq!(measure(&finding, "late_data").to_string(), "30");
    assert!(measure(&finding, "unread_bytes_median").is_nan());
    // What came is not seen: TLS says goodbye on any port.
    assert_eq!((finding.severity, finding.confidence), (Severity::Warn, Confidence::Medium));
    assert!(finding.doubts.iter().any(|why| why.contains("farewell")), "{:?}", finding.doubts);
}

#[test]
fn late_data_beside_enough_that_was_unread_is_no_doubt() {
    let mut history = mixed(30, 100, |build| build.unread(40_000));
    history.extend(one_by_one(9, 500, |build| build.exchanges(2).late_data()));
    let finding = only(&history, 6);
    assert_eq!((finding.confidence, finding.connections), (Confidence::High, 39));
}

/// A pool of 20 kept connections with a million requests, and `shape` of 6 in ten minutes.
fn proxy(kept: impl Fn(u64) -> Build, shape: impl Fn(Build) -> Build) -> Vec<Connection> {
    let pool = (0..20).map(|n| kept(n).exchanges(50_000).last_read(599 * SECOND).live());
    let aborted = (0..6)
        .map(|n| (n * 100 + 50) * SECOND)
        .map(|at| shape(Build::client().exchanges(900).at(at, at + 2 * SECOND)).end());
    pool.chain(aborted).collect()
}

#[test]
fn a_proxy_whose_clients_abort_a_few_downloads_is_silent() {
    let client = |n: u64| Build::client().at(n + 1, 0);
    for shape in [|build: Build| build.unread(80_000), Build::late_data] {
        assert_eq!(codes(&proxy(client, shape), 600), []);
        assert_eq!(codes(&proxy(|_| Build::preexisting(), shape), 600), []);
    }
}

#[test]
fn a_hundredth_of_the_requests_is_enough() {
    let among = |exchanges: u32| {
        let mut history = one_by_one(20, 50, |build| build.unread(40_000));
        history.push(Build::client().at(7, 0).exchanges(exchanges).live());
        history
    };
    assert_eq!(codes(&among(1_980), 6), [Code::UnreadClose]);
    assert!(lacks(Code::UnreadClose, &among(1_981), 6));
}

#[test]
fn a_stream_that_is_left_and_taken_again_is_information() {
    let streams = |shape: fn(Build) -> Build| -> Vec<_> {
        (0..10)
            .map(|n| (n * 3 * SECOND + 1, (n * 3 + 2) * SECOND))
            .map(|(at, end)| shape(Build::client().at(at, end).last_read(end - MILLI)).end())
            .collect()
    };
    let finding = only(&streams(Build::late_data), 31);
    assert_eq!((finding.severity, finding.confidence), (Severity::Info, Confidence::Medium));
    let finding = only(&streams(|build| build.unread(80_000)), 31);
    assert_eq!((finding.severity, finding.confidence), (Severity::Warn, Confidence::Medium));
    assert!(finding.doubts.iter().any(|why| why.contains("stream")), "{:?}", finding.doubts);
}

#[test]
fn four_are_noise_and_less_than_a_fifth_too() {
    assert_eq!(codes(&mixed(4, 4, |build| build.unread(99)), 2), []);
    assert!(lacks(Code::UnreadClose, &mixed(19, 100, |build| build.unread(99)), 6));
    assert_eq!(codes(&mixed(20, 100, |build| build.unread(99)), 6), [Code::UnreadClose]);
}

#[test]
fn a_process_killed_while_reading_does_not_count() {
    assert_eq!(codes(&mixed(50, 100, |build| build.unread(99).how("exit:SIGKILL")), 6), []);
}

#[test]
fn a_tls_farewell_is_nothing_to_read() {
    let goodbye = |build: Build| build.port(443).after_peer_fin().unread(31);
    assert!(lacks(Code::UnreadClose, &one_by_one(50, 50, |build| goodbye(build.exchanges(9))), 6));
    let answered = |build: Build| build.port(443).exchanges(9).late_data();
    assert!(lacks(Code::UnreadClose, &one_by_one(50, 50, answered), 6));
    let body = |build: Build| build.port(443).exchanges(9).unread(9_000);
    assert_eq!(codes(&one_by_one(50, 50, body), 6), [Code::UnreadClose]);
}

#[test]
fn a_tls_farewell_on_another_port_is_nothing_to_read_either() {
    let goodbye = |build: Build| build.port(12_345).exchanges(9).unread(31);
    assert!(lacks(Code::UnreadClose, &one_by_one(50, 50, goodbye), 6));
    let body = |build: Build| build.port(12_345).exchanges(9).unread(65);
    assert_eq!(codes(&one_by_one(50, 50, body), 6), [Code::UnreadClose]);
}

#[test]
fn an_answer_that_came_after_we_gave_up_is_another_story() {
    let mut history = one_by_one(50, 50, |build| build.exchanges(9).late_data());
    for connection in &mut history {
        connection.unanswered = true;
    }
    assert!(lacks(Code::UnreadClose, &history, 6));
}

#[test]
fn a_server_that_refuses_an_upload_is_another_story() {
    let history: Vec<_> = (0..50)
        .map(|n| Build::server().at(n * 50 * MILLI + 1, n * 50 * MILLI + 9).unread(99).end())
        .collect();
    assert_eq!(codes(&history, 6), []);
}

#[test]
fn refused_dials_do_not_dilute_the_share() {
    let mut history = mixed(20, 100, |build| build.unread(99));
    history.extend(one_by_one(50, 10, Build::refused));
    assert_eq!(codes(&history, 6), [Code::UnreadClose]);
}

#[test]
fn an_unknown_role_lowers_the_confidence() {
    let history: Vec<_> = (1..=20)
        .map(|n| Build::preexisting().closed_at(n * 50 * MILLI).exchanges(9).unread(99).end())
        .collect();
    let finding = only(&history, 6);
    assert_eq!((finding.code, finding.confidence), (Code::UnreadClose, Confidence::Medium));
    assert!(findings(&history[..4], 6).is_empty());
}

#[test]
fn data_after_the_peers_close_is_not_ours() {
    let by_peer = |build: Build| build.exchanges(9).by_peer().late_data();
    assert!(lacks(Code::UnreadClose, &one_by_one(50, 50, by_peer), 6));
}
