//! All outputs at once, as a service has them: the same lines with the same numbers in a file, in the
//! journal, at a collector and in Prometheus, while the journal and the collector go and come back.

use serde_json::Value;

use crate::journald::{self, Journal};
use crate::metrics_server::MetricsServer;
use crate::otlp;
use crate::otlp::receiver::{Protocol, Receiver};
use crate::running::{lines, traffic};
use crate::support::agent::{self, Agent};
use crate::support::report::text;

/// Of each of three clients that redial.
const CONNECTIONS: usize = 40;

#[test]
#[ignore = "needs root"]
fn a_finding_is_the_same_in_a_file_in_the_journal_at_a_collector_and_in_prometheus() {
    let dir = tempfile::tempdir().expect("a folder");
    let file = dir.path().join("tracer.jsonl");
    let mut journal = Journal::new();
    journal.run("start");
    let receiver = Receiver::start(Protocol::Grpc, dir.path());
    let mut command = agent::with_seconds(journal.command());
    command
        .env("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", format!("http://127.0.0.1:{}", receiver.port))
        .env("OTEL_METRIC_EXPORT_INTERVAL", "1000")
        .arg("--connections")
        // Nobody else's findings.
        .arg(format!("--pid={}", std::process::id()))
        .args(["--output", "journald", "--output", "otlp", "--output"])
        .arg(&file);
    let agent = Agent::start(&mut command).attached_to(&file);
    let prometheus = MetricsServer::prometheus(&agent.metrics());

    let mut ports = vec![traffic(CONNECTIONS)];
    let again = receiver.kill();
    journal.run("stop");
    ports.push(traffic(CONNECTIONS));
    agent.says("takes no logs");
    let receiver = again();
    journal.run("start");
    ports.push(traffic(CONNECTIONS));
    for port in &ports {
        let question = format!(
            "sum(tracer_tcp_connections_closed_total{{role=\"client\",server=\"127.0.0.1:{port}\"}})"
        );
        prometheus.says(&question, CONNECTIONS as f64);
    }
    prometheus.says("sum(tracer_findings{code=\"one-shot\"})", 3.0);
    let (_, said) = agent.end();

    let told = lines(&file);
    journald::assert_all(&mut journal, &file, &said);
    otlp::assert_same(&told, &receiver.logs());
    let of = |event: &'static str, port: u16| {
        told.iter().filter(move |line| {
            text(line, "event.name") == event && line["server.port"] == u64::from(port)
        })
    };
    for port in ports {
        let closed = of("tracer.connection.closed", port);
        assert_eq!(closed.filter(|line| line["tracer.role"] == "client").count(), CONNECTIONS);
        let is_begun = |line: &&Value| line["tracer.finding.state"] == "begun";
        let begun: Vec<_> = of("tracer.finding", port).filter(is_begun).collect();
        assert_eq!(begun.len(), 1, "{begun:#?}");
        assert_eq!(text(begun[0], "tracer.finding.code"), "one-shot");
    }
}
