//! `cargo xtask bench`: what tracer costs, beside nothing, beside empty programs on the same hooks, and
//! beside the tools that are installed; all in turn in one run, so that ratios hold where absolute
//! figures do not. This file chooses what is measured; docs/performance.md is the method.

#![expect(dead_code, reason = "figures of memory and of the agent come with their parts")]

mod background;
mod contender;
mod cost;
mod kernel;
mod load;
mod report;
mod runtime;
mod spread;
mod tools;

use crate::process::{is_root, say};
use crate::workspace::Workspace;
use anyhow::{Context as _, Result, bail};
use clap::ValueEnum;
use contender::Contender;
use report::Report;
use std::path::PathBuf;
use tools::Tools;

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Short slices and few rounds: minutes instead of half an hour, and a wider spread.
    #[arg(long)]
    quick: bool,
    /// Write the figures there, too, as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Length of a slice.
    #[arg(long, value_name = "SECONDS")]
    seconds: Option<f64>,
    /// How often each contender has its turn.
    #[arg(long, value_name = "N")]
    rounds: Option<u32>,
    /// Leave out the tools of others.
    #[arg(long)]
    no_peers: bool,
    /// Only this part; may be given more than once.
    #[arg(long = "only", value_enum, value_name = "PART")]
    parts: Vec<Part>,
}

/// What can be measured by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Part {
    /// BPF run time per connection.
    Bpf,
    /// BPF run time per exchange.
    Exchange,
}

pub(crate) fn main(options: &Options) -> Result<()> {
    if !is_root() {
        bail!("loading BPF programs needs root: run `sudo cargo xtask bench`");
    }
    let workspace = Workspace::open()?;
    let tools = Tools::build(&workspace)?;
    let contenders = contenders(options);
    let rounds = options.rounds.unwrap_or(if options.quick { 3 } else { 7 });
    let seconds = options.seconds.unwrap_or(if options.quick { 1.0 } else { 3.0 });
    let wants = |part| options.parts.is_empty() || options.parts.contains(&part);
    let mut report = Report::default();
    let without_baseline: Vec<Contender> =
        contenders.iter().copied().filter(|one| *one != Contender::Baseline).collect();
    if wants(Part::Bpf) {
        cost::connections(&tools, &without_baseline, (rounds, seconds), &mut report)?;
    }
    if wants(Part::Exchange) {
        let own =
            &without_baseline.iter().copied().filter(|one| !one.is_peer()).collect::<Vec<_>>();
        cost::exchanges(&tools, own, (rounds, seconds), &mut report)?;
    }
    report.print();
    if let Some(path) = &options.json {
        let text = serde_json::to_string_pretty(&report.json())?;
        std::fs::write(path, text + "\n")
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

/// Those that can run here. Says which cannot.
fn contenders(options: &Options) -> Vec<Contender> {
    let wanted = Contender::ALL.into_iter().filter(|one| !(options.no_peers && one.is_peer()));
    wanted
        .filter(|contender| {
            let is_installed = contender.is_installed();
            if !is_installed {
                say(format!("bench: {} is not installed: left out", contender.name()));
            }
            is_installed
        })
        .collect()
}
