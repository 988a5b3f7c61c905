//! What tracer uses while nothing happens.

use super::background::Background;
use super::goal::Goal;
use super::report::{Report, Section};
use super::spread::round;
use super::tools::Tools;
use anyhow::Result;
use serde_json::json;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(30);
/// What belongs to the start is over by then.
const STARTED: Duration = Duration::from_secs(2);

/// Watches it do nothing.
pub(crate) fn measure(tools: &Tools, seconds: f64, report: &mut Report) -> Result<()> {
    let mut command = Command::new(&tools.tracer);
    let mut tracer = Background::start(command.args(["diagnose", "--output", "json"]), 1)?;
    tracer.line(PATIENCE)?;
    thread::sleep(STARTED);
    let (before, begun) = (tracer.cpu_seconds()?, Instant::now());
    thread::sleep(Duration::from_secs_f64(seconds));
    let took = begun.elapsed().as_secs_f64();
    let own = (tracer.cpu_seconds()? - before) * 100.0 / took;
    tracer.stop()?;
    let mut section =
        Section::new(format!("Without load, over {took:.0} s"), &["tracer, % of a CPU"]);
    section.row([format!("{own:.2}")]);
    report.section(&section);
    report.put("idle", json!({ "tracer_percent": round(own) }));
    report.measured(Goal::Idle, Some(own));
    Ok(())
}
