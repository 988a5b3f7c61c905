//! How fast `tracer replay` judges a recording, and how much memory that takes, for two lengths: what
//! grows with the length is not flat.

use super::background::Background;
use super::goal::Goal;
use super::load::Load;
use super::report::{Report, Section};
use super::resident::highest;
use super::spread::round;
use super::tools::Tools;
use crate::process::{output, run};
use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

/// The recording that is repeated: so many seconds, so many connections a second.
const RECORDED: (u32, u32) = (4, 5000);
const PATIENCE: Duration = Duration::from_secs(30);

struct Replayed {
    records: u64,
    seconds: f64,
    cpu_seconds: f64,
    peak_bytes: u64,
}

/// Replays a quarter of `records`, then all of them.
pub(crate) fn measure(tools: &Tools, records: u64, report: &mut Report) -> Result<()> {
    fs::create_dir_all(&tools.scratch)?;
    let scratch = Scratch(tools.scratch.join(format!("replay-{}", std::process::id())));
    fs::create_dir_all(&scratch.0)?;
    let recorded = scratch.0.join("recorded.trace");
    record(tools, &recorded)?;
    let title = "tracer replay of a repeated recording";
    let head = ["records", "records per s", "CPU, s per million", "peak memory, MiB"];
    let mut section = Section::new(title, &head);
    let (mut lines, mut all) = (Vec::new(), Vec::new());
    for wanted in [records / 4, records] {
        let seen = replay(tools, &recorded, &scratch.0.join("long.trace"), wanted)?;
        let mib = seen.peak_bytes as f64 / f64::from(1 << 20);
        let per_million = seen.cpu_seconds * 1e6 / seen.records as f64;
        section.row([
            seen.records.to_string(),
            format!("{:.0}", seen.records as f64 / seen.seconds),
            format!("{per_million:.2}"),
            format!("{mib:.1}"),
        ]);
        lines.push(json!({
            "records": seen.records, "seconds": round(seen.seconds),
            "cpu_seconds": round(seen.cpu_seconds), "peak_bytes": seen.peak_bytes,
        }));
        all.push(seen);
    }
    report.section(&section);
    report.put("replay", Value::Array(lines));
    let last = all.last();
    // On one core: its CPU time, whatever else this host does.
    let rate = last.map(|seen| seen.records as f64 / seen.cpu_seconds / 1e6);
    report.measured(Goal::ReplayRate, rate);
    let first = all.first().map(|seen| seen.peak_bytes as f64);
    let growth = last.and_then(|last| Some(last.peak_bytes as f64 / first?));
    report.measured(Goal::ReplayMemory, growth);
    Ok(())
}

/// A real recording of a load.
fn record(tools: &Tools, to: &Path) -> Result<()> {
    let (seconds, rate) = RECORDED;
    let duration = format!("{}s", seconds + 2);
    let mut command = Command::new(&tools.tracer);
    command.args(["record", "--duration", &duration]).arg(to);
    let tracer = Background::start(&mut command, 0)?;
    // It writes the head of the file once its hooks are attached.
    let begun = Instant::now();
    while !to.exists() {
        ensure!(begun.elapsed() < PATIENCE, "tracer record has not begun");
        thread::sleep(Duration::from_millis(20));
    }
    Load::Churn { seconds, rate: Some(rate) }.run(tools)?;
    let ended = tracer.wait()?;
    ensure!(ended.status.success(), "tracer record ended with {}", ended.status);
    Ok(())
}

fn replay(tools: &Tools, recorded: &Path, long: &Path, records: u64) -> Result<Replayed> {
    let mut inflate = Command::new(&tools.inflate);
    let said = output(inflate.arg(recorded).arg(long).arg(records.to_string()))?;
    let said: Value = serde_json::from_str(said.trim())?;
    let records = said["records"].as_u64().context("inflate told no number of records")?;
    // In memory, so that no disk is measured.
    run(Command::new("dd").arg(format!("if={}", long.display())).args([
        "of=/dev/null",
        "bs=1M",
        "status=none",
    ]))?;
    let mut command = Command::new(&tools.tracer);
    command.arg("replay").arg(long).args(["--output", "json"]);
    let begun = Instant::now();
    let tracer = Background::start(&mut command, 0)?;
    let mut peak_bytes = 0;
    // The kernel keeps the highest; a process that has ended has none any more, but can still be
    // looked at.
    while let Ok(bytes) = highest(tracer.pid()) {
        peak_bytes = bytes;
        thread::sleep(Duration::from_millis(5));
    }
    ensure!(peak_bytes > 0, "tracer replay ended before its memory could be looked at");
    let seconds = begun.elapsed().as_secs_f64();
    let ended = tracer.wait()?;
    ensure!(ended.status.success(), "tracer replay ended with {}", ended.status);
    fs::remove_file(long)?;
    Ok(Replayed { records, seconds, cpu_seconds: ended.cpu_seconds, peak_bytes })
}

/// A folder that is removed afterwards.
struct Scratch(PathBuf);

impl Drop for Scratch {
    fn drop(&mut self) {
        let _gone = fs::remove_dir_all(&self.0);
    }
}
