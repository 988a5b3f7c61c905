//! Metrics: what a real Prometheus takes of them, what `promtool` says, and scrapers that behave badly.

use std::collections::BTreeSet;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use crate::running::{Agent, kept, lines, traffic};
use crate::support::port;
use crate::support::report::{int, text};
use crate::support::tool;
use crate::support::tracer::{binary, run};
use crate::support::wait;

const CONNECTIONS: usize = 40;

/// A Prometheus that scrapes one address each second. Killed on drop.
pub(crate) struct Prometheus {
    child: Child,
    at: String,
    _data: TempDir,
}

impl Prometheus {
    /// Starts it.
    pub(crate) fn scraping(target: &str) -> Self {
        let data = tempfile::tempdir().expect("a folder");
        let config = data.path().join("prometheus.yml");
        let text = format!(
            "global: {{scrape_interval: 1s}}\nscrape_configs:\n- job_name: tracer\n  \
             static_configs: [{{targets: ['{target}']}}]\n"
        );
        fs::write(&config, text).expect("its settings");
        let at = format!("127.0.0.1:{}", port::closed());
        let child = Command::new(tool::path("prometheus"))
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.tsdb.path={}", data.path().join("data").display()))
            .arg(format!("--web.listen-address={at}"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("prometheus starts");
        Self { child, at, _data: data }
    }

    /// The one value that a question has, or none.
    fn value(&self, question: &str) -> Option<f64> {
        let output = run(Command::new(tool::path("curl"))
            .args(["--silent", "--noproxy", "*", "--get", "--data-urlencode"])
            .arg(format!("query={question}"))
            .arg(format!("http://{}/api/v1/query", self.at)));
        let answer: Value = serde_json::from_slice(&output.stdout).ok()?;
        let found = answer["data"]["result"].as_array()?;
        assert!(found.len() <= 1, "{question}: {answer}");
        found.first()?["value"][1].as_str()?.parse().ok()
    }

    /// Waits until a question has this answer.
    pub(crate) fn says(&self, question: &str, expected: f64) {
        let mut last = None;
        for _ in 0..100 {
            last = self.value(question);
            if last.is_some_and(|value| (value - expected).abs() < 1e-9) {
                return;
            }
            thread::sleep(Duration::from_millis(200));
        }
        panic!("{question}: {last:?} instead of {expected}");
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        // Both fail only if it has ended already.
        let _over = self.child.kill().and_then(|()| self.child.wait());
    }
}

fn agent(file: &Path) -> Agent {
    let mut command = Command::new(binary());
    command
        .args(["agent", "--connections", "--interval", "1s", "--metrics-listen", "127.0.0.1:0"])
        .arg("--output")
        .arg(file);
    Agent::start_told(&mut command).attached(file)
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
    let agent = agent(&file);
    let prometheus = Prometheus::scraping(&agent.metrics());
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
    const EXCHANGES: usize = 150;
    let dir = tempfile::tempdir().expect("a folder");
    let file = dir.path().join("tracer.jsonl");
    let agent = agent(&file);
    let prometheus = Prometheus::scraping(&agent.metrics());
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
    assert!(each.iter().filter(|count| **count > 0).count() >= 3, "over intervals: {each:?}");
    assert_eq!(each.iter().sum::<u64>(), EXCHANGES as u64, "{each:?}");
}

#[test]
#[ignore = "needs root"]
fn promtool_finds_nothing_to_complain_of() {
    let dir = tempfile::tempdir().expect("a folder");
    let file = dir.path().join("tracer.jsonl");
    let agent = agent(&file);
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
    let agent = agent(&file);
    let at = agent.metrics();
    // They dial, and say nothing.
    let silent: Vec<_> = (0..10).map(|_| TcpStream::connect(&at).expect("a dial")).collect();
    let before = lines(&file).len();
    assert_eq!(ask(&at, "GET /metrics").0, "HTTP/1.1 200 OK");
    assert_eq!(ask(&at, "POST /metrics").0, "HTTP/1.1 405 Method Not Allowed");
    assert_eq!(ask(&at, "GET /etc/passwd").0, "HTTP/1.1 404 Not Found");
    assert_eq!(ask(&at, "HEAD /metrics").1, "");
    wait::until("further lines", || (lines(&file).len() > before).then_some(()));
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
