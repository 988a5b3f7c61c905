//! What happens in another network namespace, as in a container, is judged like the rest.

use crate::support::report::{Report, int, text};
use crate::support::tracer::Tracer;
use crate::support::workload::Workload;

/// Ten dials a second for five seconds: the age of the connections is under test.
const DIALS: u64 = 50;

/// The report on `hoard_apart.py mode`, and its pid and port.
fn observed(mode: &str) -> (Report, u32, u16) {
    let mut client = Workload::python_apart("hoard_apart.py", &[mode]);
    let pid = client.pid;
    let tracer = Tracer::start();
    client.go_on();
    let port = loop {
        let said = client.hear();
        if int(&said, "dials") >= DIALS {
            break u16::try_from(int(&said, "port")).expect("a port");
        }
    };
    let report = tracer.finish();
    assert!(client.end().dials >= DIALS);
    (report, pid, port)
}

#[test]
#[ignore = "needs root"]
fn a_hoard_in_another_network_namespace_is_found() {
    let (report, pid, port) = observed("idle");
    let summary = report.summary(pid, "client", port);
    assert!(int(summary, "tracer.connections_open") >= DIALS, "{summary}");
    assert_eq!(report.codes(pid, port), ["hoard"]);
    let example = report.finding("hoard", port);
    assert!(text(example, "tracer.finding.summary").contains("idle"), "{example}");
}

#[test]
#[ignore = "needs root"]
fn connections_that_wait_for_their_answers_are_no_hoard() {
    let (report, pid, port) = observed("busy");
    let summary = report.summary(pid, "client", port);
    assert!(int(summary, "tracer.connections_open") >= DIALS, "{summary}");
    assert!(report.codes(pid, port).is_empty(), "{:?}", report.codes(pid, port));
    // None of them was idle, so none of the dials was one that reuse would have spared.
    assert_eq!(summary["tracer.opens"]["idle_available"], serde_json::Value::Null, "{summary}");
}
