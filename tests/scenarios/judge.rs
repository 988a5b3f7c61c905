//! Compares what the tracer told of one scene with what it owed. Every record of the scene's ports
//! counts: one too many is as wrong as one too few.

use std::fmt::Write as _;
use std::process;

use serde_json::Value;

use crate::expect::{Life, Record};
use crate::knowledge::Knowledge;
use crate::support::report::Report;

/// What the summary of this process towards one destination owes.
pub(crate) struct Summary {
    /// `client` or `server`.
    pub(crate) role: &'static str,
    /// Port of the destination.
    pub(crate) port: u16,
    /// Keys and values.
    pub(crate) owed: Vec<(&'static str, Value)>,
}

impl Summary {
    fn faults(&self, report: &Report, knowledge: &Knowledge) -> String {
        let all = report.summaries(process::id(), self.port);
        let is_it = |line: &&&Value| match line["tracer.role"].as_str() {
            Some(role) => role == self.role,
            None => knowledge.may_lack_the_role_of_earlier_ones(self.role),
        };
        let found: Vec<_> = all.iter().filter(is_it).collect();
        let [told] = found[..] else {
            return format!("not one summary of the {} but of these: {all:?}\n", self.role);
        };
        let wrong = self.owed.iter().filter(|(key, value)| told[*key] != *value);
        wrong.fold(String::new(), |mut text, (key, value)| {
            let _infallible = writeln!(text, "{key}: wanted {value}, told {}", told[*key]);
            text
        })
    }
}

/// A scene that was played.
pub(crate) struct Scene {
    /// What its records must say.
    pub(crate) wanted: Vec<Record>,
    /// What its summaries must say.
    pub(crate) summaries: Vec<Summary>,
    /// Ports that no other scene used.
    pub(crate) ports: Vec<u16>,
    /// When it was on.
    pub(crate) life: Life,
}

impl Scene {
    /// Whether `line` is about one of its ports.
    pub(crate) fn owns(&self, line: &Value) -> bool {
        ["network.local.port", "network.peer.port"]
            .iter()
            .filter_map(|key| line[*key].as_u64())
            .any(|port| self.ports.iter().any(|own| u64::from(*own) == port))
    }

    /// Everything that is wrong, as text.
    pub(crate) fn judge(&self, report: &Report, knowledge: &Knowledge) -> Result<(), String> {
        let mut left = report.connections();
        left.retain(|line| self.owns(line));
        let mut wrong = String::new();
        for summary in &self.summaries {
            wrong.push_str(&summary.faults(report, knowledge));
        }
        for wanted in &self.wanted {
            let wanted = knowledge.temper(wanted.clone());
            let nearest = (0..left.len()).min_by_key(|at| wanted.distance(left[*at], &self.life));
            let Some(nearest) = nearest else {
                if !knowledge.may_be_missing(&wanted) {
                    let _infallible = writeln!(wrong, "no record was told of {wanted:?}");
                }
                continue;
            };
            let line = left.remove(nearest);
            let faults = wanted.faults(line, &self.life);
            if !faults.is_empty() {
                let _infallible = writeln!(wrong, "{}\n  in {line}", faults.join("\n"));
            }
        }
        for line in left {
            let _infallible = writeln!(wrong, "one record too many: {line}");
        }
        if wrong.is_empty() { Ok(()) } else { Err(wrong) }
    }
}
