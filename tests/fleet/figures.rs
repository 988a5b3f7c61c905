//! Counts the same lines in plain Rust, without the engine and without its SQL.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::engine::Window;
use crate::scene::{is, time};

/// Text of a key, empty if it is absent.
pub(crate) fn text<'a>(line: &'a Value, key: &str) -> &'a str {
    line.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// A destination as it is printed; all of these are IPv4.
pub(crate) fn destination(line: &Value) -> String {
    format!("{}:{}", text(line, "server.address"), line["server.port"])
}

/// Ended connections of a window.
pub(crate) fn ended<'a>(
    lines: &'a [Value],
    window: &Window,
) -> impl Iterator<Item = &'a Value> + use<'a> {
    let window = *window;
    lines.iter().filter(move |line| is(line, "tracer.connection.closed") && window.has(time(line)))
}

/// A share as the queries round it.
pub(crate) fn rounded(share: f64) -> f64 {
    (share * 10_000.0).round() / 10_000.0
}

#[derive(Default)]
struct Service<'a> {
    hosts: BTreeSet<&'a str>,
    dialled: u64,
    redials: u64,
}

/// What `redials.sql` has to say, but for times.
pub(crate) fn redials(lines: &[Value], window: &Window) -> Vec<Value> {
    let mut services: BTreeMap<(String, String), Service<'_>> = BTreeMap::new();
    let clients = ended(lines, window).filter(|line| line["tracer.role"] == "client");
    for line in clients.filter(|line| line["tracer.start_known"] == true) {
        let name = text(line, "process.executable.name").to_owned();
        let counts = services.entry((name, destination(line))).or_default();
        counts.hosts.insert(text(line, "host.name"));
        counts.dialled += 1;
        let cause = text(line, "tracer.open.cause");
        counts.redials += u64::from(["idle_available", "after_local_close"].contains(&cause));
    }
    let mut rows: Vec<_> = services.into_iter().filter(|(_, counts)| counts.redials > 0).collect();
    // Stable: ties stay in the order of names.
    rows.sort_by_key(|(_, counts)| std::cmp::Reverse(counts.redials));
    rows.into_iter()
        .map(|((service, destination), counts)| {
            let share = rounded(counts.redials as f64 / counts.dialled as f64);
            json!({
                "service": service, "destination": destination, "hosts": counts.hosts.len(),
                "containers": 0, "dials": counts.dialled, "redials": counts.redials,
                "redial_share": share,
            })
        })
        .collect()
}

/// Local ports of connections to this destination that a host dialled and closed first, in a window.
pub(crate) fn closed_first(lines: &[Value], window: &Window, host: &str, to: &str) -> usize {
    let ports: BTreeSet<_> = ended(lines, window)
        .filter(|line| line["host.name"] == host && line["tracer.role"] == "client")
        .filter(|line| destination(line) == to)
        .filter(|line| {
            ["local_close", "simultaneous_close"].contains(&text(line, "tracer.close.cause"))
        })
        .filter_map(|line| line["network.local.port"].as_u64())
        .collect();
    ports.len()
}
