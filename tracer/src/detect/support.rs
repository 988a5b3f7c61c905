//! Histories in, findings out, for the tests of the detectors.

use std::collections::BTreeMap;

use super::{Cause, Code, Confidence, Finding, Judge, Severity, Thresholds};
use crate::aggregate::support::{Build, MILLI, SECOND, ticks};
use crate::aggregate::{Identities, Key, Limits, Who};
use crate::connection::{Connection, Role};
use crate::process::{Identity, ProcessId};

/// A judge that has seen `history` in ticks of a second, `seconds` of them.
pub(super) fn judge(history: &[Connection], until_s: u64, identities: &dyn Identities) -> Judge {
    judged_since(0, history, until_s, identities)
}

/// The same, beginning `from_s` seconds into the history.
pub(super) fn judged_since(
    from_s: u64,
    history: &[Connection],
    until_s: u64,
    identities: &dyn Identities,
) -> Judge {
    let mut begun = Judge::new(from_s * SECOND, Limits::default(), Thresholds::default());
    for tick in ticks(history, until_s * SECOND) {
        if tick.now_ns > from_s * SECOND {
            begun.fold(&tick, identities);
        }
    }
    begun
}

/// Findings about `history` over `seconds`, nothing known of the processes but their `comm`.
pub(super) fn findings(history: &[Connection], seconds: u64) -> Vec<Finding> {
    judge(history, seconds, &BTreeMap::<ProcessId, Identity>::new()).findings(0)
}

/// Their codes.
pub(super) fn codes(history: &[Connection], seconds: u64) -> Vec<Code> {
    findings(history, seconds).iter().map(|finding| finding.code).collect()
}

/// Whether `code` is not among the findings, whatever else is.
pub(super) fn lacks(code: Code, history: &[Connection], seconds: u64) -> bool {
    !codes(history, seconds).contains(&code)
}

/// The only finding about `history`.
pub(super) fn only(history: &[Connection], seconds: u64) -> Finding {
    let mut findings = findings(history, seconds);
    assert_eq!(findings.len(), 1, "{findings:#?}");
    findings.remove(0)
}

/// The value of a measure; NaN if it is absent.
pub(super) fn measure(finding: &Finding, name: &str) -> f64 {
    finding.evidence.iter().find(|e| e.name == name).map_or(f64::NAN, |e| e.value)
}

/// `count` connections one after another, a new one every `every_ms`, open for half of that.
pub(super) fn one_by_one(
    count: u64,
    every_ms: u64,
    shape: impl Fn(Build) -> Build,
) -> Vec<Connection> {
    (0..count)
        .map(|n| {
            let opened_ns = n * every_ms * MILLI + 1;
            shape(Build::client().at(opened_ns, opened_ns + every_ms * MILLI / 2)).end()
        })
        .collect()
}

/// A finding with nothing in it.
pub(super) fn blank(code: Code, severity: Severity) -> Finding {
    let key = Key { who: Who::Unknown, role: Some(Role::Client), destination: None, netns: 1 };
    Finding {
        also: Vec::new(),
        cause: Cause::new(code, &key, ""),
        code,
        key,
        severity,
        confidence: Confidence::High,
        doubts: Vec::new(),
        connections: 0,
        summary: String::new(),
        advice: String::new(),
        evidence: Vec::new(),
        ruled_out: Vec::new(),
        consequences: Vec::new(),
        first_seen_ns: 0,
        last_seen_ns: 0,
        examples: Vec::new(),
        runtime: None,
        processes: 0,
    }
}
