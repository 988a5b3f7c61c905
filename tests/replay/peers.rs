//! The server's view of recordings: who redials into it.

use serde_json::Value;

use crate::case::{CASES, Case, Note, quiet_stdout, replay};
use crate::support::report::{Report, int};

const SCHEMA: &str = include_str!("../../docs/schema.json");

fn case(name: &str) -> (&'static Case, Note) {
    let case = CASES.iter().find(|case| case.name == name).expect("a case");
    (case, case.note())
}

/// Lines of a replay with `--peers`, the contract's order checked.
fn lines(name: &str) -> (Vec<Value>, Note) {
    let (case, note) = case(name);
    let args = ["--output", "json", "--peers"];
    let text = quiet_stdout(replay(&case.file("trace"), note.port, &args, &[]));
    (text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect(), note)
}

#[test]
fn the_server_sees_who_redials_and_who_does_not() {
    for (name, redials, opened) in [
        // Every dial but the first follows the client's own close.
        ("python-new", 11, 12),
        // Resets by the client count like its FINs.
        ("go-unread", 11, 12),
        ("python-reuse", 0, 1),
        // The server closed first: the client had to dial again.
        ("server-closes-each", 0, 12),
        // The client closes none of those that pile up.
        ("go-hoard", 0, 55),
    ] {
        let (lines, note) = lines(name);
        let report = Report::new(lines);
        let peer = report.peer("127.0.0.1", note.port);
        assert_eq!(int(peer, "tracer.redials"), redials, "{name}: {peer}");
        assert_eq!(int(peer, "tracer.connections_opened"), opened, "{name}: {peer}");
    }
}

#[test]
fn each_recordings_peers_are_valid_and_add_nothing_but_themselves() {
    let schema = serde_json::from_str(SCHEMA).expect("JSON");
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    for case in &CASES {
        let (with, note) = lines(case.name);
        let is_peer = |line: &&Value| line["event.name"] == "tracer.peer";
        for line in with.iter().filter(is_peer) {
            assert!(validator.is_valid(line), "{line}");
        }
        let plain = replay(&case.file("trace"), note.port, &["--output", "json"], &[]);
        let plain = quiet_stdout(plain);
        let without: Vec<_> =
            with.iter().filter(|line| !is_peer(line)).map(Value::to_string).collect();
        assert_eq!(without, plain.lines().collect::<Vec<_>>(), "{}", case.name);
    }
}

#[test]
fn the_report_for_people_has_a_section_of_them() {
    let (case, note) = case("python-new");
    let show = |args: &[&str]| quiet_stdout(replay(&case.file("trace"), note.port, args, &[]));
    let text = show(&["--peers"]);
    let title = format!("\nPeers of 127.0.0.1:{} (nginx), most redials first\n", note.port);
    let (_, section) = text.split_once(&title).expect("a section");
    let row = section.lines().find(|line| line.starts_with("127.0.0.1 ")).expect("a row");
    let cells: Vec<_> = row.split_whitespace().collect();
    assert_eq!(cells, ["127.0.0.1", "12", "12", "0", "12", "0.00", "(12/12)", "11"]);
    assert!(!show(&[]).contains("Peers of"), "only where asked for");
}
