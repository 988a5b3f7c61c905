//! Peers that end connections, and clients that do not notice or do.

use crate::support::peer::{Script, Server};
use crate::support::report::{all_are, int};
use crate::support::tracer::Tracer;
use crate::support::wait;
use crate::support::workload::{Did, Workload};

/// Dials of the close-wait clients, four a second: the age of CLOSE_WAIT is under test, and of ten
/// seconds of dials those of the first five become older than the five seconds of the detector.
const DIALS: u64 = 40;

#[test]
#[ignore = "needs root"]
fn a_client_that_never_closes_what_the_server_closed_is_a_close_wait_leak() {
    let server = Server::start(Script::CloseEach);
    let mut client = Workload::python("eof.py", &["leak", &server.port.to_string()]);
    let pid = client.pid;
    let tracer = Tracer::start();
    client.go_on_until(DIALS);
    let report = tracer.finish();
    let did = client.end();

    assert_eq!(server.counts(), (did.dials, did.requests));
    let summary = report.summary(pid, "client", server.port);
    let open = int(summary, "tracer.connections_open");
    assert!((DIALS..=did.dials).contains(&open), "{open} of {DIALS} to {}", did.dials);
    assert!(report.dialled(server.port).is_empty(), "the client ended none");
    assert!(report.codes(pid, server.port).contains(&"close-wait-leak"));
    let finding = report.finding("close-wait-leak", server.port);
    assert_eq!(int(finding, "process.pid"), u64::from(pid), "{finding}");
    assert_eq!(finding["process.runtime.name"], "cpython", "{finding}");
}

#[test]
#[ignore = "needs root"]
fn a_client_that_closes_when_the_server_did_does_not_leak() {
    let server = Server::start(Script::CloseEach);
    let mut client = Workload::python("eof.py", &["close", &server.port.to_string()]);
    let pid = client.pid;
    let tracer = Tracer::start();
    client.go_on_until(DIALS);
    let did = client.end();
    wait::quiet(server.port);
    let report = tracer.finish();

    assert_eq!(server.counts(), (did.dials, did.requests));
    let dials = usize::try_from(did.dials).expect("small");
    all_are(&report.dialled(server.port), dials, "tracer.close.cause", "peer_close");
    all_are(&report.accepted(server.port), dials, "tracer.close.cause", "local_close");
    let codes = report.codes(pid, server.port);
    assert!(!codes.contains(&"close-wait-leak") && !codes.contains(&"one-shot"), "{codes:?}");
}

#[test]
#[ignore = "needs root"]
fn a_server_that_resets_is_told_from_one_that_closes() {
    const CONNECTIONS: u64 = 20;
    let server = Server::start(Script::ResetSecond);
    let args = [server.port.to_string(), CONNECTIONS.to_string()];
    let client = Workload::python("reset.py", &[&args[0], &args[1]]);
    let pid = client.pid;
    let tracer = Tracer::start();
    assert_eq!(client.run(), Did { dials: CONNECTIONS, requests: CONNECTIONS });
    wait::quiet(server.port);
    let report = tracer.finish();

    assert_eq!(server.counts(), (CONNECTIONS, CONNECTIONS));
    let (dialled, accepted) = (report.dialled(server.port), report.accepted(server.port));
    all_are(&dialled, 20, "process.pid", &pid.to_string());
    all_are(&dialled, 20, "tracer.close.cause", "reset_by_peer");
    all_are(&dialled, 20, "tracer.close.rst", "received");
    all_are(&dialled, 20, "tracer.exchanges", "1");
    all_are(&accepted, 20, "process.pid", &std::process::id().to_string());
    all_are(&accepted, 20, "tracer.close.cause", "local_abort_linger0");
    all_are(&accepted, 20, "tracer.close.rst", "sent");
    assert!(!report.codes(pid, server.port).contains(&"one-shot"));
}
