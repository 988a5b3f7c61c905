//! What is told of each recording, in every format, and against the output that is committed.

use std::path::Path;
use std::{env, fs};

use serde_json::Value;

use crate::support::fixture::{self, Fixture, JSON, quiet_stdout, replay};
use crate::support::report::text;

const SCHEMA: &str = include_str!("../../docs/schema.json");

/// The recordings whose whole output is committed: one of each kind is enough to show every change of
/// words, and few enough to be read.
const KEPT_WHOLE: [&str; 9] = [
    "python-new",
    "python-persistent",
    "curl-loop",
    "go-unread-large",
    "go-drained-large",
    "go-hoard",
    "python-close-wait",
    "python-refused",
    "python-to-eof",
];

/// The same as recordings.
pub(crate) fn kept_whole() -> Vec<Fixture> {
    KEPT_WHOLE.iter().map(|name| Fixture { name: (*name).to_owned() }).collect()
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

fn codes(lines: &[Value]) -> Vec<&str> {
    let findings = lines.iter().filter(|line| line["event.name"] == "tracer.finding");
    findings.map(|line| text(line, "tracer.finding.code")).collect()
}

#[test]
fn each_line_is_valid_against_the_schema() {
    let schema: Value = serde_json::from_str(SCHEMA).expect("JSON");
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    for case in fixture::all() {
        for line in case.lines() {
            let error = validator.validate(&line).err().map(|error| error.to_string());
            assert_eq!(error, None, "{}: {line}", case.name);
        }
    }
}

#[test]
fn each_recording_kept_whole_gives_the_committed_output() {
    for case in kept_whole() {
        expect(&case.file("expected.jsonl"), &quiet_stdout(case.replay(&JSON)));
        expect(&case.file("expected.txt"), &quiet_stdout(case.replay(&[])));
    }
}

#[test]
fn place_time_and_terminal_change_nothing() {
    let elsewhere = [("TZ", "Asia/Kolkata"), ("COLUMNS", "40"), ("LANG", "de_DE.UTF-8")];
    for case in kept_whole() {
        let (file, ports) = (case.file("trace"), case.expectation().ports);
        for args in [&JSON[..], &[]] {
            let here = replay(&file, &ports, args, &[]).stdout;
            assert!(!here.is_empty(), "{}", case.name);
            assert_eq!(here, replay(&file, &ports, args, &elsewhere).stdout, "{}", case.name);
        }
    }
}

#[test]
fn the_table_names_the_findings_that_the_json_names() {
    for case in fixture::all() {
        let table = quiet_stdout(case.replay(&[]));
        let headed: Vec<_> = table
            .lines()
            .filter_map(|line| line.split_once(' '))
            .filter(|(severity, _)| ["INFO", "WARN", "ERROR"].contains(severity))
            .filter_map(|(_, rest)| rest.split_whitespace().next())
            .collect();
        assert_eq!(headed, codes(&case.lines()), "{}: {table}", case.name);
    }
}

#[test]
fn fail_on_makes_findings_and_only_findings_exit_with_1() {
    for case in fixture::all() {
        let output = case.replay(&["--fail-on", "info"]);
        let code = i32::from(!codes(&case.lines()).is_empty());
        assert_eq!(output.status.code(), Some(code), "{}", case.name);
    }
}

#[test]
fn a_threshold_out_of_reach_silences_its_finding() {
    let case = &kept_whole()[0];
    let args = ["--threshold", "one-shot.min-connections=1000000", "--fail-on", "info"];
    assert_eq!(case.replay(&args).status.code(), Some(0), "{}", case.name);
}
