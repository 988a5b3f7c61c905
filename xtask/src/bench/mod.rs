//! `cargo xtask bench`: what tracer costs, beside nothing, beside empty programs on the same hooks, and
//! beside the tools that are installed; all in turn in one run, so that ratios hold where absolute
//! figures do not. This file chooses what is measured; docs/performance.md is the method.

mod background;
mod contender;
mod cost;
#[cfg(test)]
mod document_tests;
mod goal;
mod idle;
mod kernel;
mod load;
mod memory;
mod replay;
mod report;
mod runtime;
mod smoke;
mod spread;
mod start;
mod throughput;
mod tools;
mod turn;

use crate::process::{is_root, probe, say};
use crate::workspace::Workspace;
use anyhow::{Context as _, Result};
use clap::ValueEnum;
use contender::Contender;
use load::Load;
use report::Report;
use serde_json::{Value, json};
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
    #[arg(long, value_name = "SECONDS")]
    seconds: Option<u32>,
    /// How often each contender has its turn.
    #[arg(long, value_name = "N")]
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
struct Extent {
    rounds: u32,
    seconds: u32,
    /// Of the churn that is to lose nothing.
    long_seconds: u32,
    sockets: &'static [u32],
    idle_seconds: f64,
    records: u64,
}

impl Extent {
    fn of(options: &Options) -> Self {
        let whole = Self {
            rounds: 7,
            seconds: 3,
            long_seconds: 60,
            sockets: &[0, 10_000, 100_000, 1_000_000],
            idle_seconds: 20.0,
            records: 1_000_000,
        };
        let quick = Self {
            rounds: 3,
            seconds: 1,
            long_seconds: 10,
            sockets: &[0, 10_000],
            idle_seconds: 5.0,
            records: 200_000,
        };
        let base = if options.quick { quick } else { whole };
        Self {
            rounds: options.rounds.unwrap_or(base.rounds),
            seconds: options.seconds.unwrap_or(base.seconds),
            ..base
        }
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
    let mut report = Report::default();
    report.put("schema_version", 1.into());
    report.put("host", host());
    let extent = Extent::of(options);
    measure(&tools, options, &extent, &mut report)?;
    report.print();
    if let Some(path) = &options.json {
        let text = serde_json::to_string_pretty(&report.json())?;
        std::fs::write(path, text + "\n")
            .with_context(|| format!("cannot write {}", path.display()))?;
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

fn measure(tools: &Tools, options: &Options, extent: &Extent, report: &mut Report) -> Result<()> {
    let wants = |part| options.parts.is_empty() || options.parts.contains(&part);
    let all = contenders(tools, options);
    let among = |keep: &dyn Fn(Contender) -> bool| -> Vec<Contender> {
        all.iter().copied().filter(|one| keep(*one)).collect()
    };
    let (rounds, seconds) = (extent.rounds, extent.seconds);
    let name = |title: String, key, unit| throughput::Name { title, key, unit };
    if wants(Part::Bpf) {
        let contenders = among(&|one| one != Contender::Baseline);
        cost::connections(tools, &contenders, (rounds, seconds), report)?;
    }
    if wants(Part::Exchange) {
        let contenders = among(&|one| one != Contender::Baseline && !one.is_peer());
        cost::exchanges(tools, &contenders, (rounds, seconds), report)?;
    }
    if wants(Part::Throughput) {
        let load = Load::Churn { seconds, rate: None };
        let title = format!("Churn at full speed ({rounds} rounds of {seconds} s)");
        let name = name(title, "full_speed", "connections");
        let turns = throughput::measure(tools, &all, load, rounds, &name, report)?;
        throughput::full_speed_targets(&turns, load, report);
    }
    if wants(Part::Paced) {
        let load = Load::Churn { seconds, rate: Some(10_000) };
        let title =
            format!("Churn of 10,000 connections a second ({rounds} rounds of {seconds} s)");
        let name = name(title, "paced", "connections");
        throughput::measure(tools, &all, load, rounds, &name, report)?;
    }
    if wants(Part::Busy) {
        let load = Load::Exchange { seconds, connections: cost::BUSY };
        let title =
            format!("{} busy connections that stay ({rounds} rounds of {seconds} s)", cost::BUSY);
        let name = name(title, "busy", "exchanges");
        let contenders = among(&|one| !one.is_peer() && one != Contender::TracerLines);
        throughput::measure(tools, &contenders, load, rounds, &name, report)?;
    }
    if wants(Part::Loss) {
        let load = Load::Churn { seconds: extent.long_seconds, rate: None };
        let title = format!("Churn at full speed for {} s", extent.long_seconds);
        let name = name(title, "loss", "connections");
        let contenders = [Contender::Tracer, Contender::TracerLines];
        let turns = throughput::measure(tools, &contenders, load, 1, &name, report)?;
        throughput::loss_target(&turns, report);
    }
    if wants(Part::Memory) {
        memory::measure(tools, extent.sockets, report)?;
    }
    if wants(Part::Start) {
        start::measure(tools, rounds, report)?;
    }
    if wants(Part::Idle) {
        idle::measure(tools, extent.idle_seconds, report)?;
    }
    if wants(Part::Replay) {
        replay::measure(tools, extent.records, report)?;
    }
    Ok(())
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

/// What the figures are of. Says what makes them worth little.
fn host() -> Value {
    let said = |program: &str, arguments: &[&str]| {
        let text = probe(Command::new(program).args(arguments)).unwrap_or_default();
        text.trim().to_owned()
    };
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let cpus = said("nproc", &[]).parse::<u32>().unwrap_or(1);
    let load = read("/proc/loadavg");
    let load: f64 = load.split(' ').next().and_then(|load| load.parse().ok()).unwrap_or(0.0);
    let sockets = sockets(&read("/proc/net/sockstat")).unwrap_or(0);
    if load > f64::from(cpus) / 2.0 {
        say(format!(
            "bench: the load average is {load} on {cpus} CPUs: throughput and CPU times are worth \
             little, run times are too long"
        ));
    }
    if sockets > BUSY_SOCKETS {
        say(format!(
            "bench: {sockets} TCP sockets are there already: memory and the CPU of tracer are theirs, \
             too"
        ));
    }
    json!({
        "kernel": said("uname", &["-r"]),
        "machine": said("uname", &["-m"]),
        "cpus": cpus,
        "commit": said("git", &["rev-parse", "--short", "HEAD"]),
        "load_average": load,
        "tcp_sockets": sockets,
    })
}

/// More sockets of others than a host has that is left alone.
const BUSY_SOCKETS: u64 = 2000;

/// TCP sockets of all network namespaces.
fn sockets(text: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix("TCP:"))?;
    line.split_once("alloc ")?.1.split(' ').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::sockets;

    #[test]
    fn sockets_of_all_namespaces_are_counted() {
        let text = "sockets: used 9\nTCP: inuse 5 orphan 0 tw 7 alloc 12 mem 1\nUDP: inuse 2\n";
        assert_eq!(sockets(text), Some(12));
        assert_eq!(sockets(""), None);
    }
}
