//! Logs and metrics to a real collector, which decodes them by the official messages: the same lines as
//! on stdout, the same series as a scrape, and nothing lost while the collector is away.

#[path = "otlp/exporting.rs"]
mod exporting;
#[path = "otlp/receiver.rs"]
pub(crate) mod receiver;
#[path = "otlp/server.rs"]
mod server;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::{Map, Value, json};
use tempfile::TempDir;

use crate::running::traffic;
use crate::support::report::text;
use crate::support::tool;
use crate::support::tracer::run;
use crate::support::wait;
use exporting::{cpu, start};
use receiver::{Protocol, Receiver};

/// Connections of a client that redials: well above the ten that `one-shot` asks for.
const CONNECTIONS: usize = 40;

fn folder() -> TempDir {
    tempfile::tempdir().expect("a folder")
}

/// The line that a record was made of.
fn line(record: &Value) -> Value {
    let mut line = record["attributes"].as_object().expect("attributes").clone();
    let time = record["time"].as_i64().expect("a time");
    let time = jiff::Timestamp::from_nanosecond(time.into()).expect("a time");
    line.insert("timestamp".into(), format!("{time:.9}").into());
    line.insert("event.name".into(), record["event"].clone());
    line.insert("host.name".into(), record["resource"]["host.name"].clone());
    if line.contains_key("tracer.finding.severity") || record["event"] == "tracer.finding" {
        line.insert("severity_text".into(), record["severity"][1].clone());
    }
    sorted(&line.into())
}

/// Keys in one order, so that two lines are the same text if they say the same.
fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let mut fields: Vec<_> = fields.iter().collect();
            fields.sort_by_key(|(key, _)| *key);
            fields
                .iter()
                .map(|(key, value)| ((*key).clone(), sorted(value)))
                .collect::<Map<_, _>>()
                .into()
        }
        Value::Array(values) => values.iter().map(sorted).collect(),
        other => other.clone(),
    }
}

fn set(lines: impl IntoIterator<Item = Value>) -> BTreeSet<String> {
    lines.into_iter().map(|line| line.to_string()).collect()
}

/// That each line was received, and nothing else, with the same values.
pub(crate) fn assert_same(lines: &[Value], records: &[Value]) {
    let (told, received) = (set(lines.iter().map(sorted)), set(records.iter().map(line)));
    let missing: Vec<_> = told.difference(&received).collect();
    let other: Vec<_> = received.difference(&told).collect();
    assert!(missing.is_empty() && other.is_empty(), "missing: {missing:#?}\nother: {other:#?}");
    let kinds: BTreeSet<_> = lines.iter().map(|line| text(line, "event.name")).collect();
    let wanted =
        ["tracer.connection.closed", "tracer.finding", "tracer.health", "tracer.summary"].into();
    assert_eq!(kinds, wanted, "every kind that an agent tells");
}

/// A collector that is killed while lines come and started again later.
fn survives(protocol: Protocol) {
    let folder = folder();
    let receiver = Receiver::start(protocol, folder.path());
    let agent = start(protocol, receiver.port, &[]);
    traffic(CONNECTIONS);
    wait::until("the finding at the collector", || {
        receiver.logs().iter().any(|record| record["event"] == "tracer.finding").then_some(())
    });
    let again = receiver.kill();
    traffic(CONNECTIONS);
    agent.says("takes no logs");
    let receiver = again();
    agent.says("takes logs again");
    traffic(CONNECTIONS);
    let (lines, said) = agent.end();
    let records = receiver.logs();
    assert_same(&lines, &records);
    assert_eq!(said.matches("takes no logs").count(), 1, "told once: {said}");
    let last = lines.last().expect("a last line");
    assert_eq!(
        (text(last, "event.name"), &last["tracer.lost"]["output"]),
        ("tracer.health", &json!(0))
    );
    let record = &records[0];
    assert_eq!(record["resource"]["service.name"], "tracer");
    assert_eq!(record["scope"][0], "tracer");
    assert_eq!(record["severity"], json!([9, "INFO"]));
    let finding = records.iter().find(|record| record["event"] == "tracer.finding");
    let finding = finding.expect("a finding");
    assert_eq!(finding["body"], finding["attributes"]["tracer.finding.summary"]);
    // The same start each time, and the last one was sent at the end.
    let points = receiver.points();
    let starts: BTreeSet<_> = points
        .iter()
        .filter(|point| point["kind"] == "sum")
        .map(|point| point["start"].as_u64())
        .collect();
    assert_eq!(starts.len(), 1, "{starts:?}");
    assert!(points.iter().any(|point| point["name"] == "tracer_build_info"));
}

#[test]
#[ignore = "needs root"]
fn a_grpc_collector_that_is_restarted_gets_every_line_with_its_numbers() {
    survives(Protocol::Grpc);
}

#[test]
#[ignore = "needs root"]
fn an_http_collector_that_is_restarted_gets_every_line_with_its_numbers() {
    survives(Protocol::Http);
}

/// A certificate of localhost, signed by itself, and its key.
fn certificate(folder: &Path) -> [PathBuf; 2] {
    let files = ["certificate.pem", "key.pem"].map(|name| folder.join(name));
    let made = run(Command::new(tool::path("openssl"))
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
        ])
        .args(["-days", "1", "-subj", "/CN=localhost"])
        .args(["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"])
        .args(["-addext", "basicConstraints=critical,CA:FALSE"])
        .arg("-out")
        .arg(&files[0])
        .arg("-keyout")
        .arg(&files[1]));
    assert!(made.status.success(), "{made:?}");
    files
}

#[test]
#[ignore = "needs root"]
fn lines_travel_encrypted_packed_and_with_headers() {
    for protocol in [Protocol::Grpc, Protocol::Http] {
        let folder = folder();
        let tls = certificate(folder.path());
        let trusted = tls[0].to_str().expect("UTF-8").to_owned();
        let receiver = Receiver::with_tls(protocol, folder.path(), tls);
        let endpoint = format!("https://localhost:{}", receiver.port);
        let agent = start(
            protocol,
            receiver.port,
            &[
                ("OTEL_EXPORTER_OTLP_ENDPOINT", &endpoint),
                ("OTEL_EXPORTER_OTLP_CERTIFICATE", &trusted),
                ("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip"),
                ("OTEL_EXPORTER_OTLP_HEADERS", "x-scope-orgid=one%20two"),
                ("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=test,host.name=other"),
                ("OTEL_SERVICE_NAME", "redials"),
            ],
        );
        let record = wait::until("a record", || receiver.logs().into_iter().next());
        let (_, said) = agent.end();
        assert_eq!(record["headers"]["x-scope-orgid"], "one two");
        if protocol == Protocol::Http {
            assert_eq!(record["headers"]["content-encoding"], "gzip");
        }
        let resource = &record["resource"];
        assert_eq!(resource["service.name"], "redials");
        assert_eq!(
            (&resource["host.name"], &resource["deployment.environment.name"]),
            (&json!("other"), &json!("test"))
        );
        assert!(!said.contains("takes no"), "{said}");
    }
}

#[test]
#[ignore = "needs root"]
fn what_a_collector_rejects_is_counted_and_told_once_with_its_reason() {
    for protocol in [Protocol::Grpc, Protocol::Http] {
        let folder = folder();
        let receiver = Receiver::that_rejects(protocol, folder.path(), 1);
        let agent = start(protocol, receiver.port, &[]);
        agent.says("refused 1 data point: too many");
        // The next health line is that of the end, or one before.
        agent.says("refused 1 log record: too old");
        let (lines, said) = agent.end();
        assert_eq!(said.matches("too old").count(), 1, "{said}");
        let health = lines.last().expect("a last line");
        let lost = health["tracer.lost"]["output"].as_u64().expect("a count");
        assert!(lost >= 1, "{health}");
        assert_eq!(health["tracer.lost_by_output"]["otlp"], lost, "{health}");
        assert_eq!(health["tracer.lost_by_output"]["stdout"], 0, "{health}");
    }
}

#[test]
#[ignore = "needs root"]
fn nobody_there_costs_nothing_but_lines_and_the_end_has_an_end() {
    // A port that is taken, and never accepts.
    let deaf = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = deaf.local_addr().expect("its address").port();
    for (protocol, port) in [(Protocol::Grpc, port), (Protocol::Http, 9)] {
        let agent = start(protocol, port, &[("OTEL_EXPORTER_OTLP_TIMEOUT", "2000")]);
        traffic(CONNECTIONS);
        agent.says("takes no logs");
        agent.says("takes no metrics");
        let (before, began) = (cpu(&agent), Instant::now());
        std::thread::sleep(Duration::from_secs(5));
        let used = (cpu(&agent) - before) / began.elapsed().as_secs_f64();
        assert!(used < 0.1, "{used} of a core while nobody is there");
        let began = Instant::now();
        agent.signal(Signal::TERM);
        let (code, said) = agent.ended();
        assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
        assert_eq!(code, Some(0), "the other output took all of it: {said}");
        assert!(said.contains("are lost"), "what was not taken is told: {said}");
    }
}

#[test]
#[ignore = "needs root"]
fn what_the_environment_says_wrong_is_told_before_anything_is_attached() {
    for (key, value, wanted) in [
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json", "write grpc or http/protobuf"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "nowhere", "is no address such as http://localhost:4318"),
        ("OTEL_EXPORTER_OTLP_CERTIFICATE", "/nowhere.pem", "/nowhere.pem cannot be used"),
        ("OTEL_LOGS_EXPORTER", "console", "write otlp or none"),
    ] {
        let output = run(exporting::command("off").env(key, value));
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(wanted), "{said}");
        assert_eq!(said.lines().count(), 1, "{said}");
        assert!(output.stdout.is_empty());
    }
}
