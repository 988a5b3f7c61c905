//! The queries about what happened, each beside the figures that plain Rust makes of the same lines.

use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::engine::{Engine, Window};
use crate::figures::{closed_first, ended, redials};
use crate::resets::resets;
use crate::scene::{is, lines, time, window};

/// These columns of a row.
pub(crate) fn columns(row: &Value, like: &Value) -> Value {
    let names = like.as_object().expect("a row").keys();
    names.map(|name| (name.clone(), row[name].clone())).collect()
}

/// The answer has these rows, in this order, and no others.
pub(crate) fn assert_rows(answer: &[Value], expected: &[Value]) {
    assert!(!expected.is_empty(), "nothing to compare");
    let like = expected.first().expect("a row");
    let shown: Vec<_> = answer.iter().map(|row| columns(row, like)).collect();
    assert_eq!(shown, expected);
}

#[test]
#[ignore = "needs the engine of ClickHouse: cargo xtask setup --tests"]
fn redials_are_those_counted_by_hand_over_all_hosts() {
    let expected = redials(lines(), &window());
    let answer = Engine::of_the_scene().ask("redials", window());
    assert_rows(&answer, &expected);
    assert!(expected.iter().any(|row| row["hosts"] == 2), "a service of two hosts is one row");
    let ports = answer.iter().find(|row| row["redials"] == 89).expect("go-ports-run-out");
    let seconds = window().to.duration_since(window().from).as_secs_f64();
    let rate = ports["redials_per_s"].as_f64().expect("a rate");
    assert!((rate - 89.0 / seconds).abs() < 0.0001, "{rate}");
}

#[test]
#[ignore = "needs the engine of ClickHouse: cargo xtask setup --tests"]
fn redials_outside_of_the_window_do_not_count() {
    let whole = window();
    let mut times: Vec<_> = ended(lines(), &whole)
        .filter(|line| line["tracer.open.cause"] == "after_local_close")
        .map(time)
        .collect();
    times.sort_unstable();
    let half = Window { to: times[times.len() / 2], ..whole };
    let (all, some) = (redials(lines(), &whole), redials(lines(), &half));
    assert!(!some.is_empty() && some != all, "the half is another question");
    assert_rows(&Engine::of_the_scene().ask("redials", half), &some);
}

#[test]
#[ignore = "needs the engine of ClickHouse: cargo xtask setup --tests"]
fn a_reset_that_both_ends_tell_of_counts_once_and_names_both() {
    let expected = resets(lines(), &window());
    let answer = Engine::of_the_scene().ask("resets", window());
    assert_rows(&answer, &expected);
    let of_two_hosts = answer.iter().find(|row| row["victim"] == "go-client").expect("resets");
    assert_eq!(of_two_hosts["resetter"], "server");
    assert_eq!((&of_two_hosts["resets"], &of_two_hosts["hosts"]), (&json!(20), &json!(2)));
    assert_eq!(of_two_hosts["by_cause"], json!({ "local_abort_linger0": 20 }));
    assert_eq!(of_two_hosts["requests_failed"], 20);
}

#[test]
#[ignore = "needs the engine of ClickHouse: cargo xtask setup --tests"]
fn the_same_loopback_ports_on_two_hosts_are_two_connections() {
    let answer = Engine::of_the_scene().ask("resets", window());
    let local: Vec<_> = answer
        .iter()
        .filter(|row| row["service_at"].as_str().is_some_and(|at| at.starts_with("127.")))
        .collect();
    let [row] = local.as_slice() else { panic!("one pair of programs: {local:?}") };
    assert_eq!((&row["resets"], &row["hosts"]), (&json!(30), &json!(2)), "fifteen on each");
}

#[test]
#[ignore = "needs the engine of ClickHouse: cargo xtask setup --tests"]
fn an_end_that_nobody_watched_is_an_address() {
    let one_side: Vec<_> =
        lines().iter().filter(|line| line["host.name"] != "db-1").cloned().collect();
    let expected = resets(&one_side, &window());
    let answer = Engine::with(&one_side).ask("resets", window());
    assert_rows(&answer, &expected);
    let reset = answer.iter().find(|row| row["victim"] == "go-client").expect("resets");
    assert_eq!(reset["resetter"], reset["service_at"]);
    assert_eq!((&reset["resets"], &reset["told_by_both"]), (&json!(20), &json!(0)));
}

#[test]
#[ignore = "needs the engine of ClickHouse: cargo xtask setup --tests"]
fn ports_are_those_of_the_verdict_and_of_the_last_minute() {
    let verdict = lines()
        .iter()
        .find(|line| is(line, "tracer.finding") && line["tracer.finding.code"] == "one-shot")
        .expect("the finding of go-ports-run-out");
    let pressure = &verdict["tracer.finding.consequences"][0];
    assert_eq!(pressure["code"], "port-pressure");
    let now = time(verdict) + SignedDuration::from_secs(1);
    let window = Window { from: now - SignedDuration::from_mins(10), to: now };
    let minute = Window { from: now - SignedDuration::from_secs(60), to: now };
    let destination = format!("10.0.0.3:{}", verdict["server.port"]);
    let evidence = &pressure["evidence"];
    let expected = json!({
        "host": "web-1", "netns": verdict["tracer.netns"], "destination": destination,
        "severity": "ERROR", "told_s_ago": 1, "ports_held": evidence["ports_held"],
        "usable_ports": evidence["usable_ports"], "held_share": 0.9, "exhausted_in_s": 0.333,
        "service": "go-client",
        "time_waits": closed_first(lines(), &minute, "web-1", &destination),
        "dials_without_port": 0,
    });
    assert_eq!(expected["time_waits"], 90);
    assert_rows(&Engine::of_the_scene().ask("ports", window), &[expected]);
}

#[test]
#[ignore = "needs the engine of ClickHouse: cargo xtask setup --tests"]
fn a_verdict_on_ports_that_is_over_is_not_shown() {
    let over = lines().iter().cloned().map(|mut line| {
        if is(&line, "tracer.finding") {
            line["tracer.finding.state"] = json!("ended");
        }
        line
    });
    let over: Vec<_> = over.collect();
    let answer = Engine::with(&over).ask("ports", window());
    assert!(answer[0]["host"].is_null(), "{answer:?}");
}
