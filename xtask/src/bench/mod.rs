//! `cargo xtask bench`: what tracer costs, beside nothing, beside empty programs on the same hooks, and
//! beside the tools that are installed; all in turn in one run, so that ratios hold where absolute
//! figures do not. This file chooses what is measured; docs/performance.md is the method.

mod background;
mod contender;
mod cost;
#[cfg(test)]
mod document_tests;
mod goal;
mod host;
mod idle;
mod kernel;
mod load;
mod memory;
mod replay;
mod report;
mod resident;
mod runtime;
mod slab;
mod smoke;
mod spread;
mod start;
mod throughput;
mod tools;
mod turn;

use crate::process::{is_root, probe, say};
use crate::workspace::Workspace;
use anyhow::{Context as _, Result, bail};
use clap::ValueEnum;
use contender::Contender;
use load::Load;
use report::Report;
use std::fmt;
use std::path::PathBuf;
use std::process::Command;
use tools::{Profile, Tools};

/// This machine does not let us load BPF programs; not a fault of the sources. Exit code 3.
#[derive(Debug)]
pub(crate) struct NoBpf(String);

impl fmt::Display for NoBpf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for NoBpf {}

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Short slices and few rounds: some minutes instead of some thirty, and a wider spread.
    #[arg(long)]
    quick: bool,
    /// Write the figures to a file, too.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Length of a slice.
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    seconds: Option<u32>,
    /// How often each contender has its turn.
    #[arg(long, value_name = "N", value_parser = rounds)]
    rounds: Option<u32>,
    /// Leave out the tools of others.
    #[arg(long)]
    no_peers: bool,
    /// Only this part; may be given more than once.
    #[arg(long = "only", value_enum, value_name = "PART")]
    parts: Vec<Part>,
    /// Only what `cargo xtask test` asks for: fail if the BPF programs have become dear.
    #[arg(long, conflicts_with_all = ["quick", "json", "seconds", "rounds", "no_peers", "parts"])]
    smoke: bool,
}

fn seconds(text: &str) -> Result<u32, String> {
    at_least_one(text, 3600).ok_or("a slice takes a whole number of seconds, 1 to 3600".to_owned())
}

fn rounds(text: &str) -> Result<u32, String> {
    at_least_one(text, 1000).ok_or("a median takes a whole number of rounds, 1 to 1000".to_owned())
}

fn at_least_one(text: &str, most: u32) -> Option<u32> {
    text.parse().ok().filter(|number| (1..=most).contains(number))
}

/// What can be measured by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Part {
    /// BPF run time per connection.
    Bpf,
    /// BPF run time per exchange.
    Exchange,
    /// Connections per second, CPU time, losses, at full speed.
    Throughput,
    /// The same at 10,000 a second.
    Paced,
    /// Exchanges per second.
    Busy,
    /// Losses at full speed, for long.
    Loss,
    /// Memory with up to a million sockets.
    Memory,
    /// Time to begin.
    Start,
    /// CPU time without load.
    Idle,
    /// Speed and memory of `tracer replay`.
    Replay,
}

/// How much of each.
#[derive(Clone, Copy)]
struct Extent {
    rounds: u32,
    seconds: u32,
    /// Of the churn that is to lose nothing.
    long_seconds: u32,
    sockets: &'static [memory::Row],
    idle_seconds: f64,
    records: u64,
    /// Whether it is enough for a verdict on a target.
    is_judged: bool,
}

/// Fewer rounds or shorter slices say too little for a verdict.
const JUDGED: (u32, u32) = (5, 3);

impl Extent {
    fn of(options: &Options) -> Self {
        let whole = Self {
            rounds: 7,
            seconds: 3,
            long_seconds: 60,
            sockets: &memory::ALL,
            idle_seconds: 20.0,
            records: 1_000_000,
            is_judged: true,
        };
        let quick = Self {
            rounds: 3,
            seconds: 1,
            long_seconds: 10,
            sockets: memory::FEW,
            idle_seconds: 20.0,
            records: 200_000,
            is_judged: false,
        };
        let base = if options.quick { quick } else { whole };
        let rounds = options.rounds.unwrap_or(base.rounds);
        let seconds = options.seconds.unwrap_or(base.seconds);
        let is_judged = base.is_judged && rounds >= JUDGED.0 && seconds >= JUDGED.1;
        Self { rounds, seconds, is_judged, ..base }
    }
}

/// What a change may make dear without anybody noticing; fails if it has.
pub(crate) fn smoke(workspace: &Workspace) -> Result<()> {
    smoke::main(&ready(workspace, Profile::Debug)?)
}

pub(crate) fn main(options: &Options) -> Result<()> {
    let workspace = Workspace::open()?;
    if options.smoke {
        return smoke(&workspace);
    }
    let tools = ready(&workspace, Profile::Release)?;
    let extent = Extent::of(options);
    let mut report = Report::new(extent.is_judged);
    report.put("schema_version", 1.into());
    report.put("host", host::told());
    let bench = Bench { tools: &tools, extent, contenders: contenders(&tools, options) };
    let wants = |part: &Part| options.parts.is_empty() || options.parts.contains(part);
    let mut faults = Vec::new();
    for part in Part::value_variants().iter().filter(|part| wants(part)) {
        if let Err(error) = bench.measure(*part, &mut report) {
            say(format!("bench: {part:?} could not be measured: {error:#}"));
            faults.push(format!("{part:?}"));
        }
    }
    report.print_targets();
    if let Some(path) = &options.json {
        let text = serde_json::to_string_pretty(&report.json())?;
        std::fs::write(path, text + "\n")
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    if !faults.is_empty() {
        bail!("not everything could be measured: {}", faults.join(", "));
    }
    if !report.errors().is_empty() {
        bail!("tracer told what was not: {}", report.errors().join("; "));
    }
    Ok(())
}

/// Everything built, on a machine that can run it.
fn ready(workspace: &Workspace, profile: Profile) -> Result<Tools> {
    if !is_root() {
        let text = "loading BPF programs needs root: run `sudo cargo xtask bench`";
        return Err(NoBpf(text.to_owned()).into());
    }
    let tools = Tools::build(workspace, profile)?;
    // Says itself what is missing, in one sentence.
    if probe(Command::new(&tools.tracer).args(["check", "--output", "json"])).is_none() {
        let text = "tracer cannot trace on this machine: `tracer check` says why";
        return Err(NoBpf(text.to_owned()).into());
    }
    Ok(tools)
}

/// What is measured with.
struct Bench<'a> {
    tools: &'a Tools,
    extent: Extent,
    contenders: Vec<Contender>,
}

impl Bench<'_> {
    fn measure(&self, part: Part, report: &mut Report) -> Result<()> {
        let Extent { rounds, seconds, long_seconds, sockets, idle_seconds, records, .. } =
            self.extent;
        let tools = self.tools;
        let name = |title: String, key, unit| throughput::Name { title, key, unit };
        let times = format!("{rounds} rounds of {seconds} s");
        match part {
            Part::Bpf => {
                let contenders = self.among(|one| one != Contender::Baseline);
                cost::connections(tools, &contenders, (rounds, seconds), report)
            }
            Part::Exchange => {
                let contenders = self.among(|one| one != Contender::Baseline && !one.is_peer());
                cost::exchanges(tools, &contenders, (rounds, seconds), report)
            }
            Part::Throughput => {
                let load = Load::Churn { seconds, rate: None };
                let name =
                    name(format!("Churn at full speed ({times})"), "full_speed", "connections");
                let turns =
                    throughput::measure(tools, &self.contenders, load, rounds, &name, report)?;
                throughput::full_speed_targets(&turns, load, report);
                Ok(())
            }
            Part::Paced => {
                let load = Load::Churn { seconds, rate: Some(10_000) };
                let title = format!("Churn of 10,000 connections a second ({times})");
                let name = name(title, "paced", "connections");
                throughput::measure(tools, &self.contenders, load, rounds, &name, report)?;
                Ok(())
            }
            Part::Busy => {
                let load = Load::Exchange { seconds, connections: cost::BUSY };
                let title = format!("{} busy connections that stay ({times})", cost::BUSY);
                let name = name(title, "busy", "exchanges");
                let contenders = self.among(|one| !one.is_peer() && one != Contender::TracerLines);
                throughput::measure(tools, &contenders, load, rounds, &name, report)?;
                Ok(())
            }
            Part::Loss => {
                let load = Load::Churn { seconds: long_seconds, rate: None };
                let title = format!("Churn at full speed for {long_seconds} s");
                let name = name(title, "loss", "connections");
                let contenders = [Contender::Tracer, Contender::TracerLines];
                let turns = throughput::measure(tools, &contenders, load, 1, &name, report)?;
                throughput::loss_targets(&turns, report);
                Ok(())
            }
            Part::Memory => memory::measure(tools, sockets, report),
            Part::Start => start::measure(tools, rounds, report),
            Part::Idle => idle::measure(tools, idle_seconds, report),
            Part::Replay => replay::measure(tools, records, report),
        }
    }

    fn among(&self, keep: impl Fn(Contender) -> bool) -> Vec<Contender> {
        self.contenders.iter().copied().filter(|one| keep(*one)).collect()
    }
}

/// Those that can run here. Says which cannot, and why.
fn contenders(tools: &Tools, options: &Options) -> Vec<Contender> {
    let wanted = Contender::ALL.into_iter().filter(|one| !(options.no_peers && one.is_peer()));
    wanted
        .filter(|contender| {
            if !contender.is_peer() {
                return true;
            }
            let fault = if contender.is_installed() {
                contender.start(tools).err().map(|error| format!("{error:#}"))
            } else {
                Some("it is not installed".to_owned())
            };
            if let Some(fault) = &fault {
                say(format!("bench: {} is left out: {fault}", contender.name()));
            }
            fault.is_none()
        })
        .collect()
}
