//! `--explain` on recordings: one that is short of a verdict, one of a client that does well.

use std::fs;

use serde_json::Value;

use crate::ask::{file, printed, recording};

/// More than the recording has: 15.
const SHORT: [&str; 2] = ["--threshold", "one-shot.min-connections=50"];

/// A recording of a client that reuses its connection, and the PID of that client.
fn reuse() -> (String, String) {
    let case = fs::read_to_string(file("tests/fixtures/python-persistent.case")).expect("a case");
    let mut parties = case.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    let client = parties.find(|party| party["role"] == "client").expect("a client");
    let trace = file("tests/fixtures/python-persistent.trace").into_os_string();
    (trace.into_string().expect("UTF-8"), client["pids"][0].to_string())
}

#[test]
fn what_is_short_of_a_verdict_is_told_with_both_numbers() {
    let text = printed(&[&["replay", &recording(), "--explain"][..], &SHORT].concat());
    let (_, section) = text.split_once("\nNOT ENOUGH YET\n").expect("a section");
    let line = section.lines().next().expect("a line");
    assert!(line.ends_with(": one-shot needs 50 connections, 15 seen"), "{line}");
    assert!(!text.contains("WARN"), "it is no finding: {text}");
}

#[test]
fn a_machine_is_told_the_same_and_only_if_it_asks() {
    let recording = recording();
    let run = |explain: &[&str]| {
        let text =
            printed(&[&["replay", &recording, "--output", "json"], explain, &SHORT].concat());
        let lines = text.lines().map(|line| serde_json::from_str(line).expect("JSON"));
        let is_it = |line: &Value| line["event.name"] == "tracer.not_enough";
        lines.filter(is_it).collect::<Vec<_>>()
    };
    assert_eq!(run(&[]).len(), 0);
    let lines = run(&["--explain"]);
    assert_eq!(lines.len(), 1, "{lines:#?}");
    assert_eq!(lines[0]["tracer.finding.code"], "one-shot");
    assert_eq!(lines[0]["tracer.not_enough.threshold"], "one-shot.min-connections");
    assert_eq!(
        (&lines[0]["tracer.not_enough.have"], &lines[0]["tracer.not_enough.need"]),
        (&15.into(), &50.into())
    );
}

#[test]
fn explaining_changes_no_finding_and_no_exit_code() {
    let finding = |explain: &[&str]| {
        let text = printed(&[&["replay", &recording(), "--output", "json"], explain].concat());
        let is_finding = |line: &&str| line.contains("\"tracer.finding\"");
        text.lines().filter(is_finding).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(finding(&[]).len(), 1);
    assert_eq!(finding(&[]), finding(&["--explain"]));
    // `printed` wants exit code 0.
    printed(&[&["replay", &recording(), "--explain", "--fail-on", "info"][..], &SHORT].concat());
}

#[test]
fn a_question_about_a_process_that_does_well_is_answered() {
    let (trace, pid) = reuse();
    let asked = printed(&["replay", &trace, "-p", &pid]);
    let (_, section) = asked.split_once("\nCHECKED\n").expect("a section");
    let line = section.lines().next().expect("a line");
    assert!(line.contains(&format!("(pid {pid}, cpython ")), "{line}");
    assert!(line.contains(") → 127.0.0.1:"), "{line}");
    assert!(line.ends_with(": 1 connection, 15 exchanges, reuse 0.93: nothing wrong"), "{line}");
    assert!(!printed(&["replay", &trace]).contains("CHECKED"), "nobody asked");
}
