//! Filters by whose a connection is and where it leads.

use crate::support::nginx::Nginx;
use crate::support::report::{all_are, int};
use crate::support::tracer::Tracer;
use crate::support::wait;
use crate::support::workload::{Did, Workload};

#[test]
#[ignore = "needs root"]
fn a_pid_filter_shows_only_that_process() {
    let nginx = Nginx::keep_alive();
    let port = nginx.port.to_string();
    let chosen = Workload::python("fetch.py", &["new", &port, "/small", "12"]);
    let other = Workload::python("fetch.py", &["new", &port, "/small", "12"]);
    let pid = chosen.pid;
    let tracer = Tracer::start_with(&["-p", &pid.to_string()]);
    assert_eq!(other.run(), Did { dials: 12, requests: 12 });
    assert_eq!(chosen.run(), Did { dials: 12, requests: 12 });
    wait::quiet(nginx.port);
    let report = tracer.finish();

    nginx.served(24, 24);
    all_are(&report.connections(), 12, "process.pid", &pid.to_string());
    assert_eq!(report.codes(pid, nginx.port), ["one-shot"]);
    assert_eq!(report.findings(nginx.port).len(), 1);
}

#[test]
#[ignore = "needs root"]
fn a_port_filter_shows_only_that_destination() {
    let (chosen, other) = (Nginx::keep_alive(), Nginx::keep_alive());
    let tracer = Tracer::start_with(&["-P", &chosen.port.to_string()]);
    for nginx in [&chosen, &other] {
        let client = Workload::python("fetch.py", &["new", &nginx.port.to_string(), "/small", "3"]);
        assert_eq!(client.run(), Did { dials: 3, requests: 3 });
        wait::quiet(nginx.port);
    }
    let report = tracer.finish();

    assert_eq!(report.dialled(chosen.port).len(), 3);
    let all = report.connections();
    assert!(all.iter().all(|line| int(line, "server.port") == u64::from(chosen.port)), "{all:#?}");
}
