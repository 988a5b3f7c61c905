//! The outcome of a soak, as a table and as JSON.

use super::cycle::Ends;
use super::heard::Counts;
use super::overload::Overload;
use super::rules::{Holds, Verdict};
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
    pub(super) fn new(
        time: Duration,
        samples: &Samples,
        ends: &Ends,
        told: &Counts,
        overload: &Overload,
    ) -> Self {
        let facts = json!({
            "minutes": time.as_secs_f64() / 60.0,
            "load": {
                "dialled": ends.dialled,
                "accepted": ends.accepted,
                "errors": ends.errors,
                "faults": ends.faults,
            },
            "tracer": counts(told),
            "overload": {
                "seconds": overload.time.as_secs_f64(),
                "load": { "dialled": overload.ends.dialled, "accepted": overload.ends.accepted,
                          "errors": overload.ends.errors },
                "tracer": counts(&overload.told),
                "peak_mib": overload.peak_mib,
                "dead_entries": overload.left.dead(),
                "outlived": overload.left.outlived,
                "which": overload.left.which,
            },
            "left_after_cycles": samples.left.iter().map(|left| json!({
                "sockets": left.sockets, "entries": left.entries, "dead_entries": left.dead(),
                "outlived": left.outlived,
                "which": left.which,
            })).collect::<Vec<_>>(),
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

    pub(super) fn broken(&self) -> usize {
        self.rules.iter().filter(|(_, verdict)| verdict.holds == Holds::No).count()
    }

    pub(super) fn print(&self) {
        let mut table = Table::new();
        table.load_preset(UTF8_BORDERS_ONLY);
        table.set_header(["rule", "", "seen"]).set_width(WIDTH);
        table.set_content_arrangement(ContentArrangement::Dynamic);
        for (name, Verdict { holds, seen }) in &self.rules {
            table.add_row([*name, holds.word(), seen]);
        }
        print_line(&table.to_string());
    }

    pub(super) fn json(&self) -> Value {
        let rules = self.rules.iter().map(
            |(name, Verdict { holds, seen })| json!({ "rule": name, "holds": holds.known(), "seen": seen }),
        );
        let mut all = self.facts.clone();
        all["rules"] = rules.collect();
        all
    }
}

fn counts(told: &Counts) -> Value {
    json!({
        "lines_of_ends": told.lines,
        "totals_of_ends": told.totals,
        "other_traffic": told.others,
        "without_namespace": told.nowhere,
        "lines_of_health": told.health,
        "lines_of_findings": told.findings,
        "lost": told.lost,
        "evicted": told.evicted,
        "decode_errors": told.decode_errors,
        "output_bytes": told.output,
    })
}
