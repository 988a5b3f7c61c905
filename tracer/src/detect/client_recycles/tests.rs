//! When `client-recycles` speaks and when it must not.

use crate::aggregate::support::{Build, MILLI, SECOND};
use crate::connection::{Connection, OpenCause};
use crate::detect::support::{codes, lacks, measure, one_by_one, only};
use crate::detect::{Code, Severity};

/// Different counts, 2 to 2 + 3 * `most`.
fn vary(n: u64, most: u64) -> u32 {
    2 + 3 * u32::try_from(n * 7 % (most + 1)).unwrap_or(0)
}

/// One after another, each with another number of exchanges.
fn varied(count: u64, most: u64, shape: fn(Build) -> Build) -> Vec<Connection> {
    (0..count)
        .map(|n| (n, n * 100 * MILLI + 1))
        .map(|(n, at)| {
            let build = Build::client().at(at, at + (20 + 7 * (n % 10)) * MILLI);
            shape(build.exchanges(vary(n, most))).end()
        })
        .collect()
}

fn as_is(build: Build) -> Build {
    build
}

#[test]
fn a_client_per_piece_of_work_is_found() {
    let finding = only(&varied(60, 4, as_is), 7);
    assert_eq!((finding.code, finding.severity), (Code::ClientRecycles, Severity::Warn));
    assert!(finding.summary.contains("after few exchanges (8 in the median)"));
    assert_eq!(measure(&finding, "connections").to_string(), "60");
}

#[test]
fn a_constant_number_of_requests_is_found_beyond_few() {
    let finding = only(&one_by_one(60, 100, |build| build.exchanges(50)), 7);
    assert_eq!(finding.code, Code::ClientRecycles);
    assert!(finding.summary.contains("after 50 exchanges each"), "{}", finding.summary);
}

#[test]
fn threads_that_each_drop_after_a_constant_number_are_found() {
    let parallel = |build: Build| build.exchanges(5).open_cause(OpenCause::Parallel);
    assert_eq!(codes(&one_by_one(60, 100, parallel), 7), [Code::ClientRecycles]);
}

#[test]
fn a_constant_age_is_found() {
    let history: Vec<_> = (0..14)
        .map(|n| (n, n * 2_010 * MILLI + 1))
        .map(|(n, at)| {
            let build = Build::client().at(at, at + 2 * SECOND).last_read(u64::MAX);
            build.exchanges(30 + vary(n, 9)).end()
        })
        .collect();
    let finding = only(&history, 29);
    assert_eq!((finding.code, finding.severity), (Code::ClientRecycles, Severity::Info));
    assert!(finding.summary.contains("at an age of 2.0 s each"), "{}", finding.summary);
}

#[test]
fn one_request_each_is_one_shot() {
    assert_eq!(codes(&one_by_one(60, 100, as_is), 7), [Code::OneShot]);
    let tls = one_by_one(60, 100, |build| build.port(443).exchanges(3));
    assert_eq!(codes(&tls, 7), [Code::OneShot]);
}

#[test]
fn a_pool_that_drops_its_surplus_is_another_story() {
    let parallel = |build: Build| build.open_cause(OpenCause::Parallel);
    assert_eq!(codes(&varied(60, 4, parallel), 7), []);
}

#[test]
fn many_exchanges_are_silent() {
    assert_eq!(codes(&varied(60, 30, as_is), 7), [], "not few, not constant");
    assert_eq!(codes(&one_by_one(60, 100, |build| build.exchanges(200)), 7), []);
}

#[test]
fn a_job_that_ends_is_silent() {
    let history: Vec<_> =
        (1..=40).map(|n| Build::client().at(n, 2 * SECOND + n).exchanges(6).end()).collect();
    assert_eq!(codes(&history, 5), []);
}

#[test]
fn a_cron_job_or_health_check_of_several_requests_is_silent() {
    let history: Vec<_> = (0..30)
        .map(|n| Build::client().at(n * 2 * SECOND + 1, n * 2 * SECOND + 9 * MILLI))
        .map(|build| build.exchanges(3).end())
        .collect();
    assert_eq!(codes(&history, 61), []);
}

#[test]
fn an_idle_timeout_is_another_story() {
    assert!(lacks(Code::ClientRecycles, &varied(60, 4, |build| build.idle_s(0.6)), 7));
    let tls: Vec<_> = (0..20)
        .map(|n| Build::client().port(443).at(n * 2 * SECOND + 1, (n * 2 + 2) * SECOND))
        .map(|build| build.exchanges(6).idle_s(0.0).end())
        .collect();
    assert!(lacks(Code::ClientRecycles, &tls, 41));
}

#[test]
fn a_request_that_is_given_up_is_another_story() {
    assert!(lacks(Code::ClientRecycles, &varied(60, 4, Build::waiting), 7));
}

#[test]
fn the_exit_of_the_process_does_not_count() {
    assert_eq!(codes(&varied(60, 4, |build| build.how("exit:0")), 7), []);
}

#[test]
fn the_peers_close_is_the_peers() {
    assert!(lacks(Code::ClientRecycles, &varied(60, 4, Build::by_peer), 7));
}

#[test]
fn mail_is_one_piece_of_work_for_each_connection() {
    // A mail each is one request with its set-up, and it dials again at once.
    assert_eq!(codes(&varied(60, 4, |build| build.port(25)), 7), [Code::OneShot]);
}

#[test]
fn servers_are_not_accused() {
    let history: Vec<_> = (0..60)
        .map(|n| Build::server().at(n * 100 * MILLI + 1, n * 100 * MILLI + 9 * MILLI))
        .map(|build| build.exchanges(4).end())
        .collect();
    assert_eq!(codes(&history, 7), []);
}
