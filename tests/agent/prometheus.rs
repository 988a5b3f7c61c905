//! Metrics: what a real Prometheus takes of them, what `promtool` says, and scrapers that behave badly.

use std::collections::BTreeSet;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::metrics_server::MetricsServer;
use crate::running::{kept, lines, lines_so_far, traffic};
use crate::support::agent::{self, Agent};
use crate::support::report::{int, text};
use crate::support::tool;
use crate::support::tracer::{binary, run};
use crate::support::wait;

const CONNECTIONS: usize = 40;

fn start(file: &Path) -> Agent {
    let mut command = agent::command();
    Agent::start(command.args(["--connections", "--output"]).arg(file)).attached_to(file)
}

/// Status line and the rest of what is answered to a request.
fn ask(at: &str, request: &str) -> (String, String) {
    let mut stream = TcpStream::connect(at).expect("metrics are served");
    let request = format!("{request} HTTP/1.1\r\nHost: {at}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).expect("a request");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
    (head.lines().next().unwrap_or_default().to_owned(), body.to_owned())
}

#[test]
#[ignore = "needs root"]
fn prometheus_has_the_numbers_that_the_lines_have() {
    let dir = tempfile::tempdir().expect("a folder");
    let file = dir.path().join("tracer.jsonl");
    let agent = start(&file);
    let prometheus = MetricsServer::prometheus(&agent.metrics());
    prometheus.says("up", 1.0);
    let server = format!("server=\"127.0.0.1:{}\"", traffic(CONNECTIONS));
    let all = CONNECTIONS as f64;
    let client = format!("role=\"client\",{server}");
    prometheus.says(&format!("sum(tracer_tcp_connections_closed_total{{{client}}})"), all);
    prometheus.says(&format!("sum(tracer_tcp_connections_opened_total{{{client}}})"), all);
    prometheus.says(&format!("tracer_tcp_exchanges_total{{{client}}}"), all);
    let redials = format!("tracer_tcp_redials_total{{{client}}}");
    let redials = prometheus.value(&redials).expect("it is told from 0 on");
    prometheus.says(
        &format!("sum(tracer_tcp_connections_closed_total{{role=\"server\",{server}}})"),
        all,
    );
    prometheus.says("sum(tracer_events_lost_total)", 0.0);
    assert_eq!(prometheus.value("count(tracer_tcp_connections_open{pid=~\".+\"})"), None);
    drop(prometheus);
    agent.end();
    let told = lines(&file);
    let port = server.trim_end_matches('"').rsplit(':').next().expect("a port");
    let port: u64 = port.parse().expect("a number");
    let own = |line: &&Value| {
        line["server.port"].as_u64() == Some(port) && line["tracer.role"] == "client"
    };
    let own: Vec<_> = told.iter().filter(own).collect();
    let of = |event: &str| {
        own.iter().filter(|line| text(line, "event.name") == event).copied().collect::<Vec<_>>()
    };
    assert_eq!(of("tracer.connection.closed").len(), CONNECTIONS);
    let sum = |key: &str| of("tracer.summary").iter().map(|line| int(line, key)).sum::<u64>();
    assert_eq!(sum("tracer.connections_closed"), CONNECTIONS as u64);
    assert!((sum("tracer.redials") as f64 - redials).abs() < 1e-9, "{redials}");
    assert!(redials > all / 2.0, "{redials} of {all} were redials");
}

#[test]
#[ignore = "needs root"]
fn exchanges_of_a_connection_that_is_kept_are_in_one_interval_each() {
    const EXCHANGES: usize = 300;
    let dir = tempfile::tempdir().expect("a folder");
    let file = dir.path().join("tracer.jsonl");
    let agent = start(&file);
    let prometheus = MetricsServer::prometheus(&agent.metrics());
    let port = u64::from(kept(EXCHANGES));
    let own = format!("{{role=\"client\",server=\"127.0.0.1:{port}\"}}");
    prometheus.says(&format!("tracer_tcp_exchanges_total{own}"), EXCHANGES as f64);
    drop(prometheus);
    agent.end();
    let told = lines(&file);
    let own = |line: &&Value| {
        text(line, "event.name") == "tracer.summary"
            && line["server.port"].as_u64() == Some(port)
            && line["tracer.role"] == "client"
    };
    let each: Vec<_> = told.iter().filter(own).map(|line| int(line, "tracer.exchanges")).collect();
    assert!(each.iter().filter(|count| **count > 0).count() >= 2, "over intervals: {each:?}");
    assert_eq!(each.iter().sum::<u64>(), EXCHANGES as u64, "{each:?}");
}

#[test]
#[ignore = "needs root"]
fn promtool_finds_nothing_to_complain_of() {
    let dir = tempfile::tempdir().expect("a folder");
    let file = dir.path().join("tracer.jsonl");
    let agent = start(&file);
    let at = agent.metrics();
    traffic(CONNECTIONS);
    let metrics = wait::until("metrics of connections", || {
        let (status, text) = ask(&at, "GET /metrics");
        assert_eq!(status, "HTTP/1.1 200 OK");
        text.contains("tracer_tcp_connection_duration_seconds_count").then_some(text)
    });
    let names: BTreeSet<_> = metrics.lines().filter(|line| line.starts_with("# TYPE")).collect();
    assert!(names.len() >= 10, "{names:?}");
    let mut promtool = Command::new(tool::path("promtool"))
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool starts");
    let stdin = promtool.stdin.take();
    stdin.expect("it is piped").write_all(metrics.as_bytes()).expect("it reads");
    let output = promtool.wait_with_output().expect("its end");
    let said = [output.stdout, output.stderr].concat();
    assert!(output.status.success() && said.is_empty(), "{}", String::from_utf8_lossy(&said));
    agent.end();
}

#[test]
#[ignore = "needs root"]
fn scrapers_that_hang_or_ask_for_something_else_keep_nobody_from_the_metrics() {
    let dir = tempfile::tempdir().expect("a folder");
    let file = dir.path().join("tracer.jsonl");
    let agent = start(&file);
    let at = agent.metrics();
    // They dial, and say nothing.
    let silent: Vec<_> = (0..10).map(|_| TcpStream::connect(&at).expect("a dial")).collect();
    let before = lines_so_far(&file).len();
    assert_eq!(ask(&at, "GET /metrics").0, "HTTP/1.1 200 OK");
    assert_eq!(ask(&at, "POST /metrics").0, "HTTP/1.1 405 Method Not Allowed");
    assert_eq!(ask(&at, "GET /etc/passwd").0, "HTTP/1.1 404 Not Found");
    assert_eq!(ask(&at, "HEAD /metrics").1, "");
    wait::until("further lines", || (lines_so_far(&file).len() > before).then_some(()));
    drop(silent);
    agent.end();
}

#[test]
#[ignore = "needs root"]
fn an_address_that_is_taken_is_told_at_the_start_and_exits_2() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let at = listener.local_addr().expect("its address").to_string();
    let output = run(Command::new(binary()).args(["agent", "-d", "5s", "--metrics-listen", &at]));
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("give --metrics-listen another address, or off"), "{said}");
}
