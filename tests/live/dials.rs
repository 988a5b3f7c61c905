//! Dials that fail again and again: what their records add up to, and the verdict.

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
