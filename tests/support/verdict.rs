//! Holds what the tracer told against what a case expects: the same for a live run and for a replay.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::iter;

use serde_json::Value;

use super::expectation::{Count, Expectation, Party};
use super::report::{int, text};

/// What is wrong, and what was found.
#[derive(Debug, Default)]
pub(crate) struct Judged {
    /// Codes that were told, or `healthy`.
    pub(crate) found: String,
    /// A sentence for each verdict that is missing, too many or about somebody else.
    pub(crate) verdicts: Vec<String>,
    /// A sentence for each count that is not what was counted independently.
    pub(crate) counts: Vec<String>,
}

impl Judged {
    /// Nothing is wrong.
    pub(crate) fn is_right(&self) -> bool {
        self.verdicts.is_empty() && self.counts.is_empty()
    }

    /// All that is wrong.
    pub(crate) fn faults(&self) -> String {
        let faults = self.verdicts.iter().chain(&self.counts);
        faults.fold(String::new(), |mut text, fault| {
            let _infallible = writeln!(text, "{fault}");
            text
        })
    }
}

/// Judges the lines of `--output json`.
pub(crate) fn judge(lines: &[Value], expectation: &Expectation) -> Judged {
    let named = |event: &str| -> Vec<&Value> {
        lines.iter().filter(|line| line["event.name"] == *event).collect()
    };
    let (findings, summaries) = (named("tracer.finding"), named("tracer.summary"));
    let mut judged = Judged { found: found(&findings), ..Judged::default() };
    for party in &expectation.parties {
        verdicts(party, &findings, &mut judged.verdicts);
        counts(party, &summaries, &mut judged.counts);
    }
    let is_expected = |line: &&&Value| expectation.parties.iter().any(|party| party.is_in(line));
    for line in findings.iter().filter(|line| !is_expected(line)) {
        judged.verdicts.push(format!("about nobody of this case: {}", short(line)));
    }
    judged
}

fn found(findings: &[&Value]) -> String {
    let codes: BTreeSet<String> = findings.iter().map(|line| story(line)).collect();
    if codes.is_empty() {
        "healthy".into()
    } else {
        codes.into_iter().collect::<Vec<_>>().join(" ")
    }
}

/// The code of a finding and those of what it leads to: `one-shot>port-pressure`.
fn story(line: &Value) -> String {
    let list = line["tracer.finding.consequences"].as_array();
    let mut leads_to: Vec<&str> =
        list.into_iter().flatten().map(|consequence| text(consequence, "code")).collect();
    leads_to.sort_unstable();
    iter::once(text(line, "tracer.finding.code")).chain(leads_to).collect::<Vec<_>>().join(">")
}

impl Party {
    /// Whether a finding or summary is about it.
    fn is_in(&self, line: &Value) -> bool {
        let is_end = line["tracer.role"] == *self.role && line["server.port"] == self.port;
        let is_process = match line["process.pid"].as_u64() {
            Some(pid) => self.pids.is_empty() || self.pids.iter().any(|own| u64::from(*own) == pid),
            None => self.pids.len() != 1 && line["tracer.subject"] == "executable",
        };
        is_end && is_process && line["server.address"] == *self.address
    }

    fn name(&self) -> String {
        let who = match self.pids[..] {
            [] => "whoever".to_owned(),
            [pid] => format!("process {pid}"),
            _ => format!("{} processes", self.pids.len()),
        };
        format!("{} {who} at {}:{}", self.role, self.address, self.port)
    }
}

fn verdicts(party: &Party, findings: &[&Value], faults: &mut Vec<String>) {
    let own: Vec<&Value> = findings.iter().filter(|line| party.is_in(line)).copied().collect();
    let mut told: Vec<String> = own.iter().map(|line| story(line)).collect();
    let mut wanted = party.codes.clone();
    told.sort_unstable();
    wanted.sort_unstable();
    if told != wanted {
        let said: Vec<String> = own.iter().map(|line| short(line)).collect();
        faults.push(format!("{}: wanted {wanted:?}, told {told:?} {said:#?}", party.name()));
    }
    // A verdict on many must say on how many.
    for line in own.iter().filter(|_| party.pids.len() > 1) {
        let many = party.pids.len() as u64;
        if line["process.pid"].is_null() && int(line, "tracer.processes") != many {
            faults.push(format!("{}: not so many: {}", party.name(), short(line)));
        }
    }
}

fn counts(party: &Party, summaries: &[&Value], faults: &mut Vec<String>) {
    let own: Vec<&Value> = summaries.iter().filter(|line| party.is_in(line)).copied().collect();
    let sum = |key: &str| own.iter().map(|line| int(line, key)).sum::<u64>();
    let mut check = |key: &str, wanted: &Option<Count>| {
        let told = sum(key);
        if let Some(wanted) = wanted
            && !wanted.contains(&told)
        {
            faults.push(format!("{}: {key}: wanted {wanted:?}, told {told}", party.name()));
        }
    };
    check("tracer.connections_opened", &party.connections);
    check("tracer.exchanges", &party.exchanges);
    let (opened, closed) = (sum("tracer.connections_opened"), sum("tracer.connections_closed"));
    if opened != closed + sum("tracer.connections_open") {
        faults.push(format!("{}: begun, ended and open do not add up: {own:?}", party.name()));
    }
}

/// A finding in one line.
fn short(line: &Value) -> String {
    format!(
        "{} {} pid {} at {}:{} as {}: {}",
        line["severity_text"].as_str().unwrap_or("-"),
        text(line, "tracer.finding.code"),
        line["process.pid"],
        line["server.address"].as_str().unwrap_or("-"),
        line["server.port"],
        line["tracer.role"].as_str().unwrap_or("-"),
        text(line, "tracer.finding.summary"),
    )
}
