//! A line as a document of the Elastic Common Schema, [`VERSION`]. Owns which field says what.
//!
//! Nothing of a line is lost: a key that is ours (`tracer.…`) stays as it is, one that the schema knows is
//! under the schema's name, every other is below `tracer`. Fields of the schema that follow from a line
//! are added. Objects are nested; `log.level` and `ecs.version` are dotted, as by the specification of
//! Elastic's own loggers.

mod ends;
mod outcome;
#[cfg(test)]
mod tests;
mod times;

use serde_json::{Map, Value, json};

use super::message::{Fields, message, severity};
use crate::detect::Severity;
use ends::Ends;

/// Of the schema.
pub const VERSION: &str = "8.11.0";

/// Keys of ours that the schema has other names for, or the same.
const RENAMED: [(&str, &str); 16] = [
    ("event.name", "event.dataset"),
    ("host.name", "host.name"),
    ("process.pid", "process.pid"),
    ("process.vpid", "process.vpid"),
    ("process.creation.time", "process.start"),
    ("process.executable.name", "process.name"),
    ("process.executable.path", "process.executable"),
    ("process.command", "process.command_line"),
    ("container.id", "container.id"),
    ("container.runtime", "container.runtime"),
    ("k8s.container.name", "container.name"),
    ("k8s.namespace.name", "orchestrator.namespace"),
    ("k8s.pod.name", "orchestrator.resource.name"),
    ("k8s.pod.uid", "orchestrator.resource.id"),
    ("network.transport", "network.transport"),
    ("network.type", "network.type"),
];
/// Said at the begin of each document: the time, and how severe it is.
const FIRST: [&str; 2] = ["timestamp", "severity_text"];

/// The document of a line.
#[must_use]
pub fn document(line: &Fields) -> Fields {
    let mut document = Document(Map::new());
    document.0.insert("@timestamp".into(), line.get("timestamp").cloned().unwrap_or_default());
    let severity = severity(line);
    document.0.insert("log.level".into(), severity.name().to_lowercase().into());
    document.0.insert("message".into(), message(line).into());
    document.0.insert("ecs.version".into(), VERSION.into());
    document.put("event.module", "tracer".into());
    document.put("event.severity", code(severity).into());
    describe(&mut document, line);
    times::put(&mut document, line);
    let ends = Ends::of(line);
    ends.put(&mut document, line);
    for (key, value) in line {
        if FIRST.contains(&key.as_str()) || ends.has(key) {
            continue;
        }
        let renamed = RENAMED.iter().find(|(ours, _)| ours == key);
        match renamed {
            Some((_, theirs)) => document.put(theirs, value.clone()),
            None if key.starts_with("tracer.") => document.put(key, value.clone()),
            None => document.put(&format!("tracer.{key}"), value.clone()),
        }
    }
    document.0
}

/// What kind of event it is.
fn describe(document: &mut Document, line: &Fields) {
    let (kind, kinds, action) = match text(line, "event.name").unwrap_or_default() {
        "tracer.connection.closed" => {
            let cause = text(line, "tracer.close.cause").unwrap_or_default();
            document.put("event.outcome", outcome::of(cause).into());
            document.put("event.reason", cause.into());
            ("event", json!(["connection", "end"]), outcome::action(cause).to_owned())
        }
        "tracer.finding" => {
            document.put("rule.ruleset", "tracer".into());
            document.copy("rule.name", line, "tracer.finding.code");
            document.copy("rule.description", line, "tracer.finding.advice");
            let state = text(line, "tracer.finding.state").unwrap_or("reported");
            ("alert", json!(["info"]), format!("finding-{state}"))
        }
        "tracer.summary" => ("metric", json!(["info"]), "connections-counted".into()),
        "tracer.peer" => ("metric", json!(["info"]), "peer-counted".into()),
        "tracer.not_enough" => ("event", json!(["info"]), "verdict-withheld".into()),
        // It is about the observation: no category of the schema is.
        _ => ("state", Value::Null, "health-told".into()),
    };
    document.put("event.kind", kind.into());
    if !kinds.is_null() {
        document.put("event.category", json!(["network"]));
        document.put("event.type", kinds);
    }
    document.put("event.action", action.into());
    if line.contains_key("k8s.pod.uid") {
        document.put("orchestrator.type", "kubernetes".into());
        document.put("orchestrator.resource.type", "pod".into());
    }
    let [host, pid, started] =
        ["host.name", "process.pid", "process.creation.time"].map(|key| line.get(key));
    if let (Some(host), Some(pid), Some(started)) = (host, pid, started) {
        let [host, started] = [host, started].map(|text| text.as_str().unwrap_or_default());
        document.put("process.entity_id", format!("{host}/{pid}/{started}").into());
    }
}

/// That of syslog, as the journal has it.
const fn code(severity: Severity) -> u8 {
    match severity {
        Severity::Error => 3,
        Severity::Warn => 4,
        Severity::Info => 6,
    }
}

fn text<'a>(line: &'a Fields, key: &str) -> Option<&'a str> {
    line.get(key).and_then(Value::as_str)
}

/// What is being made.
struct Document(Fields);

impl Document {
    /// Sets a field, by its dotted name.
    fn put(&mut self, name: &str, value: Value) {
        let (mut object, mut rest) = (&mut self.0, name);
        while let Some((outer, inner)) = rest.split_once('.') {
            let nested = object.entry(outer).or_insert_with(|| Map::new().into());
            // Nothing is both a value and an object: tests hold that of all keys.
            let Value::Object(nested) = nested else { return };
            (object, rest) = (nested, inner);
        }
        object.insert(rest.to_owned(), value);
    }

    /// Says what a key says once more.
    fn copy(&mut self, name: &str, line: &Fields, key: &str) {
        if let Some(value) = line.get(key) {
            self.put(name, value.clone());
        }
    }
}
