//! Python's http.client and urllib against nginx: redialling is named, reuse is not.

use serde_json::Value;

use crate::support::nginx::Nginx;
use crate::support::report::{Report, all_are, int, real, tally, text};
use crate::support::tracer::Tracer;
use crate::support::wait;
use crate::support::workload::{Did, Workload};

/// Requests of each client: well above the ten connections that `one-shot` asks for.
const REQUESTS: u64 = 30;

struct Seen {
    report: Report,
    nginx: Nginx,
    client: u32,
    did: Did,
}

fn watch(nginx: Nginx, mode: &str) -> Seen {
    let port = nginx.port.to_string();
    let tracer = Tracer::start();
    let client = Workload::python("fetch.py", &[mode, &port, "/small", &REQUESTS.to_string()]);
    let pid = client.pid;
    let did = client.run();
    wait::quiet(nginx.port);
    let report = tracer.finish();
    assert_eq!(did.requests, REQUESTS);
    nginx.served(did.dials, did.requests);
    Seen { report, nginx, client: pid, did }
}

impl Seen {
    /// Each side's records and summary agree with what client and server counted themselves.
    fn counts_agree(&self) {
        let port = self.nginx.port;
        let sides = [
            ("client", self.client, self.report.dialled(port)),
            ("server", self.nginx.worker(), self.report.accepted(port)),
        ];
        for (role, pid, records) in sides {
            let connections = usize::try_from(self.did.dials).expect("small");
            all_are(&records, connections, "process.pid", &pid.to_string());
            let exchanges = records.iter().map(|record| int(record, "tracer.exchanges"));
            assert_eq!(exchanges.sum::<u64>(), self.did.requests, "{role}");
            let summary = self.report.summary(pid, role, port);
            assert_eq!(int(summary, "tracer.connections_opened"), self.did.dials, "{summary}");
            assert_eq!(int(summary, "tracer.connections_closed"), self.did.dials, "{summary}");
            assert_eq!(int(summary, "tracer.connections_open"), 0, "{summary}");
            assert_eq!(int(summary, "tracer.exchanges"), self.did.requests, "{summary}");
            let reuse = 1.0 - self.did.dials as f64 / self.did.requests as f64;
            let told = real(summary, "tracer.reuse_ratio");
            assert!((told - reuse).abs() < 1e-6, "{role} reuse ratio {told}, not {reuse}");
        }
    }

    fn closes(&self, pid: u32, role: &str) -> &Value {
        &self.report.summary(pid, role, self.nginx.port)["tracer.closes"]
    }
}

#[test]
#[ignore = "needs root"]
fn a_python_client_that_redials_for_each_request_is_one_shot() {
    let seen = watch(Nginx::keep_alive(), "new");
    let port = seen.nginx.port;
    assert_eq!(seen.did.dials, REQUESTS);
    seen.counts_agree();

    let (dialled, accepted) = (seen.report.dialled(port), seen.report.accepted(port));
    all_are(&dialled, 30, "tracer.close.cause", "local_close");
    all_are(&dialled, 30, "tracer.close.how", "close");
    all_are(&dialled, 30, "tracer.close.initiator", "local");
    all_are(&dialled, 30, "tracer.exchanges", "1");
    all_are(&accepted, 30, "tracer.close.cause", "peer_close");
    all_are(&accepted, 30, "tracer.close.initiator", "peer");
    assert_eq!(seen.closes(seen.client, "client")["local_close"], 30);
    assert_eq!(seen.closes(seen.nginx.worker(), "server")["peer_close"], 30);

    let opens = tally(&dialled, "tracer.open.cause");
    assert_eq!((opens.get("first"), opens.get("after_local_close")), (Some(&1), Some(&29)));
    let summary = seen.report.summary(seen.client, "client", port);
    assert_eq!(int(summary, "tracer.redials"), 29, "{summary}");

    assert_eq!(seen.report.codes(seen.client, port), ["one-shot"]);
    let finding = seen.report.finding("one-shot", port);
    for said in ["tracer.finding.summary", "tracer.finding.advice", "severity_text"] {
        assert!(!text(finding, said).is_empty(), "{finding}");
    }
    let server = seen.report.codes(seen.nginx.worker(), port);
    assert!(server.is_empty(), "nginx is not to blame for its client: {server:?}");
}

#[test]
#[ignore = "needs root"]
fn a_python_client_that_keeps_its_connection_is_silent() {
    let seen = watch(Nginx::keep_alive(), "persistent");
    assert_eq!(seen.did.dials, 1);
    seen.counts_agree();
    all_are(&seen.report.dialled(seen.nginx.port), 1, "tracer.close.cause", "local_close");
    all_are(&seen.report.dialled(seen.nginx.port), 1, "tracer.open.cause", "first");
    let found = seen.report.findings(seen.nginx.port);
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
#[ignore = "needs root"]
fn urlopen_dials_for_each_request() {
    let seen = watch(Nginx::keep_alive(), "urllib");
    assert_eq!(seen.did.dials, REQUESTS);
    // It asks the server to close and closes as soon as it has the answer: who is first is a race,
    // but that one of both sent a FIN is not.
    seen.counts_agree();
    let causes = tally(&seen.report.dialled(seen.nginx.port), "tracer.close.cause");
    let fins = ["local_close", "peer_close", "simultaneous_close"];
    assert!(causes.keys().all(|cause| fins.contains(&cause.as_str())), "{causes:?}");
}

#[test]
#[ignore = "needs root"]
fn a_server_that_closes_each_connection_is_not_blamed_on_its_client() {
    let seen = watch(Nginx::closing_each(), "to-eof");
    let port = seen.nginx.port;
    assert_eq!(seen.did.dials, REQUESTS);
    seen.counts_agree();
    all_are(&seen.report.dialled(port), 30, "tracer.close.cause", "peer_close");
    all_are(&seen.report.dialled(port), 30, "tracer.close.initiator", "peer");
    all_are(&seen.report.accepted(port), 30, "tracer.close.cause", "local_close");
    let codes = seen.report.codes(seen.client, port);
    assert!(!codes.contains(&"one-shot"), "{codes:?}");
}
