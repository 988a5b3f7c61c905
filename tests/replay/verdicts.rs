//! The judge of the corpus can say no: a recording that is right is wrong once anything is changed that
//! a person on call would be misled by.

use serde_json::{Value, json};

use crate::support::expectation::Expectation;
use crate::support::fixture::Fixture;
use crate::support::verdict::{Judged, judge};

/// A recording with one finding about one process, as it is told and expected.
fn one_shot() -> (Vec<Value>, Expectation) {
    let fixture = Fixture { name: "python-new".to_owned() };
    (fixture.lines(), fixture.expectation())
}

/// The same, with one thing that is told changed.
fn told_otherwise(event: &str, key: &str, value: &Value) -> Judged {
    let (mut lines, expectation) = one_shot();
    let of_event = |line: &&mut Value| line["event.name"] == *event;
    let of_client = |line: &&mut Value| line["tracer.role"] == "client";
    for line in lines.iter_mut().filter(of_event).filter(of_client) {
        assert_ne!(line[key], *value, "that would change nothing");
        line[key] = value.clone();
    }
    judge(&lines, &expectation)
}

#[test]
fn what_is_told_as_it_is_expected_is_right() {
    let (lines, expectation) = one_shot();
    let judged = judge(&lines, &expectation);
    assert!(judged.is_right(), "{}", judged.faults());
    assert_eq!(judged.found, "one-shot");
}

#[test]
fn a_finding_about_another_process_or_destination_or_end_is_wrong_twice() {
    let changes = [
        ("process.pid", json!(1)),
        ("server.port", json!(1)),
        ("server.address", json!("127.0.0.2")),
        ("tracer.role", json!("server")),
    ];
    for (key, value) in changes {
        let judged = told_otherwise("tracer.finding", key, &value);
        // One is missing, and somebody else is accused.
        assert_eq!(judged.verdicts.len(), 2, "{key}: {:?}", judged.verdicts);
    }
}

#[test]
fn another_code_is_wrong() {
    let judged = told_otherwise("tracer.finding", "tracer.finding.code", &json!("unread-close"));
    assert_eq!(judged.verdicts.len(), 1, "{:?}", judged.verdicts);
}

#[test]
fn what_a_finding_leads_to_belongs_to_the_verdict() {
    let leads_to = json!([{ "code": "port-pressure" }]);
    let judged = told_otherwise("tracer.finding", "tracer.finding.consequences", &leads_to);
    assert_eq!((judged.verdicts.len(), &*judged.found), (1, "one-shot>port-pressure"));
}

#[test]
fn a_finding_that_is_missing_or_told_twice_is_wrong() {
    let (mut lines, expectation) = one_shot();
    let at = lines.iter().position(|line| line["event.name"] == "tracer.finding");
    let finding = lines.remove(at.expect("a finding"));
    assert_eq!(judge(&lines, &expectation).verdicts.len(), 1);
    lines.extend([finding.clone(), finding]);
    assert_eq!(judge(&lines, &expectation).verdicts.len(), 1);
}

#[test]
fn one_connection_or_exchange_too_many_is_wrong() {
    for key in ["tracer.connections_opened", "tracer.exchanges"] {
        let judged = told_otherwise("tracer.summary", key, &json!(16));
        assert!(judged.verdicts.is_empty() && !judged.counts.is_empty(), "{key}: {judged:?}");
    }
}

#[test]
fn an_expectation_reads_as_it_was_written() {
    let (_, expectation) = one_shot();
    assert_eq!(Expectation::from_text(&expectation.to_text()), expectation);
}
