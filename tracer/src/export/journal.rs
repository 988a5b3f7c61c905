//! A line as an entry of the systemd journal: a sentence, how severe it is, which event, and a field for
//! each key. Says what `docs/agent.md` says about them.
//!
//! It names no process by `OBJECT_PID`: the journal would add that process' command line to the entry, and
//! arguments hold secrets.

use serde_json::Value;

use super::message::{Fields, message, severity};
use crate::detect::Severity;
use crate::sink::table::escape;

/// Event → `MESSAGE_ID`. They never change: readers, and the catalog in `fleet/journald`, know them.
pub const IDS: [(&str, &str); 6] = [
    ("tracer.connection.closed", "724706cf5233463c8c147be17a9101a5"),
    ("tracer.summary", "751d9f6a82a04c4d95f73449f3c2015a"),
    ("tracer.peer", "b91c16ec91f441f1927f2529c24f7075"),
    ("tracer.finding", "23a05412e4eb4843bb61d66e3faec6e5"),
    ("tracer.not_enough", "c5d977d9a5af45268fde9a533b616b06"),
    ("tracer.health", "054826f5da1e4bf7aaddf7962e04dace"),
];

/// What the journal takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// `MESSAGE`: one sentence; of a finding also what to change.
    pub message: String,
    /// What `PRIORITY` is made of.
    pub severity: Severity,
    /// All other fields: names of at most 64 of `A-Z0-9_`, beginning with a letter.
    pub fields: Vec<(String, String)>,
}

/// The entry of a line.
#[must_use]
pub fn entry(line: &Fields) -> Entry {
    let known = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
    let text = |key: &str| line.get(key).and_then(Value::as_str);
    let mut fields = vec![known(("SYSLOG_IDENTIFIER", "tracer")), known(("SYSLOG_FACILITY", "3"))];
    let event = IDS.iter().find(|(event, _)| text("event.name") == Some(event));
    fields.extend(event.map(|(_, id)| known(("MESSAGE_ID", id))));
    let unit = text("process.linux.cgroup").and_then(unit);
    fields.extend(unit.map(|unit| known(("OBJECT_SYSTEMD_UNIT", unit))));
    fields.extend(line.iter().map(|(key, value)| (name(key), plain(value))));
    let mut message = message(line);
    if let Some(advice) = text("tracer.finding.advice") {
        message = format!("{message} {}", escape(advice));
    }
    Entry { message, severity: severity(line), fields }
}

/// Name of the field of a key.
fn name(key: &str) -> String {
    let key = key.strip_prefix("tracer.").unwrap_or(key);
    let upper = key.chars().map(|letter| match letter {
        'a'..='z' => letter.to_ascii_uppercase(),
        'A'..='Z' | '0'..='9' => letter,
        _ => '_',
    });
    "TRACER_".chars().chain(upper).take(64).collect()
}

/// Text as it is, all else as JSON.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// The service of a control group as systemd names it: the first unit that is no slice.
fn unit(cgroup: &str) -> Option<&str> {
    fn kind(part: &str) -> Option<&str> {
        part.rsplit_once('.').map(|(_, kind)| kind)
    }
    let mut parts = cgroup.split('/').filter(|part| !part.is_empty());
    parts.find(|part| kind(part) != Some("slice")).filter(|part| kind(part) == Some("service"))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::export::testing::{fields, items};
    use crate::sink::json::schema::all_lines;

    const SCHEMA: &str = include_str!("../../../docs/schema.json");
    const DOCUMENT: &str = include_str!("../../../docs/agent.md");
    const CATALOG: &str = include_str!("../../../fleet/journald/tracer.catalog");

    fn field<'a>(entry: &'a Entry, name: &str) -> Option<&'a str> {
        let mut found = entry.fields.iter().filter(|(field, _)| field == name);
        let first = found.next().map(|(_, value)| value.as_str());
        assert_eq!(found.next(), None, "{name} is there once");
        first
    }

    #[test]
    fn each_event_has_an_identity_of_its_own_that_the_document_and_the_catalog_know() {
        let schema: Value = serde_json::from_str(SCHEMA).unwrap();
        let events = schema["$defs"]["event.name"]["enum"].as_array().unwrap();
        let events: BTreeSet<_> = events.iter().map(|event| event.as_str().unwrap()).collect();
        assert_eq!(IDS.iter().map(|(event, _)| *event).collect::<BTreeSet<_>>(), events);
        assert_eq!(IDS.iter().map(|(_, id)| *id).collect::<BTreeSet<_>>().len(), IDS.len());
        for (event, id) in IDS {
            assert!(id.len() == 32 && id.bytes().all(|digit| digit.is_ascii_hexdigit()), "{id}");
            assert!(DOCUMENT.contains(&format!("| `{event}` | `{id}` |")), "{event}");
            assert!(CATALOG.contains(&format!("-- {id}\n")), "{event}");
        }
    }

    #[test]
    fn every_key_of_every_line_is_a_field_of_its_own_with_the_same_value() {
        for line in all_lines() {
            let entry = entry(line.as_object().unwrap());
            let names: BTreeSet<_> = entry.fields.iter().map(|(name, _)| name.as_str()).collect();
            assert_eq!(names.len(), entry.fields.len(), "no two keys share one");
            for name in &names {
                assert!(
                    name.len() < 64 && name.starts_with(|first: char| first.is_ascii_uppercase())
                );
            }
            for (key, value) in line.as_object().unwrap() {
                let told = field(&entry, &name(key)).unwrap();
                match value {
                    Value::String(text) => assert_eq!(told, text),
                    other => assert_eq!(&serde_json::from_str::<Value>(told).unwrap(), other),
                }
            }
            assert!(!names.iter().any(|name| name.starts_with("OBJECT_PID")));
        }
    }

    #[test]
    fn names_are_those_that_the_document_tells() {
        assert_eq!(name("tracer.close.cause"), "TRACER_CLOSE_CAUSE");
        assert_eq!(name("process.pid"), "TRACER_PROCESS_PID");
        assert_eq!(name("host.name"), "TRACER_HOST_NAME");
        assert_eq!(name(&"x".repeat(100)).len(), 64);
    }

    #[test]
    fn a_finding_says_what_to_change_and_is_as_severe_as_it_is() {
        let entries = items(|item| entry(&fields(item)));
        let severities: Vec<_> = entries.iter().map(|entry| entry.severity.name()).collect();
        assert_eq!(severities, ["INFO", "INFO", "INFO", "INFO", "WARN", "INFO"]);
        let finding = &entries[4];
        assert!(finding.message.contains("right after the answer: 200 connections for 204"));
        assert!(finding.message.ends_with("check that keep-alives are not switched off."));
        assert_eq!(field(finding, "TRACER_PROCESS_PID"), Some("4711"));
        assert_eq!(field(finding, "SYSLOG_IDENTIFIER"), Some("tracer"));
    }

    #[test]
    fn an_entry_is_of_the_unit_of_the_process() {
        assert_eq!(unit("/system.slice/checkout.service"), Some("checkout.service"));
        let nested = "/system.slice/system-app.slice/app@1.service/payload";
        assert_eq!(unit(nested), Some("app@1.service"));
        let user = "/user.slice/user-1000.slice/user@1000.service/app.slice/x.service";
        assert_eq!(unit(user), Some("user@1000.service"));
        assert_eq!(unit("/system.slice/docker-4fa6.scope/x.service"), None);
        assert_eq!(unit("/user.slice"), None);
        let redacted = "/system.slice/system-sshd.slice/sshd@redacted.service";
        assert_eq!(unit(redacted), Some("sshd@redacted.service"));
        let entries = items(|item| entry(&fields(item)));
        assert_eq!(field(&entries[1], "OBJECT_SYSTEMD_UNIT"), Some("checkout.service"));
    }
}
