//! `tracer.finding`: a verdict with its evidence.

use serde_json::{Map, Number, Value, json};

use super::about;
use super::line::Line;
use crate::aggregate::Who;
use crate::clock::Clock;
use crate::detect::{Also, Consequence, Evidence, State};
use crate::sink::Verdict;

pub(super) fn put(line: &mut Line, verdict: &Verdict<'_>, clock: &Clock) {
    let finding = verdict.finding;
    line.put("tracer.finding.code", finding.code.name());
    line.known("tracer.finding.state", verdict.state.map(State::name));
    line.put("severity_text", finding.severity.name());
    line.put("tracer.finding.confidence", finding.confidence.name());
    line.put("tracer.finding.summary", finding.summary.as_str());
    line.put("tracer.finding.advice", finding.advice.as_str());
    let known = (verdict.identity, finding.runtime.as_ref());
    about::key(line, &finding.key, finding.processes, known, clock);
    line.object("tracer.finding.evidence", measures(&finding.evidence));
    line.put("tracer.finding.ruled_out", finding.ruled_out.as_slice());
    line.put("tracer.finding.doubts", finding.doubts.as_slice());
    let consequences: Vec<_> = finding.consequences.iter().map(consequence).collect();
    line.put("tracer.finding.consequences", consequences);
    line.objects("tracer.finding.also", &finding.also, put_also);
    line.put("tracer.finding.first_seen", clock.timestamp(finding.first_seen_ns));
    line.put("tracer.finding.last_seen", clock.timestamp(finding.last_seen_ns));
    line.put("tracer.finding.examples", finding.examples.as_slice());
}

fn measures(evidence: &[Evidence]) -> impl Iterator<Item = (&'static str, Value)> {
    evidence.iter().filter_map(|measure| Some((measure.name, value(measure)?)))
}

fn consequence(consequence: &Consequence) -> Value {
    let evidence: Map<_, _> =
        measures(&consequence.evidence).map(|(name, value)| (name.to_owned(), value)).collect();
    json!({
        "code": consequence.code.name(),
        "severity_text": consequence.severity.name(),
        "summary": consequence.summary,
        "evidence": evidence,
    })
}

/// Whom else it is about: the pid of a process, the destination, and how many connections.
fn put_also(line: &mut Line, also: &Also) {
    if let Who::Process(id) = also.key.who {
        line.put("process.pid", id.pid);
    }
    if let Some(destination) = also.key.destination {
        about::server(line, destination);
    }
    line.put("connections", also.connections);
}

/// Counts as integers, measures as they are.
fn value(measure: &Evidence) -> Option<Value> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    let Evidence { name, value } = measure;
    let is_count = !["_s", "_share", "_ratio"].iter().any(|suffix| name.ends_with(suffix));
    if is_count && value.fract() == 0.0 && value.abs() <= EXACT {
        #[expect(clippy::cast_possible_truncation, reason = "whole and within 53 bits")]
        return Some(Value::from(*value as i64));
    }
    Number::from_f64(*value).map(Value::Number)
}

#[cfg(test)]
mod tests {
    use crate::sink::json::tests::read;
    use crate::sink::{Item, Verdict, testing};

    #[test]
    fn evidence_counts_are_integers_and_times_are_seconds() {
        let finding = testing::finding();
        let verdict =
            Verdict { at_ns: 5_000_000_000, state: None, finding: &finding, identity: None };
        let line = read(&Item::Finding(verdict));
        assert_eq!(
            line["tracer.finding.evidence"].to_string(),
            concat!(
                r#"{"connections":200,"exchanges":204,"closed_by_us_share":0.99,"#,
                r#""median_idle_before_close_s":0.00034,"dials_per_s":13.3,"received_bytes":260000000}"#
            )
        );
        assert_eq!(line["tracer.finding.examples"].to_string(), "[4107,4109,4112]");
        assert_eq!(line["severity_text"], "WARN");
    }
}
