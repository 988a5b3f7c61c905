//! Findings that are open now, as a live view tells them: begun, again each minute, ended.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::answers::assert_rows;
use crate::engine::{Engine, Window};
use crate::scene::{at, is, lines};

fn now() -> Timestamp {
    "2026-11-22T12:00:00Z".parse().expect("a moment")
}

/// A finding of the recordings, told in this state so many seconds ago.
fn told(finding: &Value, state: &str, seconds_ago: i64) -> Value {
    let mut line = at(finding.clone(), now() - SignedDuration::from_secs(seconds_ago));
    line["tracer.finding.state"] = json!(state);
    line
}

fn finding(host: &str, code: &str) -> Value {
    let is_it = |line: &&Value| {
        is(line, "tracer.finding")
            && line["host.name"] == host
            && line["tracer.finding.code"] == code
    };
    lines().iter().find(is_it).unwrap_or_else(|| panic!("no {code} on {host}")).clone()
}

/// Two open findings of one service, and some that are not open.
pub(crate) fn open() -> (Vec<Value>, Window) {
    let here = finding("web-1", "one-shot");
    let mut elsewhere = here.clone();
    elsewhere["host.name"] = json!("web-2");
    let over = finding("web-2", "resets-received");
    let forgotten = finding("web-2", "connect-refused");
    let late = finding("web-1", "unread-close");
    let mut mild = told(&here, "begun", 100);
    mild["severity_text"] = json!("WARN");
    let told = vec![
        mild,
        told(&here, "ongoing", 40),
        told(&elsewhere, "begun", 170),
        told(&over, "begun", 90),
        told(&over, "ended", 30),
        // Its tracer was stopped: no end was told.
        told(&forgotten, "begun", 600),
        told(&forgotten, "ongoing", 181),
        // A report of `diagnose` has no state.
        at(late.clone(), now() - SignedDuration::from_secs(20)),
        // Not yet.
        told(&late, "begun", 0),
    ];
    (told, Window { from: now() - SignedDuration::from_hours(1), to: now() })
}

#[test]
#[ignore = "needs the engine of ClickHouse: cargo xtask setup --tests"]
fn a_finding_is_open_from_its_begin_to_its_end_or_until_nobody_tells_it_again() {
    let here = finding("web-1", "one-shot");
    let (told, window) = open();
    let destination = format!("10.0.0.3:{}", here["server.port"]);
    let expected = json!({
        "severity": "ERROR", "code": "one-shot", "service": "go-client", "role": "client",
        "destinations": { destination: 2 }, "findings": 2, "hosts": 2,
        "last_told": "2026-11-22 11:59:20.000000000",
        "example": here["tracer.finding.summary"], "advice": here["tracer.finding.advice"],
        "hosts_told": 2, "hosts_lossy": {}, "hosts_silent": [],
    });
    assert_rows(&Engine::with(&told).ask("findings", window), &[expected]);
}

#[test]
#[ignore = "needs the engine of ClickHouse: cargo xtask setup --tests"]
fn what_is_told_of_another_process_is_another_finding() {
    let one = finding("web-1", "one-shot");
    let mut other = one.clone();
    other["process.pid"] = json!(4_000_000);
    let told = [told(&one, "begun", 20), told(&other, "begun", 10), told(&other, "ended", 5)];
    let window = Window { from: now() - SignedDuration::from_hours(1), to: now() };
    let answer = Engine::with(&told).ask("findings", window);
    assert_eq!(answer.len(), 1);
    assert_eq!(answer[0]["findings"], 1, "the end of one is not that of the other");
}
