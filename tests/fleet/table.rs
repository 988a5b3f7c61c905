//! The table against the contract of the lines: a column per key, nothing lost on the way in.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::engine::{Engine, read};
use crate::scene::{is, lines};

/// Key of any line → whether each event that has it always has it.
fn keys(schema: &Value) -> BTreeMap<String, bool> {
    let mut keys = BTreeMap::new();
    let events = schema["$defs"]["event.name"]["enum"].as_array().expect("events");
    for event in events.iter().filter_map(Value::as_str) {
        let event = &schema["$defs"][event];
        let required: BTreeSet<_> =
            event["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        for key in event["properties"].as_object().expect("keys").keys() {
            *keys.entry(key.clone()).or_insert(true) &= required.contains(key.as_str());
        }
    }
    keys
}

/// Column → type, without those that are computed.
fn columns() -> BTreeMap<String, String> {
    let sql = "SELECT name, type FROM system.columns WHERE database = 'tracer' AND \
               table = 'lines' AND default_kind = ''";
    let text = |row: &Value, key: &str| row[key].as_str().expect("text").to_owned();
    let rows = Engine::of_the_scene().select(sql);
    rows.iter().map(|row| (text(row, "name"), text(row, "type"))).collect()
}

#[test]
#[ignore = "needs the engine of ClickHouse: cargo xtask setup --tests"]
fn every_key_of_the_contract_is_a_column_and_every_column_a_key() {
    let schema: Value = serde_json::from_str(&read("docs/schema.json")).expect("JSON");
    let (keys, columns) = (keys(&schema), columns());
    assert_eq!(columns.keys().collect::<Vec<_>>(), keys.keys().collect::<Vec<_>>());
}

#[test]
#[ignore = "needs the engine of ClickHouse: cargo xtask setup --tests"]
fn a_column_is_nullable_where_absent_means_unknown_and_zero_does_not() {
    let schema: Value = serde_json::from_str(&read("docs/schema.json")).expect("JSON");
    let columns = columns();
    for (key, is_always_there) in keys(&schema) {
        let kind = &schema["$defs"][&key];
        let is_time = columns[&key].contains("DateTime64");
        let is_number = ["number", "integer", "boolean"].iter().any(|name| kind["type"] == *name);
        let has_zero = kind["minimum"].as_f64().is_none_or(|minimum| minimum < 1.0);
        let nullable = !is_always_there && (is_time || is_number && has_zero);
        assert_eq!(columns[&key].starts_with("Nullable("), nullable, "{key}: {}", columns[&key]);
    }
}

#[test]
#[ignore = "needs the engine of ClickHouse: cargo xtask setup --tests"]
fn lines_delivered_twice_are_one_row_and_none_is_taken_for_another() {
    let sql =
        "SELECT `event.name` AS event, count() AS rows FROM tracer.lines FINAL GROUP BY event";
    let rows = Engine::of_the_scene().select(sql);
    assert!(rows.len() >= 4, "{rows:?}");
    for row in rows {
        let event = row["event"].as_str().expect("text");
        let told = lines().iter().filter(|line| is(line, event)).count();
        assert_eq!(row["rows"], told, "{event}");
    }
}

#[test]
#[ignore = "needs the engine of ClickHouse: cargo xtask setup --tests"]
fn keys_of_a_newer_tracer_are_passed_over_and_the_rest_of_the_line_is_kept() {
    let mut line = lines().iter().find(|line| is(line, "tracer.health")).expect("one").clone();
    line["tracer.new"] = json!({ "a": [1, { "b": null }] });
    line["new"] = json!("text");
    line["tracer.lost"]["new_reason"] = json!(5);
    let sql = "SELECT `tracer.version` AS version, JSONExtract(`tracer.lost`, 'Map(String, UInt64)') \
               AS lost FROM tracer.lines FINAL";
    let rows = Engine::with([&line]).select(sql);
    assert_eq!(rows, [json!({ "version": line["tracer.version"], "lost": line["tracer.lost"] })]);
}

#[test]
#[ignore = "needs the engine of ClickHouse: cargo xtask setup --tests"]
fn values_come_back_as_they_were_told() {
    let line = lines().iter().find(|line| line.get("tracer.connect_s").is_some()).expect("one");
    let sql = "SELECT * FROM tracer.lines FINAL";
    let rows = Engine::with([line]).select(sql);
    let [row] = rows.as_slice() else { panic!("{rows:?}") };
    for (key, value) in line.as_object().expect("an object") {
        if value.as_str().is_some_and(|text| text.ends_with('Z')) {
            let moment = value.as_str().map(|text| text.replace('T', " ").replace('Z', ""));
            assert_eq!(row[key].as_str().map(str::to_owned), moment, "{key}");
        } else if value.is_number() {
            assert_eq!(row[key].as_f64(), value.as_f64(), "{key}");
        } else {
            assert_eq!(&row[key], value, "{key}");
        }
    }
    let unknown = ["tracer.unread_bytes", "tracer.close.pid", "tracer.processes"];
    let absent: Vec<_> = unknown.iter().filter(|key| line.get(**key).is_none()).collect();
    assert!(!absent.is_empty(), "the line lacks one of them");
    for key in absent {
        assert!(row[*key].is_null(), "{key}: {}", row[*key]);
    }
}
