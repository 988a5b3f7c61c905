//! When `resets-sent` speaks and when it must not.

use crate::aggregate::support::{Build, MILLI};
use crate::connection::{CloseCause, Connection, Initiator, Role};
use crate::detect::support::{codes, measure, one_by_one, only};
use crate::detect::{Code, Confidence, Severity};

fn served(count: u64, shape: impl Fn(Build) -> Build) -> Vec<Connection> {
    (0..count)
        .map(|n| (n * 100 * MILLI + 1, n * 100 * MILLI + 50 * MILLI))
        .map(|(at, end)| shape(Build::server().at(at, end).exchanges(1)).end())
        .collect()
}

fn unread(build: Build) -> Build {
    build.unread(9_000).resets(Some("tcp_abort_on_close"))
}

#[test]
fn a_server_that_closes_on_unread_requests_is_found() {
    let finding = only(&served(40, unread), 6);
    assert_eq!((finding.code, finding.severity), (Code::ResetsSent, Severity::Warn));
    assert_eq!(finding.confidence, Confidence::High);
    assert!(finding.advice.contains("lingering_close"), "{}", finding.advice);
    assert_eq!(measure(&finding, "requests_unread").to_string(), "40");
}

#[test]
fn a_server_whose_clients_send_after_its_close_is_found_with_a_doubt() {
    let late = |build: Build| build.late_data().resets(Some("tcp_abort_on_data"));
    let finding = only(&served(40, late), 6);
    assert_eq!((finding.severity, finding.confidence), (Severity::Warn, Confidence::Medium));
    assert!(finding.summary.contains("40 got data after our close"), "{}", finding.summary);
}

#[test]
fn a_kernel_out_of_memory_is_an_error() {
    let out = |build: Build| build.exchanges(900).resets(Some("tcp_abort_on_memory"));
    let finding = only(&one_by_one(40, 100, out), 6);
    assert_eq!(finding.severity, Severity::Error);
    assert!(finding.summary.contains("40 out of TCP memory"), "{}", finding.summary);
}

#[test]
fn another_reason_has_the_kernels_name_or_none() {
    let dead = |reason| {
        one_by_one(40, 100, |build| {
            let cause = CloseCause::KeepaliveTimeout;
            build.exchanges(900).cause(cause, Initiator::Kernel).resets(reason)
        })
    };
    let finding = only(&dead(Some("tcp_keepalive_timeout")), 6);
    assert_eq!(finding.severity, Severity::Info);
    assert!(finding.summary.contains("40 tcp_keepalive_timeout"), "{}", finding.summary);
    let finding = only(&dead(None), 6);
    assert!(finding.summary.contains("does not name"), "{}", finding.summary);
}

#[test]
fn a_client_that_had_closed_before_does_not_see_the_reset() {
    assert_eq!(codes(&served(40, |build| unread(build).after_peer_fin()), 6), []);
}

#[test]
fn the_farewell_of_a_tls_client_is_nothing_to_read() {
    let tls = |shape: fn(Build) -> Build| {
        let mut history = served(40, shape);
        for connection in &mut history {
            connection.local.set_port(8443);
        }
        history
    };
    assert_eq!(codes(&tls(|build| build.unread(31).resets(None)), 6), []);
    assert_eq!(codes(&tls(|build| build.late_data().resets(None)), 6), []);
    assert_eq!(codes(&tls(unread), 6), [Code::ResetsSent]);
}

#[test]
fn the_end_of_a_process_a_listener_or_an_administrator_is_silent() {
    assert_eq!(codes(&served(40, |build| unread(build).how("exit:SIGTERM")), 6), []);
    for cause in [CloseCause::NeverAccepted, CloseCause::AdminAbort, CloseCause::LocalAbort] {
        let ended = |build: Build| build.cause(cause, Initiator::Local).resets(Some("tcp_state"));
        assert_eq!(codes(&served(40, ended), 6), [], "{cause:?}");
    }
}

#[test]
fn four_and_less_than_a_tenth_are_silent() {
    assert_eq!(codes(&served(4, unread), 6), []);
    let mut history = served(10, unread);
    history.extend(served(91, |build| build.role(Role::Server)));
    assert_eq!(codes(&history, 12), []);
}

#[test]
fn a_client_that_leaves_answers_unread_has_a_finding_of_its_own() {
    let history = one_by_one(40, 100, |build| unread(build.exchanges(9)));
    assert_eq!(only(&history, 6).code, Code::UnreadClose);
    let late = |build: Build| build.exchanges(9).late_data().resets(None);
    let finding = only(&one_by_one(40, 100, late), 6);
    assert_eq!((finding.code, finding.severity), (Code::UnreadClose, Severity::Warn));
    assert_eq!(finding.consequences[0].code, Code::ResetsSent);
}
