//! Who resets whom, paired line by line: the other way to count what `resets.sql` groups.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::engine::Window;
use crate::figures::{destination, ended, text};
use crate::scene::time;

/// (resetter, victim, service) → (resets, told by both).
type Edges = BTreeMap<(String, String, String), (u64, u64)>;

/// Client's address and port, server's, and where they mean anything.
fn ends(line: &Value) -> [String; 5] {
    let end = |side: &str| {
        let key = |what: &str| format!("network.{side}.{what}");
        [text(line, &key("address")).to_owned(), line[key("port")].to_string()]
    };
    let (client, server) = if line["tracer.role"] == "client" {
        (end("local"), end("peer"))
    } else {
        (end("peer"), end("local"))
    };
    let is_local = client[0].starts_with("127.");
    let scope = if is_local { text(line, "host.name") } else { "" };
    let ([client, client_port], [server, server_port]) = (client, server);
    [client, client_port, server, server_port, scope.to_owned()]
}

/// The line of the other end of the same connection.
fn other<'a>(line: &Value, lines: &[&'a Value]) -> Option<&'a Value> {
    let near = |other: &Value| time(other).duration_since(time(line)).abs();
    lines
        .iter()
        .filter(|other| other["tracer.role"] != line["tracer.role"] && ends(other) == ends(line))
        .filter(|other| near(other) <= SignedDuration::from_secs(5))
        .min_by_key(|other| near(other))
        .copied()
}

/// What `resets.sql` has to say of pairs.
pub(crate) fn resets(lines: &[Value], window: &Window) -> Vec<Value> {
    let lines: Vec<_> = ended(lines, window)
        .filter(|line| {
            let cause = text(line, "tracer.close.cause");
            !["connect_", "dial_", "handshake_"].iter().any(|dial| cause.starts_with(dial))
        })
        .filter(|line| line.get("tracer.role").is_some())
        .collect();
    let mut edges = Edges::new();
    for line in lines.iter().filter(|line| line.get("tracer.close.rst").is_some()) {
        let peer = other(line, &lines);
        let has_sent = line["tracer.close.rst"] == "sent";
        let seen_there = peer.is_some_and(|peer| {
            peer["tracer.close.rst"] == if has_sent { "received" } else { "sent" }
        });
        if !has_sent && seen_there {
            // Counted by the line of who sent it.
            continue;
        }
        let own = text(line, "process.executable.name").to_owned();
        let address = || {
            let is_client = line["tracer.role"] == "client";
            if is_client {
                destination(line)
            } else {
                text(line, "network.peer.address").to_owned()
            }
        };
        let there =
            peer.map_or_else(address, |peer| text(peer, "process.executable.name").to_owned());
        let (resetter, victim) = if has_sent { (own, there) } else { (there, own) };
        let edge = edges.entry((resetter, victim, destination(line))).or_default();
        edge.0 += 1;
        edge.1 += u64::from(seen_there);
    }
    let mut edges: Vec<_> = edges.into_iter().collect();
    edges.sort_by_key(|(_, (resets, _))| std::cmp::Reverse(*resets));
    edges
        .into_iter()
        .map(|((resetter, victim, service_at), (resets, told_by_both))| {
            json!({
                "resetter": resetter, "victim": victim, "service_at": service_at,
                "resets": resets, "told_by_both": told_by_both,
            })
        })
        .collect()
}
