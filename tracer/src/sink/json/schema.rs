//! Holds every line against `docs/schema.json`, and the schema against the code and its document.

use std::collections::BTreeSet;

use serde_json::Value;

use super::tests::read;
use crate::aggregate::{Key, Peer, PeerTotals, Totals, Who};
use crate::bounds::Evicted;
use crate::connection::{
    Basis, Close, CloseCause, Connection, Initiator, OpenCause, Phase, Reset, Role,
};
use crate::detect::{self, Code, Confidence, Finding, Severity, State, Thresholds};
use crate::process::{Identity, Pod, Runtime, RuntimeKind};
use crate::sink::{
    Ended, Health, Item, LostConnections, NotEnough, PeerSummary, Summary, Verdict, testing,
};

const SCHEMA: &str = include_str!("../../../../docs/schema.json");
const DOCUMENT: &str = include_str!("../../../../docs/output.md");
const POD: &str = "/kubepods.slice/kubepods-pod2b7f3c1a_9d4e_4f60_8a51_0c2d3e4f5a6b.slice";
const ID: &str = "4fa6e0f0c678b2d3f0a1c9d8e7f6051423324150617283940a1b2c3d4e5f6071";

fn schema() -> Value {
    serde_json::from_str(SCHEMA).unwrap()
}

fn lines_of(items: &[Item<'_>]) -> Vec<Value> {
    items.iter().map(read).collect()
}

fn connection_lines() -> Vec<Value> {
    let command = Some("checkout --port 80".into());
    let cgroup = Some(format!("{POD}/cri-containerd-{ID}.scope"));
    let pod = Pod { namespace: "shop".into(), name: "app-1".into(), container: "app".into() };
    let identity =
        Identity { command, cgroup, vpid: Some(7), pod: Some(pod), ..testing::identity() };
    let everything = Close {
        rst: Some(Reset::Sent),
        rst_reason: Some("SK_RST_REASON_TCP_STATE".into()),
        errno: Some(104),
        unread_bytes: Some(1),
        unacked_bytes: Some(0),
        sent_after_peer_fin: Some(0),
        ..testing::close()
    };
    let nothing = Close {
        how: None,
        idle_s: None,
        closer: None,
        rst: Some(Reset::Received),
        ..testing::close()
    };
    let bare = Connection {
        cookie: None,
        role: None,
        local: "[::]:0".parse().unwrap(),
        peer: "[2001:db8::1]:443".parse().unwrap(),
        netns: 0,
        owner: None,
        owner_comm: "".into(),
        owner_cgroup: None,
        opened_ns: None,
        established_ns: None,
        last_data_ns: None,
        exchanges_basis: Basis::Bound,
        bytes_sent: None,
        bytes_received: None,
        retransmits: None,
        srtt_s: None,
        ..testing::closed_connection()
    };
    let mut connections = vec![Connection { phase: Phase::Closed(nothing), ..bare }];
    let closed = |close| Connection { phase: Phase::Closed(close), ..testing::closed_connection() };
    connections.push(Connection { role: Some(Role::Server), ..closed(everything) });
    for &cause in CloseCause::ALL {
        connections.push(closed(Close { cause, ..testing::close() }));
    }
    for &initiator in Initiator::ALL {
        connections.push(closed(Close { initiator, ..testing::close() }));
    }
    for &open_cause in OpenCause::ALL {
        connections.push(Connection { open_cause, ..testing::closed_connection() });
    }
    let ended = |connection| Item::Connection(Ended::new(connection, Some(&identity)).unwrap());
    let mut lines = lines_of(&connections.iter().map(ended).collect::<Vec<_>>());
    for of in ["docker", "crio", "libpod"] {
        let cgroup = Some(format!("/system.slice/{of}-{ID}.scope"));
        let identity = Identity { cgroup, ..testing::identity() };
        let ended = Ended::new(&connections[1], Some(&identity)).unwrap();
        lines.extend(lines_of(&[Item::Connection(ended)]));
    }
    for &kind in RuntimeKind::ALL {
        let runtime = Some(Runtime { kind, version: None });
        let identity = Identity { runtime, ..testing::identity() };
        let ended = Ended::new(&connections[1], Some(&identity)).unwrap();
        lines.extend(lines_of(&[Item::Connection(ended)]));
    }
    lines
}

fn keys() -> Vec<Key> {
    let executable = |name: &str| Who::Executable { name: name.into(), cgroup: Some("/".into()) };
    vec![
        testing::key(),
        Key { who: executable("/usr/bin/curl"), ..testing::key() },
        Key { who: executable("curl"), role: Some(Role::Server), ..testing::key() },
        Key { who: Who::Unknown, role: None, ..testing::key() },
        Key { who: Who::Other, role: None, destination: None, netns: 0 },
    ]
}

fn summary_lines() -> Vec<Value> {
    let counted = Totals {
        closes: CloseCause::ALL.iter().map(|&cause| (cause, 1)).collect(),
        opens: OpenCause::ALL.iter().map(|&cause| (cause, 1)).collect(),
        ..testing::totals()
    };
    let empty = Totals {
        closes: [].into(),
        exchanges: 0,
        exchanges_basis: Basis::Bound,
        duration_p50_s: None,
        duration_p99_s: None,
        ..testing::totals()
    };
    let identity = testing::identity();
    let identity = Some(&identity);
    let mut lines = Vec::new();
    for key in &keys() {
        for totals in [&counted, &empty] {
            let summary = Summary { at_ns: 1, window_s: 15.0, key, totals, identity };
            lines.extend(lines_of(&[Item::Summary(summary)]));
        }
    }
    lines
}

fn peer_lines() -> Vec<Value> {
    let one = testing::peer();
    let bare = Totals { bytes_sent: None, bytes_received: None, ..Totals::default() };
    let mut unknown = one.clone();
    unknown.peer = unknown.peer.map(|peer| Peer { netns: 0, ..peer });
    let peers = [
        PeerTotals { totals: bare, ..one.clone() },
        PeerTotals { peer: None, served_by: None, redials: None, ..one.clone() },
        unknown,
        one,
    ];
    let summary = |peer| Item::Peer(PeerSummary { at_ns: 1, window_s: 15.0, peer });
    lines_of(&peers.iter().map(summary).collect::<Vec<_>>())
}

fn finding_lines() -> Vec<Value> {
    let mut findings: Vec<_> =
        keys().into_iter().map(|key| Finding { key, ..testing::finding() }).collect();
    findings.extend(Code::ALL.iter().map(|&code| Finding { code, ..testing::finding() }));
    for severity in [Severity::Info, Severity::Warn, Severity::Error] {
        findings.push(Finding { severity, ..testing::finding() });
    }
    for confidence in [Confidence::Low, Confidence::Medium, Confidence::High] {
        findings.push(Finding { confidence, ..testing::finding() });
    }
    let verdict =
        |finding| Item::Finding(Verdict { at_ns: 1, state: None, finding, identity: None });
    let live = State::ALL.iter().map(|&state| {
        let finding = &findings[0];
        Item::Finding(Verdict { at_ns: 1, state: Some(state), finding, identity: None })
    });
    lines_of(&findings.iter().map(verdict).chain(live).collect::<Vec<_>>())
}

fn not_enough_lines() -> Vec<Value> {
    let lack = |code: &Code, key| detect::NotEnough { code: *code, key, ..testing::lack() };
    let mut lacks: Vec<_> = keys().into_iter().map(|key| lack(&Code::OneShot, key)).collect();
    lacks.extend(Code::ALL.iter().map(|code| lack(code, testing::key())));
    let names = Thresholds::ALL.iter().map(|threshold| threshold.name);
    lacks.extend(names.map(|threshold| detect::NotEnough { threshold, ..testing::lack() }));
    let item = |lack| Item::NotEnough(NotEnough { at_ns: 1, lack, identity: None });
    lines_of(&lacks.iter().map(item).collect::<Vec<_>>())
}

fn health_lines() -> Vec<Value> {
    let mut broken = Health {
        decode_errors: vec![("short".into(), 3)],
        seen_share: Some(0.81),
        interval_s: Some(1.5),
        unwritten: 3,
        unwritten_by_output: vec![("stdout".into(), 3), ("otlp".into(), 0)],
        lost_of: vec![LostConnections { pid: Some(7), comm: Some("api".into()), connections: 9 }],
        ..testing::health()
    };
    for &table in Evicted::ALL {
        broken.evicted.add(table, 1);
    }
    lines_of(&[Item::Health(&testing::health()), Item::Health(&broken)])
}

/// Lines of every event, which have every key between them.
pub(crate) fn all_lines() -> Vec<Value> {
    [
        connection_lines(),
        summary_lines(),
        peer_lines(),
        finding_lines(),
        not_enough_lines(),
        health_lines(),
    ]
    .concat()
}

fn words(key: &str) -> BTreeSet<String> {
    let schema = schema();
    let words = schema["$defs"][key]["enum"].as_array().unwrap();
    words.iter().map(|word| word.as_str().unwrap().to_owned()).collect()
}

fn tables() -> BTreeSet<String> {
    let schema = schema();
    let words = schema["$defs"]["tracer.evicted_by_table"]["propertyNames"]["enum"].clone();
    serde_json::from_value(words).unwrap()
}

fn names<T: Copy>(all: &[T], name: fn(T) -> &'static str) -> BTreeSet<String> {
    all.iter().map(|&value| name(value).to_owned()).collect()
}

/// Keys that lines may have, over all events of the schema.
fn schema_keys() -> BTreeSet<String> {
    let schema = schema();
    let events = words("event.name");
    let keys = events.iter().filter_map(|event| schema["$defs"][event]["properties"].as_object());
    keys.flat_map(|properties| properties.keys().cloned()).collect()
}

#[test]
fn every_line_is_valid_against_the_schema() {
    let validator = jsonschema::validator_for(&schema()).unwrap();
    for line in all_lines() {
        // The event's own definition gives an error a person can read.
        let mut event = schema();
        let name = line["event.name"].as_str().unwrap();
        event["oneOf"] = serde_json::json!([{ "$ref": format!("#/$defs/{name}") }]);
        assert!(validator.is_valid(&line), "{:#?}\n{line}", jsonschema::validate(&event, &line));
    }
}

#[test]
fn the_schema_refuses_what_the_contract_does_not_know() {
    let validator = jsonschema::validator_for(&schema()).unwrap();
    let line = connection_lines().remove(1);
    assert!(validator.is_valid(&line));
    for (key, wrong) in [
        ("tracer.close.cause", Value::from("bored")),
        ("process.command", Value::from(7)),
        ("timestamp", Value::from("2023-11-14T22:13:20Z")),
        ("tracer.connect_s", Value::Null),
        ("tracer.bytes_sent", Value::from(1.5)),
        ("event.name", Value::from("tracer.summary")),
    ] {
        let mut line = line.clone();
        line[key] = wrong;
        assert!(!validator.is_valid(&line), "{key} is let through");
    }
}

#[test]
fn every_key_of_the_schema_is_emitted_by_some_line() {
    let lines = all_lines();
    let emitted = lines.iter().flat_map(|line| line.as_object().unwrap().keys().cloned());
    assert_eq!(emitted.collect::<BTreeSet<_>>(), schema_keys());
}

#[test]
fn every_key_is_documented_and_no_other() {
    let rows = DOCUMENT.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
    assert_eq!(rows.map(str::to_owned).collect::<BTreeSet<_>>(), schema_keys());
}

#[test]
fn enumerations_of_the_schema_are_those_of_the_code() {
    assert_eq!(words("tracer.role"), names(Role::ALL, Role::name));
    assert_eq!(words("tracer.open.cause"), names(OpenCause::ALL, OpenCause::name));
    assert_eq!(words("tracer.close.cause"), names(CloseCause::ALL, CloseCause::name));
    assert_eq!(words("tracer.close.initiator"), names(Initiator::ALL, Initiator::name));
    assert_eq!(words("tracer.close.rst"), names(Reset::ALL, Reset::name));
    assert_eq!(words("tracer.exchanges_basis"), names(Basis::ALL, Basis::name));
    assert_eq!(words("tracer.finding.code"), names(Code::ALL, Code::name));
    assert_eq!(words("tracer.finding.state"), names(State::ALL, State::name));
    let runtimes = names(RuntimeKind::ALL, RuntimeKind::name);
    assert_eq!(words("process.runtime.name"), runtimes);
    assert_eq!(tables(), names(Evicted::ALL, Evicted::name));
}

#[test]
fn every_enumerated_value_is_documented() {
    for key in
        ["tracer.open.cause", "tracer.close.cause", "tracer.finding.code", "process.runtime.name"]
    {
        for word in words(key) {
            assert!(DOCUMENT.contains(&format!("\n| {word} | ")), "{word} of {key}");
        }
    }
    for table in tables() {
        assert!(DOCUMENT.contains(&format!("\n| {table} | ")), "{table}");
    }
}
