//! `cargo xtask soak`: the release `tracer` beside a mixed load with faults, for long. Afterwards its
//! memory was flat, every socket end that the load counted was told or counted as lost, the kernel's
//! table is empty again, and however tracer ends, nothing of it stays in the kernel. Then more than
//! can be printed, which must change no total (`overload.rs`).
//!
//! The load runs in a network namespace of its own, so that other traffic of the host is told apart.
//! This file is the order of things; what must hold is in `rules.rs`.

mod cycle;
mod detach;
mod heard;
mod kernel;
mod observer;
mod overload;
mod place;
mod report;
mod rules;
mod samples;
mod table;

use crate::process::{cargo, is_root, run, say};
use crate::workspace::Workspace;
use anyhow::{Context as _, Result, bail};
use observer::{Mode, Observer};
use place::Place;
use report::Report;
use rustix::process::Signal;
use samples::Samples;
use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// In this many cycles or more the load is repeated: memory is compared between cycles, because
/// within one it goes up and down with the load.
const CYCLES: u32 = 8;
const LONGEST_CYCLE: Duration = Duration::from_secs(30);
/// Part of the time that the overload takes, and its bounds.
const OVERLOAD: u32 = 8;
const SHORTEST_OVERLOAD: Duration = Duration::from_secs(8);
const LONGEST_OVERLOAD: Duration = Duration::from_mins(2);

#[derive(clap::Args)]
pub(crate) struct Options {
    /// How long the load lasts.
    #[arg(long, value_name = "N", default_value_t = 30.0, value_parser = minutes)]
    minutes: f64,
    /// Write everything that was measured there, as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

fn minutes(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(minutes @ 0.5..=1440.0) => Ok(minutes),
        _ => Err("a number of minutes from 0.5 to 1440".to_owned()),
    }
}

pub(crate) fn main(options: &Options) -> Result<()> {
    if !is_root() {
        bail!("loading BPF programs needs root: run `sudo cargo xtask soak`");
    }
    let report = soak(&Workspace::open()?, options.minutes)?;
    report.print();
    if let Some(path) = &options.json {
        let text = serde_json::to_string_pretty(&report.json())?;
        fs::write(path, text + "\n").with_context(|| format!("cannot write {}", path.display()))?;
    }
    let broken = report.broken();
    if broken > 0 {
        bail!("{broken} rules were broken, see the table");
    }
    Ok(())
}

/// Copies of the programs, removed in the end: a build beside a long soak must not change what runs.
struct Programs(PathBuf);

impl Programs {
    fn copy(workspace: &Workspace, names: &[&str]) -> Result<Self> {
        let all = Self(workspace.target().join(format!("soak-{}", std::process::id())));
        fs::create_dir_all(&all.0)?;
        for name in names {
            let from = workspace.target().join("release").join(name);
            let copied = fs::copy(&from, all.0.join(name));
            copied.with_context(|| format!("cannot copy {}", from.display()))?;
        }
        Ok(all)
    }
}

impl Drop for Programs {
    fn drop(&mut self) {
        let _gone = fs::remove_dir_all(&self.0);
    }
}

fn soak(workspace: &Workspace, minutes: f64) -> Result<Report> {
    run(cargo().args(["build", "--locked", "--release", "-p", "tracer", "-p", "tracer-bench"]))?;
    let programs = Programs::copy(workspace, &["tracer", "load"])?;
    let [tracer, load] = ["tracer", "load"].map(|name| programs.0.join(name));
    let place = Place::open(&load)?;
    let before = kernel::Objects::all()?;
    let time = Duration::from_secs_f64(minutes * 60.0);
    let cycle = (time / CYCLES).min(LONGEST_CYCLE);
    let mut observer = Observer::start(&tracer, place.number(), Mode::Watch)?;

    let mut samples = Samples::begin(&observer)?;
    let mut ends = cycle::warm_up(&place, cycle / 2, &mut samples)?;
    let began = Instant::now();
    let mut number = 0;
    while began.elapsed() + cycle / 2 < time {
        number += 1;
        let done = cycle::play(&place, cycle, number, &mut samples)?;
        say(format!(
            "soak: {:.0} of {:.0} s, {} socket ends, RSS {:.1} MiB",
            began.elapsed().as_secs_f64(),
            time.as_secs_f64(),
            done.expected(),
            samples.last_rss_mib(),
        ));
        ends.add(&done);
    }
    samples.end();
    let end = detach::stop(&mut observer, Signal::INT, &before)?;
    let heard = observer.finish()?;

    say("soak: as many connections as can be made, and half of the time nobody reads");
    let overload_time = (time / OVERLOAD).clamp(SHORTEST_OVERLOAD, LONGEST_OVERLOAD);
    let overload = overload::play(&tracer, &load, overload_time)?;

    let mut report = Report::new(time, &samples, &ends, heard.counts(), &overload);
    report.rule("load", rules::sound(&ends));
    report.rule("memory", rules::flat(&samples.cycle_medians(), time));
    report.rule("accounted", rules::accounted(&ends, heard.counts(), &samples.left));
    report.rule("table", rules::returned(samples.most_entries(), &samples.left));
    report.rule("dead entries left", rules::no_dead(&samples.left));
    report.rule("overload", rules::overloaded(&overload));
    report.rule("overload, dead entries left", rules::no_dead(&[overload.left]));
    report.rule("SIGINT", rules::gone(Signal::INT, &end));
    report.rule("SIGINT, overload", overload.end);
    for signal in [Signal::TERM, Signal::KILL] {
        let end = detach::under_load(&tracer, &place, signal)?;
        report.rule(
            if signal == Signal::TERM { "SIGTERM" } else { "SIGKILL" },
            rules::gone(signal, &end),
        );
    }
    Ok(report)
}
