//! Each recording against what it must lead to, and against its committed output.

use std::path::Path;
use std::{env, fs};

use serde_json::Value;

use crate::case::{CASES, Case, Note, Whose, quiet_stdout, replay};
use crate::support::report::{int, text};

const JSON: [&str; 3] = ["--output", "json", "--connections"];
const SCHEMA: &str = include_str!("../../docs/schema.json");

fn json(case: &Case, note: &Note) -> String {
    quiet_stdout(replay(&case.file("trace"), note.port, &JSON, &[]))
}

fn parsed(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

fn named<'a>(lines: &'a [Value], event: &str) -> Vec<&'a Value> {
    lines.iter().filter(|line| line["event.name"] == *event).collect()
}

/// Compares with a committed file, or replaces it where that was asked for.
fn expect(file: &Path, actual: &str) {
    if env::var_os("UPDATE_EXPECTED").is_some() {
        fs::write(file, actual).expect("the expected file can be written");
    }
    let expected = fs::read_to_string(file).expect("the expected file; UPDATE_EXPECTED=1 makes it");
    for (number, (actual, expected)) in actual.lines().zip(expected.lines()).enumerate() {
        let place = format!("{} line {}", file.display(), number + 1);
        assert_eq!(actual, expected, "{place}; UPDATE_EXPECTED=1 accepts it");
    }
    assert_eq!(actual.lines().count(), expected.lines().count(), "{}", file.display());
}

#[test]
fn each_recording_leads_to_its_one_finding_or_to_none() {
    for case in &CASES {
        let note = case.note();
        assert_eq!(note.finding, case.finding_name(), "{}", case.name);
        let lines = parsed(&json(case, &note));
        let findings = named(&lines, "tracer.finding");
        let codes: Vec<_> = findings.iter().map(|line| text(line, "tracer.finding.code")).collect();
        let wanted: Vec<_> = case.finding.iter().map(|code| code.name()).collect();
        assert_eq!(codes, wanted, "{}", case.name);
        for finding in findings {
            assert_eq!(finding["server.port"], note.port, "{}", case.name);
            match case.whose {
                Whose::OneProcess => assert_eq!(finding["process.pid"], note.client),
                Whose::Many => assert_eq!(finding["tracer.processes"], note.clients),
            }
        }
    }
}

#[test]
fn each_recording_counts_what_its_client_counted() {
    for case in &CASES {
        let note = case.note();
        let lines = parsed(&json(case, &note));
        let clients: Vec<_> = named(&lines, "tracer.summary")
            .into_iter()
            .filter(|line| line["tracer.role"] == "client")
            .collect();
        assert_eq!(clients.len(), 1, "{}: {clients:#?}", case.name);
        let opened = int(clients[0], "tracer.connections_opened");
        let exchanges = int(clients[0], "tracer.exchanges");
        if case.is_whole {
            assert_eq!((opened, exchanges), (note.dials, note.requests), "{}", case.name);
        } else {
            // The client went on while the recording was stopped.
            assert!(opened <= note.dials && opened * 2 > note.dials, "{}: {opened}", case.name);
        }
    }
}

#[test]
fn each_line_is_valid_against_the_schema() {
    let schema: Value = serde_json::from_str(SCHEMA).expect("JSON");
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    for case in &CASES {
        for line in parsed(&json(case, &case.note())) {
            let error = validator.validate(&line).err().map(|error| error.to_string());
            assert_eq!(error, None, "{}: {line}", case.name);
        }
    }
}

#[test]
fn each_recording_gives_the_committed_output() {
    for case in &CASES {
        let note = case.note();
        expect(&case.file("expected.jsonl"), &json(case, &note));
        let table = quiet_stdout(replay(&case.file("trace"), note.port, &[], &[]));
        expect(&case.file("expected.txt"), &table);
    }
}

#[test]
fn place_time_and_terminal_change_nothing() {
    let elsewhere = [("TZ", "Asia/Kolkata"), ("COLUMNS", "40"), ("LANG", "de_DE.UTF-8")];
    for case in &CASES {
        let note = case.note();
        for args in [&JSON[..], &[]] {
            let file = case.file("trace");
            let here = replay(&file, note.port, args, &[]).stdout;
            assert!(!here.is_empty(), "{}", case.name);
            assert_eq!(here, replay(&file, note.port, args, &elsewhere).stdout, "{}", case.name);
        }
    }
}

#[test]
fn the_table_names_the_finding_and_the_silence_as_the_json_does() {
    for case in &CASES {
        let note = case.note();
        let table = quiet_stdout(replay(&case.file("trace"), note.port, &[], &[]));
        let headed: Vec<_> = table
            .lines()
            .filter_map(|line| line.split_once(' '))
            .filter(|(severity, _)| ["INFO", "WARN", "ERROR"].contains(severity))
            .filter_map(|(_, rest)| rest.split_whitespace().next())
            .collect();
        let wanted: Vec<_> = case.finding.iter().map(|code| code.name()).collect();
        assert_eq!(headed, wanted, "{table}");
    }
}

#[test]
fn fail_on_makes_findings_and_only_findings_exit_with_1() {
    for case in &CASES {
        let note = case.note();
        let output = replay(&case.file("trace"), note.port, &["--fail-on", "info"], &[]);
        let code = i32::from(case.finding.is_some());
        assert_eq!(output.status.code(), Some(code), "{}", case.name);
    }
}

#[test]
fn a_threshold_out_of_reach_silences_its_finding() {
    let case = CASES[0];
    let args = ["--threshold", "one-shot.min-connections=1000000", "--fail-on", "info"];
    let output = replay(&case.file("trace"), case.note().port, &args, &[]);
    assert_eq!(output.status.code(), Some(0), "{}", case.name);
}
