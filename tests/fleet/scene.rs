//! A fleet of three hosts, made of recordings: the client's lines of one become those of one host, the
//! server's those of another, with their addresses. Whatever else the lines say is as tracer told it.

use std::collections::BTreeSet;
use std::sync::OnceLock;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::engine::Window;
use crate::support::fixture::Fixture;

/// Its hosts, and their addresses.
const HOSTS: [(&str, &str); 3] =
    [("web-1", "10.0.0.1"), ("web-2", "10.0.0.2"), ("db-1", "10.0.0.3")];
const LOOPBACK: &str = "127.0.0.1";

/// Recording, host of its client, host of its server: places in [`HOSTS`]. Where both are one, its
/// addresses stay those of loopback: the same traffic on two hosts has the same ports.
const PLAYED: [(&str, usize, usize); 9] = [
    ("go-ports-run-out", 0, 2),
    ("go-resets-received", 1, 2),
    ("go-unread-large", 0, 2),
    ("go-unread-large", 1, 1),
    ("go-unread-large", 2, 2),
    ("python-new", 0, 2),
    ("python-new", 1, 2),
    ("curl-loop", 0, 1),
    ("go-refused", 1, 2),
];

/// The host that loses records: it is started anew in between, and loses some again.
pub(crate) const LOSSY: &str = "db-1";
/// What it loses, by reason, over both runs.
pub(crate) const LOST: [(&str, u64); 3] = [("evicted", 4), ("output", 3), ("ring_full", 9)];
/// Connections of those that are missing.
pub(crate) const LOST_WHOLE: u64 = 12;
/// A host that told of its health before the window, and nothing since.
pub(crate) const SILENT: &str = "web-9";

/// When a line is of.
pub(crate) fn time(line: &Value) -> Timestamp {
    line["timestamp"].as_str().expect("a timestamp").parse().expect("RFC 3339")
}

/// Moves a line to this moment.
pub(crate) fn at(mut line: Value, moment: Timestamp) -> Value {
    line["timestamp"] = json!(format!("{moment:.9}"));
    line
}

/// Whether a line is of this event.
pub(crate) fn is(line: &Value, event: &str) -> bool {
    line["event.name"] == event
}

/// All lines, with losses.
pub(crate) fn lines() -> &'static [Value] {
    static LINES: OnceLock<Vec<Value>> = OnceLock::new();
    LINES.get_or_init(|| {
        let mut lines: Vec<_> = PLAYED.iter().flat_map(|played| play(*played)).collect();
        lines.sort_by_key(time);
        // What one end of a recording that is played twice says without naming the other end.
        let mut told = BTreeSet::new();
        lines.retain(|line| told.insert(line.to_string()));
        lose(&mut lines);
        lines
    })
}

/// The time that all recordings are of.
pub(crate) fn window() -> Window {
    let last = lines().iter().map(time).max().expect("lines");
    // Lines of before are at the end.
    Window { from: time(&lines()[0]), to: last + SignedDuration::from_secs(1) }
}

fn play((recording, client, server): (&str, usize, usize)) -> Vec<Value> {
    let fixture = Fixture { name: recording.to_owned() };
    let mut told = Vec::new();
    for line in fixture.lines() {
        if is(&line, "tracer.health") {
            told.extend([client, server].map(|host| named(line.clone(), HOSTS[host].0)));
            continue;
        }
        let is_server = line["tracer.role"] == "server";
        let (own, other) = if is_server { (server, client) } else { (client, server) };
        let mut line = named(line, HOSTS[own].0);
        if client != server {
            move_to(&mut line, "network.local.address", HOSTS[own].1);
            move_to(&mut line, "network.peer.address", HOSTS[other].1);
            move_to(&mut line, "server.address", HOSTS[server].1);
            move_to(&mut line, "tracer.finding.summary", HOSTS[server].1);
        }
        told.push(line);
    }
    told
}

fn named(mut line: Value, host: &str) -> Value {
    line["host.name"] = json!(host);
    line
}

/// Puts an address in the place of that of loopback.
fn move_to(line: &mut Value, key: &str, address: &str) {
    if let Some(text) = line.get(key).and_then(Value::as_str) {
        line[key] = json!(text.replace(LOOPBACK, address));
    }
}

fn lose(lines: &mut Vec<Value>) {
    let last = |host: &str| {
        lines.iter().rposition(|line| is(line, "tracer.health") && line["host.name"] == host)
    };
    let end = last(LOSSY).expect("its health");
    let begin = lines[end].clone();
    lines[end]["tracer.lost"]["ring_full"] = json!(7);
    lines[end]["tracer.lost"]["output"] = json!(3);
    let after = |seconds| time(&begin) + SignedDuration::from_secs(seconds);
    let mut again = at(begin.clone(), after(20));
    again["tracer.lost"]["ring_full"] = json!(2);
    again["tracer.evicted"] = json!(4);
    again["tracer.evicted_by_table"] = json!({ "keys": 4 });
    let mut before =
        at(named(begin.clone(), SILENT), time(&lines[0]) - SignedDuration::from_hours(2));
    before["tracer.lost"]["ring_full"] = json!(100);
    // What was lost before the window is no loss of the window.
    let earlier = named(before.clone(), "web-2");
    let restart = at(begin.clone(), after(10));
    lines.extend([restart, again, before, earlier]);
}
