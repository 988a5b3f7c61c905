//! A line as a document of the Elastic Common Schema, [`VERSION`]. Owns which field says what.
//!
//! Nothing of a line is lost: a key that is ours (`tracer.…`) stays as it is, one that the schema knows is
//! under the schema's name, every other is below `tracer`. Fields of the schema that follow from a line
//! are added. Objects are nested; `log.level` and `ecs.version` are dotted, as by the specification of
//! Elastic's own loggers.
//!
//! It is made of the text of the line, not of its values: tens of thousands of connections may end each
//! second.

mod ends;
mod line;
mod object;
mod outcome;
#[cfg(test)]
mod tests;
mod times;

use super::message::{message, severity};
use crate::detect::Severity;
use ends::Ends;
use line::Line;
use object::{Object, quoted, word};

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
const CLOSED: &str = "tracer.connection.closed";
/// All that the sentence about an ended connection rests on.
const SAID_OF_CLOSED: [&str; 15] = [
    "event.name",
    "severity_text",
    "process.executable.name",
    "process.pid",
    "tracer.subject",
    "network.local.address",
    "network.local.port",
    "network.peer.address",
    "network.peer.port",
    "tracer.role",
    "tracer.close.cause",
    "tracer.close.initiator",
    "tracer.duration_s",
    "tracer.exchanges",
    "tracer.exchanges_basis",
];

/// Appends the document of a line, without a line end.
///
/// # Errors
/// If it is no line of ours.
pub fn document(text: &str, to: &mut Vec<u8>) -> serde_json::Result<()> {
    let line: Line<'_> = serde_json::from_str(text)?;
    let event = line.text("event.name").unwrap_or_default();
    let said = if event == CLOSED { line.fields(&SAID_OF_CLOSED) } else { line.all_fields() };
    let severity = severity(&said);
    let mut document = Object::default();
    document.put_flat("@timestamp", line.get("timestamp").unwrap_or("null"));
    document.put_flat("log.level", level(severity));
    document.put_flat("message", serde_json::to_string(&message(&said))?);
    document.put_flat("ecs.version", quoted(VERSION));
    document.put("event.module", word!("tracer"));
    document.put("event.severity", code(severity));
    describe(&mut document, &line, &event);
    times::put(&mut document, &line, &event);
    let ends = Ends::of(&line, &event);
    ends.put(&mut document, &line);
    process(&mut document, &line);
    for (key, value) in line.iter() {
        if key.starts_with("tracer.") {
            document.put(key, value);
        } else if !FIRST.contains(&key) && !ends.has(key) {
            match RENAMED.iter().find(|(ours, _)| *ours == key) {
                Some((_, theirs)) => document.put(theirs, value),
                None => document.put_below("tracer", key, value),
            }
        }
    }
    document.write(to);
    Ok(())
}

/// What kind of event it is.
fn describe<'a>(document: &mut Object<'a>, line: &Line<'a>, event: &str) {
    let info = Some(r#"["info"]"#);
    let (kind, types, action) = match event {
        CLOSED => {
            let cause = line.text("tracer.close.cause").unwrap_or_default();
            document.put("event.outcome", outcome::of(&cause));
            document.put("event.reason", line.get("tracer.close.cause").unwrap_or("null"));
            (word!("event"), Some(r#"["connection","end"]"#), outcome::action(&cause))
        }
        "tracer.finding" => {
            document.put("rule.ruleset", word!("tracer"));
            for (field, key) in [
                ("rule.name", "tracer.finding.code"),
                ("rule.description", "tracer.finding.advice"),
            ] {
                document.put(field, line.get(key).unwrap_or("null"));
            }
            let action = match line.text("tracer.finding.state").as_deref() {
                Some("begun") => word!("finding-begun"),
                Some("ongoing") => word!("finding-ongoing"),
                Some("ended") => word!("finding-ended"),
                _ => word!("finding-reported"),
            };
            (word!("alert"), info, action)
        }
        "tracer.summary" => (word!("metric"), info, word!("connections-counted")),
        "tracer.peer" => (word!("metric"), info, word!("peer-counted")),
        "tracer.not_enough" => (word!("event"), info, word!("verdict-withheld")),
        // It is about the observation: no category of the schema is.
        _ => (word!("state"), None, word!("health-told")),
    };
    document.put("event.kind", kind);
    if let Some(types) = types {
        document.put("event.category", r#"["network"]"#);
        document.put("event.type", types);
    }
    document.put("event.action", action);
}

/// What follows from whom a line is about.
fn process<'a>(document: &mut Object<'a>, line: &Line<'a>) {
    if line.get("k8s.pod.uid").is_some() {
        document.put("orchestrator.type", word!("kubernetes"));
        document.put("orchestrator.resource.type", word!("pod"));
    }
    let inner = |text: &'a str| text.trim_matches('"');
    if let (Some(host), Some(pid), Some(started)) =
        (line.get("host.name"), line.get("process.pid"), line.get("process.creation.time"))
    {
        let parts = [inner(host), "/", pid, "/", inner(started)];
        document.put("process.entity_id", quoted(&parts.concat()));
    }
}

/// As Elastic's loggers write it.
const fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => word!("error"),
        Severity::Warn => word!("warn"),
        Severity::Info => word!("info"),
    }
}

/// That of syslog, as the journal has it.
const fn code(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "3",
        Severity::Warn => "4",
        Severity::Info => "6",
    }
}
