//! The outcome of a soak, as a table and as JSON.

use super::cycle::Ends;
use super::observer::Heard;
use super::rules::Verdict;
use super::samples::Samples;
use crate::process::print_line;
use comfy_table::presets::UTF8_BORDERS_ONLY;
use comfy_table::{ContentArrangement, Table};
use serde_json::{Value, json};
use std::time::Duration;

/// Columns of the table on a page.
const WIDTH: u16 = 120;

/// What was measured, and which rules hold.
pub(super) struct Report {
    facts: Value,
    rules: Vec<(&'static str, Verdict)>,
}

impl Report {
    pub(super) fn new(time: Duration, samples: &Samples, ends: &Ends, heard: &Heard) -> Self {
        let facts = json!({
            "minutes": time.as_secs_f64() / 60.0,
            "load": {
                "dialled": ends.dialled,
                "accepted": ends.accepted,
                "errors": ends.errors,
                "faults": ends.faults,
            },
            "tracer": {
                "told": heard.told,
                "causes": heard.causes,
                "other_traffic": heard.others,
                "without_namespace": heard.nowhere,
                "lost": heard.lost,
                "evicted": heard.evicted,
                "decode_errors": heard.decode_errors,
                "output_bytes": heard.output,
            },
            "rss_mib_by_cycle": samples.cycle_medians(),
            "samples": samples.all.iter().map(|sample| json!({
                "seconds": sample.seconds,
                "cycle": sample.cycle,
                "rss_kib": sample.rss_kib,
                "entries": sample.entries,
            })).collect::<Vec<_>>(),
        });
        Self { facts, rules: Vec::new() }
    }

    pub(super) fn rule(&mut self, name: &'static str, verdict: Verdict) {
        self.rules.push((name, verdict));
    }
    pub(super) fn broken(&self) -> u32 {
        self.rules.iter().map(|(_, verdict)| u32::from(!verdict.holds)).sum()
    }

    pub(super) fn print(&self) {
        let mut table = Table::new();
        table.load_preset(UTF8_BORDERS_ONLY);
        table.set_header(["rule", "", "seen"]).set_width(WIDTH);
        table.set_content_arrangement(ContentArrangement::Dynamic);
        for (name, Verdict { holds, seen }) in &self.rules {
            table.add_row([*name, if *holds { "holds" } else { "BROKEN" }, seen]);
        }
        print_line(&table.to_string());
    }

    pub(super) fn json(&self) -> Value {
        let rules = self.rules.iter().map(
            |(name, Verdict { holds, seen })| json!({ "rule": name, "holds": holds, "seen": seen }),
        );
        let mut all = self.facts.clone();
        all["rules"] = rules.collect();
        all
    }
}
