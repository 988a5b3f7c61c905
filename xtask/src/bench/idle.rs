//! What tracer uses while nothing happens.

use super::background::Background;
use super::goal::Goal;
use super::report::{Report, Section};
use super::spread::round;
use super::tools::Tools;
use super::turn::busy_seconds;
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
    let (own, host, begun) = (tracer.cpu_seconds()?, busy_seconds()?, Instant::now());
    thread::sleep(Duration::from_secs_f64(seconds));
    let took = begun.elapsed().as_secs_f64();
    let percent = |seconds: f64| seconds * 100.0 / took;
    let own = percent(tracer.cpu_seconds()? - own);
    let host = percent(busy_seconds()? - host);
    tracer.stop()?;
    let title = format!("Without load, over {took:.0} s");
    let mut section = Section::new(title, &["tracer, % of a CPU", "host with it, % of a CPU"]);
    section.row([format!("{own:.2}"), format!("{host:.1}")]);
    report.section(&section);
    report.put("idle", json!({ "tracer_percent": round(own), "host_percent": round(host) }));
    report.measured(Goal::Idle, Some(own));
    Ok(())
}
