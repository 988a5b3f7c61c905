//! Documents beside the lines they are made of, and beside what is documented about them.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::*;
use crate::connection::CloseCause;
use crate::export::message::Fields;
use crate::export::testing::{fields, items};
use crate::sink::json::schema::all_lines;

const DOCUMENT: &str = include_str!("../../../../docs/agent.md");

fn lines() -> Vec<Fields> {
    let lines = all_lines();
    lines.into_iter().map(|line| line.as_object().unwrap().clone()).collect()
}

/// The document of a line, which has no field twice: it is as long as what is read of it.
fn document(line: &Fields) -> Fields {
    let (line, mut text) = (serde_json::to_string(line).unwrap(), Vec::new());
    super::document(&line, &mut text).unwrap();
    let document: Fields = serde_json::from_slice(&text).unwrap();
    assert_eq!(serde_json::to_vec(&document).unwrap().len(), text.len());
    document
}

/// What is at a dotted name.
fn at<'a>(document: &'a Fields, name: &str) -> Option<&'a Value> {
    if let Some(value) = document.get(name) {
        return Some(value);
    }
    let (outer, inner) = name.split_once('.')?;
    at(document.get(outer)?.as_object()?, inner)
}

/// Dotted names of all values.
fn names(object: &Fields, before: &str) -> BTreeSet<String> {
    let nested = object.iter().flat_map(|(key, value)| match value {
        Value::Object(nested) => names(nested, &format!("{before}{key}.")),
        _ => [format!("{before}{key}")].into(),
    });
    nested.collect()
}

/// Field → our keys that it may say; of the table of `docs/agent.md`.
fn documented() -> Vec<(String, Vec<String>)> {
    let of_schema = DOCUMENT.split("\n## ").find(|part| part.starts_with("Elastic")).unwrap();
    let rows = of_schema.lines().filter_map(|row| row.strip_prefix("| `"));
    rows.map(|row| {
        let (field, rest) = row.split_once("` | ").unwrap();
        let keys = rest.split('`').skip(1).step_by(2);
        (field.to_owned(), keys.map(str::to_owned).collect())
    })
    .collect()
}

#[test]
fn nothing_of_any_line_is_lost() {
    let documented = documented();
    for line in lines() {
        let document = document(&line);
        for (key, value) in &line {
            let of_key = documented.iter().filter(|(_, keys)| keys.contains(key));
            let ours = [key.clone(), format!("tracer.{key}")];
            let ours = ours.into_iter().filter(|name| name.starts_with("tracer."));
            let mut fields = of_key.map(|(field, _)| field.clone()).chain(ours);
            let told = |field: String| match (at(&document, &field), key.as_str()) {
                (Some(level), "severity_text") => {
                    level.as_str().unwrap() == value.as_str().unwrap().to_lowercase()
                }
                (found, _) => found == Some(value),
            };
            assert!(fields.any(told), "{key}: {value}\n{document:#?}");
        }
    }
}

#[test]
fn fields_of_the_schema_are_those_that_are_documented_and_no_others() {
    let mut told = BTreeSet::new();
    for line in lines() {
        let mut document = document(&line);
        document.remove("tracer");
        told.append(&mut names(&document, ""));
    }
    let documented: BTreeSet<_> = documented().into_iter().map(|(field, _)| field).collect();
    assert_eq!(told, documented);
}

#[test]
fn the_begin_of_a_document_is_that_of_elastics_own_loggers() {
    for line in lines() {
        let document = document(&line);
        let keys: Vec<_> = document.keys().take(4).collect();
        assert_eq!(keys, ["@timestamp", "log.level", "message", "ecs.version"]);
        assert_eq!(document["@timestamp"], line["timestamp"]);
        assert_eq!(document["message"], message(&line), "it rests on all that it needs");
    }
}

#[test]
fn times_are_those_of_the_line_to_the_nanosecond() {
    let mut seen = 0;
    for line in lines() {
        let document = document(&line);
        let duration = at(&document, "event.duration").map(|length| length.as_i64().unwrap());
        let key = match line["event.name"].as_str().unwrap() {
            "tracer.connection.closed" => "tracer.duration_s",
            "tracer.summary" | "tracer.peer" => "tracer.window_s",
            "tracer.finding" => continue,
            _ => {
                assert_eq!(duration, None);
                continue;
            }
        };
        let seconds = line.get(key).map(|seconds| seconds.as_f64().unwrap());
        #[expect(clippy::cast_possible_truncation, reason = "a test of seconds")]
        let expected = seconds.map(|seconds| (seconds * 1e9).round() as i64);
        assert_eq!(duration, expected);
        assert_eq!(at(&document, "event.end"), Some(&line["timestamp"]));
        assert_eq!(at(&document, "event.start").is_some(), duration.is_some());
        seen += 1;
    }
    assert!(seen > 50);
    let documents = items(|item| document(&fields(item)));
    assert_eq!(documents[1]["event"]["duration"], 5_340_000);
    assert_eq!(documents[1]["event"]["start"], "2023-11-14T22:13:21.495000000Z");
    assert_eq!(documents[4]["event"]["duration"], 3_900_000_000_u64);
    assert_eq!(documents[4]["event"]["start"], "2023-11-14T22:13:21.000000000Z");
}

#[test]
fn the_client_is_the_source_whichever_end_we_are() {
    let documents = items(|item| document(&fields(item)));
    let closed = &documents[1];
    for (name, ip, port) in [
        ("source", "10.0.0.5", 41_234),
        ("client", "10.0.0.5", 41_234),
        ("destination", "10.0.3.7", 8_080),
        ("server", "10.0.3.7", 8_080),
    ] {
        assert_eq!((&closed[name]["ip"], &closed[name]["port"]), (&ip.into(), &port.into()));
    }
    assert_eq!(
        (&closed["source"]["bytes"], &closed["destination"]["bytes"]),
        (&120.into(), &1_300_000.into())
    );
    assert_eq!(closed["network"]["direction"], "egress");
    let mut line = items(fields).remove(1);
    line["tracer.role"] = "server".into();
    for (key, value) in [("server.address", "10.0.0.5".into()), ("server.port", 41_234.into())] {
        line[key] = value;
    }
    let served = document(&line);
    assert_eq!(served["source"]["address"], "10.0.3.7");
    assert_eq!(served["destination"]["ip"], "10.0.0.5");
    assert_eq!(served["source"]["bytes"], 1_300_000);
    assert_eq!(served["network"]["direction"], "ingress");
    line.remove("tracer.role");
    let unknown = document(&line);
    assert_eq!(unknown.get("source"), None, "it is not claimed");
    assert_eq!(unknown["tracer"]["network"]["peer"]["port"], 8_080);
    assert_eq!(unknown["related"]["ip"], json!(["10.0.0.5", "10.0.3.7"]));
    let peer = &documents[3];
    assert_eq!(
        (&peer["client"]["ip"], &peer["server"]["ip"]),
        (&"10.0.9.1".into(), &"10.0.0.1".into())
    );
}

#[test]
fn a_finding_is_an_alert_of_a_rule() {
    let documents = items(|item| document(&fields(item)));
    let finding = &documents[4];
    assert_eq!(finding["log.level"], "warn");
    assert_eq!(finding["event"]["kind"], "alert");
    assert_eq!(finding["event"]["action"], "finding-reported");
    assert_eq!(finding["event"]["severity"], 4);
    assert_eq!(finding["rule"]["name"], finding["tracer"]["finding"]["code"]);
    assert_eq!(finding["process"]["entity_id"], "web-1/4711/2023-11-14T22:13:20.000000001Z");
}

#[test]
fn only_an_end_by_both_sides_is_a_success() {
    let success: Vec<_> = CloseCause::ALL
        .iter()
        .filter(|cause| outcome::of(cause.name()) == word!("success"))
        .collect();
    assert_eq!(
        success,
        [&CloseCause::LocalClose, &CloseCause::PeerClose, &CloseCause::SimultaneousClose]
    );
    assert_eq!(outcome::of(CloseCause::Unknown.name()), word!("unknown"));
    assert_eq!(outcome::of(CloseCause::ConnectRefused.name()), word!("failure"));
    let actions: BTreeSet<_> =
        CloseCause::ALL.iter().map(|cause| outcome::action(cause.name())).collect();
    assert_eq!(actions.len(), 3);
}
