//! A line as a log record. Nothing of it is left out: what OTLP has a field for goes there, the host
//! into the resource, and all other keys are attributes under their own names.

use jiff::Timestamp;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
pub use opentelemetry_proto::tonic::logs::v1::LogRecord as Record;
use opentelemetry_proto::tonic::logs::v1::{ResourceLogs, ScopeLogs, SeverityNumber};
use opentelemetry_proto::tonic::resource::v1::Resource;
use serde_json::Value;

use super::value::{attribute, string};
use crate::detect::Severity;
use crate::export::message::{Fields, message, severity};

/// Keys that are fields of a record, or of the resource.
const FIELDS: [&str; 4] = ["timestamp", "event.name", "host.name", "severity_text"];

/// The record of a line that was observed at a time in nanoseconds since 1970.
#[must_use]
pub fn of_line(line: &Fields, observed_unix_ns: u64) -> Record {
    let severity = severity(line);
    let text = |key: &str| line.get(key).and_then(Value::as_str);
    let attributes = line.iter().filter(|(key, _)| !FIELDS.contains(&key.as_str()));
    Record {
        time_unix_nano: text("timestamp").and_then(unix_ns).unwrap_or_default(),
        observed_time_unix_nano: observed_unix_ns,
        severity_number: number(severity).into(),
        severity_text: severity.name().to_owned(),
        body: Some(string(message(line))),
        attributes: attributes.map(|(key, value)| attribute(key, value)).collect(),
        event_name: text("event.name").unwrap_or_default().to_owned(),
        ..Record::default()
    }
}

/// All that is sent at once.
#[must_use]
pub fn of_records(resource: &Resource, log_records: Vec<Record>) -> ExportLogsServiceRequest {
    let scope_logs =
        vec![ScopeLogs { scope: Some(super::scope()), log_records, ..ScopeLogs::default() }];
    let resource = Some(resource.clone());
    ExportLogsServiceRequest {
        resource_logs: vec![ResourceLogs { resource, scope_logs, ..ResourceLogs::default() }],
    }
}

fn unix_ns(text: &str) -> Option<u64> {
    u64::try_from(text.parse::<Timestamp>().ok()?.as_nanosecond()).ok()
}

const fn number(severity: Severity) -> SeverityNumber {
    match severity {
        Severity::Info => SeverityNumber::Info,
        Severity::Warn => SeverityNumber::Warn,
        Severity::Error => SeverityNumber::Error,
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;

    use super::*;
    use crate::export::testing::{fields, items};

    #[test]
    fn a_record_of_each_kind_has_every_key_of_its_line() {
        let kinds = items(|item| {
            let line = fields(item);
            let record = of_line(&line, 7);
            let told: Vec<_> = record.attributes.iter().map(|told| told.key.as_str()).collect();
            let mut wanted: Vec<_> = line.keys().map(String::as_str).collect();
            wanted.retain(|key| !FIELDS.contains(key));
            assert_eq!(told, wanted, "in their order");
            assert_eq!(record.event_name, line["event.name"]);
            assert_eq!(record.observed_time_unix_nano, 7);
            assert!(record.time_unix_nano >= 1_700_000_000_000_000_000, "{line:?}");
            assert_eq!(record.body, Some(string(message(&line))));
            record.event_name
        });
        assert_eq!(kinds.len(), 6);
    }

    #[test]
    fn a_finding_is_a_warning_with_nested_evidence_at_its_nanosecond() {
        let record = items(|item| of_line(&fields(item), 0)).remove(4);
        assert_eq!(record.severity_text, "WARN");
        assert_eq!(record.severity_number, SeverityNumber::Warn as i32);
        assert_eq!(record.time_unix_nano, 1_700_000_005_000_000_000);
        let key = "tracer.finding.evidence";
        let evidence = record.attributes.into_iter().find(|attribute| attribute.key == key);
        let Some(Any::KvlistValue(evidence)) = evidence.unwrap().value.unwrap().value else {
            unreachable!()
        };
        let connections = evidence.values.into_iter().find(|value| value.key == "connections");
        assert_eq!(connections.unwrap().value.unwrap().value, Some(Any::IntValue(200)));
    }

    #[test]
    fn a_time_that_is_none_is_no_time() {
        let line: Fields = serde_json::from_str(r#"{"timestamp":"today"}"#).unwrap();
        assert_eq!(of_line(&line, 1).time_unix_nano, 0);
    }
}
