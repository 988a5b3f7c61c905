//! Peers that end connections, and clients that do not notice or do.

use std::time::{Duration, Instant};

use crate::support::peer::{Script, Server};
use serde_json::json;

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

#[test]
#[ignore = "needs root"]
fn a_server_is_told_which_of_its_peers_redials_and_which_reuses() {
    const REQUESTS: u64 = 25;
    let server = Server::start(Script::KeepAlive);
    let (port, requests) = (server.port.to_string(), REQUESTS.to_string());
    let client = |mode, source| Workload::python("source.py", &[mode, source, &port, &requests]);
    let (redials, reuses) = (client("redial", "127.0.0.2"), client("reuse", "127.0.0.3"));
    let tracer = Tracer::start_with(&["--peers"]);
    let began = Instant::now();
    assert_eq!(redials.run(), Did { dials: REQUESTS, requests: REQUESTS });
    // Its pauses of 20 ms, and nearly half a second, after which a dial is no redial: where no gap can
    // have been so long, each is one.
    let is_swift = began.elapsed() < Duration::from_millis(20 * REQUESTS + 450);
    let least = if is_swift { REQUESTS - 1 } else { 1 };
    assert_eq!(reuses.run(), Did { dials: 1, requests: REQUESTS });
    wait::quiet(server.port);
    let report = tracer.finish();

    assert_eq!(server.counts(), (REQUESTS + 1, 2 * REQUESTS));
    for (peer, opened, redials, reuse) in
        [("127.0.0.2", 25, least..=24, 0.0), ("127.0.0.3", 1, 0..=0, 0.96)]
    {
        let line = report.peer(peer, server.port);
        assert!(redials.contains(&int(line, "tracer.redials")), "{redials:?}: {line}");
        for (key, value) in [
            ("tracer.subject", json!("peer")),
            ("server.address", json!("127.0.0.1")),
            ("tracer.connections_opened", json!(opened)),
            ("tracer.connections_closed", json!(opened)),
            ("tracer.connections_open", json!(0)),
            ("tracer.connections_preexisting", json!(0)),
            ("tracer.connections_used", json!(opened)),
            ("tracer.exchanges", json!(REQUESTS)),
            ("tracer.exchanges_basis", json!("measured")),
            ("tracer.reuse_ratio", json!(reuse)),
            ("tracer.closes", json!({ "peer_close": opened })),
        ] {
            assert_eq!(line[key], value, "{key}: {line}");
        }
    }
    // What the peers do is no verdict on the server.
    assert_eq!(report.codes(std::process::id(), server.port), [""; 0]);
}

#[test]
#[ignore = "needs root"]
fn a_peer_that_comes_back_after_the_servers_close_does_not_redial() {
    const CLOSES: u64 = 8;
    let server = Server::start(Script::CloseEach);
    let mut client = Workload::python("eof.py", &["close", &server.port.to_string()]);
    let tracer = Tracer::start_with(&["--peers"]);
    client.go_on_until(CLOSES);
    let did = client.end();
    wait::quiet(server.port);
    let report = tracer.finish();

    assert_eq!(server.counts(), (did.dials, did.requests));
    let line = report.peer("127.0.0.1", server.port);
    assert_eq!(int(line, "tracer.connections_opened"), did.dials, "{line}");
    assert_eq!(int(line, "tracer.redials"), 0, "{line}");
    assert_eq!(line["tracer.closes"], json!({ "local_close": did.dials }));
}
