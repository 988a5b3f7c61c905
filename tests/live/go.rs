//! Go's net/http against nginx: bodies left unread and Transports left behind are named.

use crate::support::nginx::Nginx;
use crate::support::report::{all_are, int, text};
use crate::support::tracer::Tracer;
use crate::support::wait;
use crate::support::workload::{Did, Workload};

/// Requests of each bounded client: above the five closes that `unread-close` asks for.
const REQUESTS: u64 = 20;

fn client(nginx: &Nginx, mode: &str, path: &str) -> Workload {
    let url = format!("http://127.0.0.1:{}{path}", nginx.port);
    Workload::go(&[mode, &url, &REQUESTS.to_string()])
}

#[test]
#[ignore = "needs root"]
fn a_go_client_that_leaves_large_bodies_unread_is_unread_close() {
    let nginx = Nginx::keep_alive();
    let client = client(&nginx, "unread", "/large");
    let pid = client.pid;
    let tracer = Tracer::start();
    let did = client.run();
    wait::quiet(nginx.port);
    let report = tracer.finish();

    assert_eq!(did, Did { dials: REQUESTS, requests: REQUESTS });
    nginx.served(REQUESTS, REQUESTS);
    let (dialled, accepted) = (report.dialled(nginx.port), report.accepted(nginx.port));
    all_are(&dialled, 20, "process.pid", &pid.to_string());
    all_are(&dialled, 20, "tracer.exchanges", "1");
    all_are(&dialled, 20, "tracer.close.cause", "local_abort_unread");
    all_are(&dialled, 20, "tracer.close.rst", "sent");
    all_are(&accepted, 20, "process.pid", &nginx.worker().to_string());
    all_are(&accepted, 20, "tracer.close.cause", "reset_by_peer");
    all_are(&accepted, 20, "tracer.close.rst", "received");
    for record in dialled {
        let unread = int(record, "tracer.unread_bytes");
        assert!(unread > 0 && unread <= int(record, "tracer.bytes_received"), "{record}");
    }
    assert_eq!(report.codes(pid, nginx.port), ["unread-close"]);
    let server = report.codes(nginx.worker(), nginx.port);
    assert!(!server.contains(&"unread-close"), "the server read what it was asked: {server:?}");
}

#[test]
#[ignore = "needs root"]
fn a_go_client_that_drains_its_bodies_is_silent() {
    let nginx = Nginx::keep_alive();
    let client = client(&nginx, "drained", "/large");
    let pid = client.pid;
    let tracer = Tracer::start();
    let did = client.run();
    wait::quiet(nginx.port);
    let report = tracer.finish();

    assert_eq!(did, Did { dials: 1, requests: REQUESTS });
    nginx.served(1, REQUESTS);
    all_are(&report.dialled(nginx.port), 1, "process.pid", &pid.to_string());
    all_are(&report.dialled(nginx.port), 1, "tracer.exchanges", "20");
    all_are(&report.accepted(nginx.port), 1, "tracer.exchanges", "20");
    // It ends with its connection open: the kernel closes it.
    all_are(&report.dialled(nginx.port), 1, "tracer.close.how", "exit:0");
    let found = report.findings(nginx.port);
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
#[ignore = "needs root"]
fn a_go_client_that_leaves_a_transport_behind_each_time_is_a_hoard() {
    // Ten dials a second for five seconds: the age of the idle connections is under test.
    const DIALS: u64 = 50;
    let nginx = Nginx::keep_alive();
    let mut client = client(&nginx, "hoard", "/small");
    let pid = client.pid;
    let tracer = Tracer::start();
    client.go_on_until(DIALS);
    let report = tracer.finish();
    let did = client.end();

    assert_eq!(did.dials, did.requests);
    nginx.served(did.dials, did.requests);
    let summary = report.summary(pid, "client", nginx.port);
    let opened = int(summary, "tracer.connections_opened");
    assert!((DIALS..=did.dials).contains(&opened), "{opened} of {DIALS} to {}", did.dials);
    assert_eq!(int(summary, "tracer.connections_open"), opened, "none was closed: {summary}");
    assert_eq!(int(summary, "tracer.connections_peak"), opened, "{summary}");
    assert_eq!(summary["tracer.closes"], serde_json::json!({}), "{summary}");
    // The first had none before it; at the second, 100 ms later, the first may not have been idle
    // for 100 ms yet. From the third on one certainly was.
    assert!(int(summary, "tracer.redials") >= DIALS - 2, "an idle one was there: {summary}");
    assert_eq!(report.codes(pid, nginx.port), ["hoard"]);
    let advice = text(report.finding("hoard", nginx.port), "tracer.finding.advice");
    assert!(!advice.is_empty());
    let runtime = |line: &serde_json::Value| text(line, "process.runtime.name").to_owned();
    assert_eq!(runtime(report.finding("hoard", nginx.port)), "go");
    assert!(text(summary, "process.runtime.version").starts_with("1."), "{summary}");
    assert_eq!(runtime(report.summary(nginx.worker(), "server", nginx.port)), "nginx");
    let server = report.codes(nginx.worker(), nginx.port);
    assert!(server.is_empty(), "nginx is not to blame for its client: {server:?}");
    // nginx itself is the witness that each connection carried one request.
    let counts = nginx.requests_by_connection();
    assert!(counts.values().all(|requests| *requests == 1), "{counts:?}");
}
