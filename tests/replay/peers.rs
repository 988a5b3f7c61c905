//! The server's view of recordings: who redials into it.

use serde_json::Value;

use crate::expected::kept_whole;
use crate::support::fixture::{Fixture, parsed, quiet_stdout};
use crate::support::report::{Report, int};

const PEERS: [&str; 3] = ["--output", "json", "--peers"];
const SCHEMA: &str = include_str!("../../docs/schema.json");

fn fixture(name: &str) -> (Fixture, u16) {
    let fixture = Fixture { name: name.to_owned() };
    let ports = fixture.expectation().ports;
    (fixture, ports[0])
}

#[test]
fn the_server_sees_who_redials_and_who_does_not() {
    for (name, opened, redials) in [
        // Every dial but the first follows the client's own close.
        ("python-new", 15, 14),
        // Resets by the client count like its FINs. One accept was taken in on another processor
        // before the reset of the connection before it.
        ("go-unread-large", 15, 13),
        ("python-persistent", 1, 0),
        // The server closed first: the client had to dial again.
        ("python-to-eof", 15, 0),
        // The client closes none of those that pile up.
        ("go-hoard", 50, 0),
    ] {
        let (fixture, port) = fixture(name);
        let report = Report::new(parsed(&quiet_stdout(fixture.replay(&PEERS))));
        let peer = report.peer("127.0.0.1", port);
        let counts = ["tracer.connections_opened", "tracer.redials"].map(|key| int(peer, key));
        assert_eq!(counts, [opened, redials], "{name}: {peer}");
    }
}

#[test]
fn peers_are_valid_against_the_schema_and_change_nothing_else() {
    let schema = serde_json::from_str(SCHEMA).expect("JSON");
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    for fixture in kept_whole() {
        let output = fixture.replay(&PEERS);
        // Where nothing listened, stderr says that there is no peer.
        let text = String::from_utf8(output.stdout).expect("UTF-8");
        let is_peer = |line: &Value| line["event.name"] == "tracer.peer";
        let (peers, others): (Vec<_>, Vec<_>) = parsed(&text).into_iter().partition(is_peer);
        for line in &peers {
            let error = validator.validate(line).err().map(|error| error.to_string());
            assert_eq!(error, None, "{}: {line}", fixture.name);
        }
        assert_eq!(peers.is_empty(), !output.stderr.is_empty(), "{}", fixture.name);
        let plain = quiet_stdout(fixture.replay(&["--output", "json"]));
        assert_eq!(others, parsed(&plain), "{}", fixture.name);
    }
}

#[test]
fn the_report_for_people_has_a_section_of_them() {
    let (fixture, port) = fixture("python-new");
    let text = quiet_stdout(fixture.replay(&["--peers"]));
    let title = format!("\nPeers of 127.0.0.1:{port} (nginx), most redials first\n");
    let (_, section) = text.split_once(&title).unwrap_or_else(|| panic!("no section: {text}"));
    let row = section.lines().find(|line| line.starts_with("127.0.0.1 ")).expect("a row");
    let cells: Vec<_> = row.split_whitespace().collect();
    assert_eq!(cells, ["127.0.0.1", "15", "15", "0", "15", "0.00", "(15/15)", "14"]);
    assert!(!quiet_stdout(fixture.replay(&[])).contains("Peers of"), "only where asked for");
}
