//! Addresses that nobody may read: none is in anything that the agent says.

use std::process::Command;

use crate::running::lines;
use crate::support::agent::{self, Agent};
use crate::support::tracer::run;
use crate::support::wait;

/// In a network namespace of its own: two addresses that are not loopback, and connections between them.
const SCENE: &str = "ip link set lo up && ip addr add 10.77.5.1/24 dev lo &&
    ip addr add fd77:5::1/64 dev lo nodad && exec python3 -c '
import socket, threading, time
for family, at in ((socket.AF_INET, \"10.77.5.1\"), (socket.AF_INET6, \"fd77:5::1\")):
    server = socket.socket(family)
    server.bind((at, 0))
    server.listen()
    def serve():
        for _ in range(30):
            stream = server.accept()[0]
            stream.recv(4)
            stream.send(b\"pong\")
            stream.recv(4)
            stream.close()
    thread = threading.Thread(target=serve)
    thread.start()
    for _ in range(30):
        client = socket.socket(family)
        client.connect(server.getsockname()[:2])
        client.send(b\"ping\")
        client.recv(4)
        client.close()
        time.sleep(0.02)
    thread.join()
'";

fn told(arguments: &[&str]) -> String {
    let dir = tempfile::tempdir().expect("a folder");
    let file = dir.path().join("tracer.jsonl");
    let mut command = agent::command();
    command.arg("--connections").args(arguments).arg("--output").arg(&file);
    let agent = Agent::start(&mut command).attached_to(&file);
    let at = agent.metrics();
    let output = run(Command::new("unshare").args(["--net", "sh", "-c", SCENE]));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metrics = wait::until("metrics of the connections", || {
        let scraped = run(Command::new("curl")
            .args(["--silent", "--noproxy", "*"])
            .arg(format!("http://{at}/metrics")));
        let text = String::from_utf8(scraped.stdout).expect("UTF-8");
        let families = [["server=\"240.0.0.", "server=\"10.77."], ["[2001:db8::", "[fd77:"]];
        let is_there = |one: &[&str; 2]| one.iter().any(|at| text.contains(at));
        families.iter().all(is_there).then_some(text)
    });
    let (_, said) = agent.end();
    let closed = |line: &serde_json::Value| line["event.name"] == "tracer.connection.closed";
    assert!(lines(&file).iter().filter(|line| closed(line)).count() >= 120, "both ends of each");
    let text = std::fs::read_to_string(&file).expect("the file");
    assert!(text.contains("tracer.finding.code"), "there is a finding, whose text may name them");
    format!("{text}\n{metrics}\n{said}")
}

#[test]
#[ignore = "needs root"]
fn no_line_no_finding_and_no_metric_has_an_address_that_is_redacted() {
    let told = told(&["--redact-addresses"]);
    // With what follows in an address: a time or an id may have the digits.
    for address in ["10.77.", "fd77:"] {
        let found = told.find(address).map(|at| &told[at.saturating_sub(200)..at + 40]);
        assert_eq!(found, None, "{address}");
    }
    for stand_in in ["\"240.0.0.", "\"2001:db8::", "server=\"240.0.0."] {
        assert!(told.contains(stand_in), "{stand_in}");
    }
}

#[test]
#[ignore = "needs root"]
fn addresses_are_told_where_nobody_asked_for_less() {
    let told = told(&[]);
    assert!(told.contains("\"10.77.5.1\"") && told.contains("\"fd77:5::1\""));
    assert!(!told.contains("240.0.0."));
}
