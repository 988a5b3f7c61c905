//! Dials that fail, each by its own cause.

use crate::support::peer::FullListener;
use crate::support::report::{all_are, int, tally};
use crate::support::tracer::Tracer;
use crate::support::workload::Workload;
use crate::support::{port, wait};

#[test]
#[ignore = "needs root"]
fn refused_dials_are_connect_refused() {
    let port = port::closed();
    let client = Workload::python("dial.py", &["refused", &port.to_string(), "20"]);
    let pid = client.pid;
    let tracer = Tracer::start();
    assert_eq!(client.run().dials, 20);
    wait::quiet(port);
    let report = tracer.finish();

    let dialled = report.dialled(port);
    all_are(&dialled, 20, "process.pid", &pid.to_string());
    all_are(&dialled, 20, "tracer.close.cause", "connect_refused");
    all_are(&dialled, 20, "tracer.close.errno", "111");
    all_are(&dialled, 20, "tracer.close.rst", "received");
    all_are(&dialled, 20, "tracer.connect_s", "-");
    all_are(&dialled, 20, "tracer.exchanges", "0");
    all_are(&dialled, 20, "network.peer.address", "127.0.0.1");
    assert!(report.accepted(port).is_empty());
    let opens = tally(&dialled, "tracer.open.cause");
    assert_eq!((opens.get("first"), opens.get("retry_failed_dial")), (Some(&1), Some(&19)));

    let summary = report.summary(pid, "client", port);
    assert_eq!(int(summary, "tracer.connections_failed"), 20, "{summary}");
    assert!(summary.get("tracer.reuse_ratio").is_none(), "nothing was exchanged: {summary}");
    assert_eq!(report.codes(pid, port), ["connect-refused"]);
}

#[test]
#[ignore = "needs root"]
fn dials_closed_before_they_are_answered_are_dial_cancelled() {
    let silent = FullListener::new();
    let client = Workload::python("dial.py", &["cancel", &silent.port.to_string(), "5"]);
    let pid = client.pid;
    let tracer = Tracer::start();
    assert_eq!(client.run().dials, 5);
    wait::in_state(silent.port, wait::SYN_SENT, 0);
    let report = tracer.finish();

    let dialled = report.dialled(silent.port);
    all_are(&dialled, 5, "process.pid", &pid.to_string());
    all_are(&dialled, 5, "tracer.close.cause", "dial_cancelled");
    all_are(&dialled, 5, "tracer.close.how", "close");
    all_are(&dialled, 5, "tracer.close.initiator", "local");
    all_are(&dialled, 5, "tracer.connect_s", "-");
    let rst = tally(&dialled, "tracer.close.rst");
    assert!(!rst.contains_key("sent") && !rst.contains_key("received"), "{rst:?}");
}

#[test]
#[ignore = "needs root"]
fn a_dial_nobody_answers_is_connect_timeout() {
    let silent = FullListener::new();
    let client = Workload::python("dial.py", &["timeout", &silent.port.to_string(), "1"]);
    let pid = client.pid;
    let tracer = Tracer::start();
    assert_eq!(client.run().dials, 1);
    wait::in_state(silent.port, wait::SYN_SENT, 0);
    let report = tracer.finish();

    let dialled = report.dialled(silent.port);
    all_are(&dialled, 1, "process.pid", &pid.to_string());
    all_are(&dialled, 1, "tracer.close.cause", "connect_timeout");
    all_are(&dialled, 1, "tracer.close.initiator", "kernel");
    all_are(&dialled, 1, "tracer.close.errno", "110");
    all_are(&dialled, 1, "tracer.connect_s", "-");
    // How many retransmissions TCP_SYNCNT 1 allows differs between kernels; one at least.
    assert!(int(dialled[0], "tracer.retransmits") >= 1, "{}", dialled[0]);
}

#[test]
#[ignore = "needs root"]
fn a_connection_whose_listener_goes_away_is_never_accepted() {
    let tracer = Tracer::start();
    let silent = FullListener::new();
    let port = silent.port;
    let dialler = silent.close_listener();
    let error = dialler.take_error().expect("SO_ERROR").expect("the dialler's end was reset");
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    drop(dialler);
    wait::quiet(port);
    let report = tracer.finish();

    all_are(&report.accepted(port), 1, "tracer.close.cause", "never_accepted");
    all_are(&report.dialled(port), 1, "tracer.close.cause", "reset_by_peer");
    all_are(&report.dialled(port), 1, "tracer.exchanges", "0");
}
