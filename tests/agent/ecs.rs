//! Documents of the Elastic Common Schema beside its official definitions (`@elastic/ecs`).

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use jiff::Timestamp;
use serde_json::{Map, Value};
use tracer::export::ecs;

use crate::running::{lines, traffic, unscraped};
use crate::support::agent::Agent;
use crate::support::tool;
use crate::support::tracer::{binary, run};

/// Field → its definition.
fn definitions() -> &'static Map<String, Value> {
    static DEFINITIONS: OnceLock<Map<String, Value>> = OnceLock::new();
    DEFINITIONS.get_or_init(|| {
        let modules = Path::new(env!("CARGO_TARGET_TMPDIR")).join("../agent/node/node_modules");
        assert!(modules.is_dir(), "@elastic/ecs is not installed: run `cargo xtask setup --tests`");
        let script = root().join("tests/agent/node/fields.js");
        let output = run(Command::new(tool::path("node")).arg(script).env("NODE_PATH", modules));
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}");
        let told: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        assert_eq!(told["version"], ecs::VERSION);
        told["fields"].as_object().expect("definitions").clone()
    })
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Dotted name → value, of all that is not below `tracer`.
fn fields(object: &Map<String, Value>, before: &str) -> Vec<(String, Value)> {
    let nested = object.iter().filter(|(key, _)| *key != "tracer" || !before.is_empty());
    let nested = nested.flat_map(|(key, value)| match value {
        Value::Object(nested) => fields(nested, &format!("{before}{key}.")),
        other => vec![(format!("{before}{key}"), other.clone())],
    });
    nested.collect()
}

/// Whether a value is of a type of Elasticsearch.
fn is_of(value: &Value, kind: &str) -> bool {
    let text = value.as_str();
    match kind {
        "keyword" | "wildcard" | "match_only_text" => text.is_some(),
        "date" => text.is_some_and(|time| time.parse::<Timestamp>().is_ok()),
        "ip" => text.is_some_and(|address| address.parse::<IpAddr>().is_ok()),
        "long" => value.is_i64() || value.is_u64(),
        _ => false,
    }
}

/// Asserts that every field of a document is defined, and that its value is one it may have.
fn assert_valid(document: &Map<String, Value>) {
    for (name, value) in fields(document, "") {
        let defined = definitions().get(&name).unwrap_or_else(|| panic!("{name} is not defined"));
        let kind = defined["type"].as_str().expect("a type");
        let many = defined["normalize"].as_array().is_some_and(|how| how.contains(&"array".into()));
        assert_eq!(value.is_array(), many, "{name}: {value}");
        let values = value.as_array().cloned().unwrap_or_else(|| vec![value]);
        let allowed = defined["allowed_values"].as_array();
        for value in &values {
            assert!(is_of(value, kind), "{name} is of type {kind}: {value}");
            if let Some(allowed) = allowed {
                assert!(allowed.iter().any(|allowed| allowed["name"] == *value), "{name}: {value}");
            }
        }
    }
    let Some(category) = document["event"]["category"].get(0) else { return };
    let allowed = definitions()["event.category"]["allowed_values"].as_array().expect("categories");
    let ours = allowed.iter().find(|known| known["name"] == *category).expect("a category");
    let expected = ours["expected_event_types"].as_array().expect("types");
    for kind in document["event"]["type"].as_array().expect("types") {
        assert!(expected.contains(kind), "{category} has no type {kind}");
    }
}

#[test]
#[ignore = "needs the definitions of the schema: cargo xtask setup --tests"]
fn documents_of_recorded_lines_are_valid_by_the_official_definitions() {
    let mut events = BTreeSet::new();
    for recording in ["python-refused", "curl-loop", "go-hoard", "go-unread-large", "go-few-resets"]
    {
        let recording = root().join(format!("tests/fixtures/{recording}.trace"));
        let mut command = Command::new(binary());
        command.args(["replay", "--output", "json", "--connections", "--peers", "--explain"]);
        let output = run(command.arg(recording));
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        for line in String::from_utf8(output.stdout).expect("UTF-8").lines() {
            let mut text = Vec::new();
            ecs::document(line, &mut text).expect("a line");
            let document: Map<String, Value> = serde_json::from_slice(&text).expect("JSON");
            events.insert(document["event"]["dataset"].as_str().expect("an event").to_owned());
            assert_valid(&document);
        }
    }
    assert_eq!(events.len(), 6, "{events:?}");
}

#[test]
#[ignore = "needs the definitions of the schema: cargo xtask setup --tests"]
fn documented_types_are_those_of_the_official_definitions() {
    let document = std::fs::read_to_string(root().join("docs/agent.md")).expect("the document");
    let part = document.split("\n## ").find(|part| part.starts_with("Elastic")).expect("its part");
    let rows: Vec<_> = part.lines().filter_map(|row| row.strip_prefix("| `")).collect();
    assert!(rows.len() > 40);
    for row in rows {
        let (name, rest) = row.split_once("` | ").expect("a name");
        let kind = rest.split(" | ").next();
        assert_eq!(definitions()[name]["type"].as_str(), kind, "{name}");
    }
}

#[test]
#[ignore = "needs root"]
fn what_the_agent_writes_is_valid_by_the_official_definitions() {
    let dir = tempfile::tempdir().expect("a folder");
    let file = dir.path().join("tracer.jsonl");
    let mut command = Command::new(binary());
    command.args(["agent", "--schema", "ecs", "--output"]).arg(&file);
    let agent = Agent::start(unscraped(&mut command)).attached_to(&file);
    traffic(100);
    agent.end();
    let documents = lines(&file);
    let mut events = BTreeSet::new();
    for document in &documents {
        assert_valid(document.as_object().expect("an object"));
        events.insert(document["event"]["dataset"].as_str().expect("an event"));
    }
    assert_eq!(events.len(), 4, "{events:?}");
    let ended = documents.iter().filter(|line| line["event"]["action"] == "connection-closed");
    assert!(ended.count() >= 200, "both ends of each");
}
