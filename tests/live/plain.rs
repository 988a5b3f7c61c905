//! The plain tier on this host, with the kernel's types hidden in a mount namespace of the tracer's
//! own: the verdict that matters most. Causes and owners are the scenarios' work.

use crate::support::nginx::Nginx;
use crate::support::report::{int, text};
use crate::support::tracer::Tracer;
use crate::support::wait;
use crate::support::workload::Workload;

/// Requests of each client: well above the ten connections that `one-shot` asks for.
const REQUESTS: u64 = 30;

#[test]
#[ignore = "needs root"]
fn the_client_that_redials_is_found_and_the_one_that_reuses_is_not() {
    for (mode, codes) in [("new", &["one-shot"][..]), ("persistent", &[])] {
        let nginx = Nginx::keep_alive();
        let port = nginx.port;
        let tracer = Tracer::start_without_types();
        let args = [mode, &port.to_string(), "/small", &REQUESTS.to_string()];
        let client = Workload::python("fetch.py", &args);
        let pid = client.pid;
        let did = client.run();
        wait::quiet(port);
        let report = tracer.finish();
        assert_eq!(text(report.opening_health(), "tracer.tier"), "plain");
        assert_eq!(report.codes(pid, port), codes, "{mode}");
        for (pid, role) in [(pid, "client"), (nginx.worker(), "server")] {
            let summary = report.summary(pid, role, port);
            assert_eq!(int(summary, "tracer.connections_opened"), did.dials, "{summary}");
            assert_eq!(int(summary, "tracer.exchanges"), did.requests, "{summary}");
            assert_eq!(text(summary, "tracer.exchanges_basis"), "measured", "{summary}");
        }
    }
}
