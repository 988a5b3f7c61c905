//! Corners that the recorded scene does not have: ports used again, one end only, one name for both.

use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::answers::assert_rows;
use crate::engine::{Engine, Window};
use crate::figures::{redials, text};
use crate::scene::{LOSSY, LOST_WHOLE, at, is, lines, time, window};

/// A reset of a connection between two hosts, as the server's and as the client's host tell it.
fn reset() -> (Value, Value) {
    let ended = |role: &str| {
        lines().iter().find(|line| {
            is(line, "tracer.connection.closed")
                && line["tracer.role"] == role
                && line["tracer.close.cause"]
                    == if role == "client" { "reset_by_peer" } else { "local_abort_linger0" }
        })
    };
    let server = ended("server").expect("who resets").clone();
    let client = ended("client").expect("who is reset").clone();
    assert_eq!(server["network.peer.port"], client["network.local.port"], "of one connection");
    (server, client)
}

fn day() -> Window {
    Window { from: window().from, to: window().to + SignedDuration::from_hours(24) }
}

fn resets(told: &[Value]) -> u64 {
    let answer = Engine::with(told).ask("resets", day());
    answer.iter().map(|row| row["resets"].as_u64().expect("a count")).sum()
}

#[test]
#[ignore = "needs the engine of ClickHouse: cargo xtask setup --tests"]
fn ports_that_are_used_again_later_are_another_connection() {
    let (server, client) = reset();
    let after = |seconds| at(client.clone(), time(&server) + SignedDuration::from_secs(seconds));
    assert_eq!(resets(&[server.clone(), after(4)]), 1, "both ends of one");
    assert_eq!(resets(&[server.clone(), after(60)]), 2, "an end each of two");
}

#[test]
#[ignore = "needs the engine of ClickHouse: cargo xtask setup --tests"]
fn ends_on_the_loopback_addresses_of_two_hosts_are_not_one_connection() {
    let local = |mut line: Value, host: &str| {
        for key in ["network.local.address", "network.peer.address", "server.address"] {
            line[key] = json!("127.0.0.1");
        }
        line["host.name"] = json!(host);
        line
    };
    let (server, client) = reset();
    let on = |host: &str| local(client.clone(), host);
    assert_eq!(resets(&[local(server.clone(), "web-1"), on("web-1")]), 1);
    assert_eq!(resets(&[local(server, "web-1"), on("web-2")]), 2);
}

#[test]
#[ignore = "needs the engine of ClickHouse: cargo xtask setup --tests"]
fn what_a_program_accepts_is_no_dial_of_its_own() {
    let one_name: Vec<_> = lines()
        .iter()
        .cloned()
        .map(|mut line| {
            if line.get("process.executable.name").is_some() {
                line["process.executable.name"] = json!("app");
            }
            line
        })
        .collect();
    let expected = redials(&one_name, &window());
    assert_rows(&Engine::with(&one_name).ask("redials", window()), &expected);
}

#[test]
#[ignore = "needs the engine of ClickHouse: cargo xtask setup --tests"]
fn a_verdict_on_ports_stands_without_lines_of_connections() {
    let findings: Vec<_> =
        lines().iter().filter(|line| is(line, "tracer.finding")).cloned().collect();
    let answer = Engine::with(&findings).ask("ports", window());
    assert_eq!(answer[0]["usable_ports"], 100, "{answer:?}");
    assert_eq!(answer[0]["time_waits"], 0);
}

#[test]
#[ignore = "needs the engine of ClickHouse: cargo xtask setup --tests"]
fn a_count_that_falls_has_begun_anew_where_the_line_of_the_start_is_missing() {
    let health = |line: &Value| is(line, "tracer.health") && line["host.name"] == LOSSY;
    let latest = lines().iter().filter(|line| health(line)).map(time).max().expect("health");
    let start = latest - SignedDuration::from_secs(10);
    let told: Vec<_> =
        lines().iter().filter(|line| !(health(line) && time(line) == start)).cloned().collect();
    assert_eq!(told.len() + 1, lines().len(), "one line is missing");
    let answer = Engine::with(&told).ask("hosts", window());
    let lossy = answer.iter().find(|row| text(row, "host") == LOSSY).expect("a row");
    assert_eq!(lossy["lost_whole"], LOST_WHOLE);
}
