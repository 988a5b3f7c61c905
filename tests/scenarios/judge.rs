//! Compares what the tracer told of one scene with what it owed. Every record of the scene's ports
//! counts: one too many is as wrong as one too few.

use std::fmt::Write as _;

use serde_json::Value;

use crate::expect::{Life, Record};
use crate::knowledge::Knowledge;

/// A scene that was played.
pub(crate) struct Played {
    /// What its records must say.
    pub(crate) wanted: Vec<Record>,
    /// Ports that no other scene used.
    pub(crate) ports: Vec<u16>,
    /// When it was on.
    pub(crate) life: Life,
}

impl Played {
    /// Whether `line` is about one of its ports.
    pub(crate) fn owns(&self, line: &Value) -> bool {
        ["network.local.port", "network.peer.port"]
            .iter()
            .filter_map(|key| line[*key].as_u64())
            .any(|port| self.ports.iter().any(|own| u64::from(*own) == port))
    }

    /// Everything that is wrong, as text.
    pub(crate) fn judge(&self, told: &[&Value], knowledge: &Knowledge) -> Result<(), String> {
        let mut left: Vec<&Value> = told.iter().copied().filter(|line| self.owns(line)).collect();
        let mut wrong = String::new();
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
