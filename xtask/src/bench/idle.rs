//! What tracer uses while nothing happens, and what else this host did meanwhile.

use super::background::Background;
use super::goal::Goal;
use super::report::{Report, Section};
use super::spread::round;
use super::tools::Tools;
use anyhow::{Context as _, Result, ensure};
use serde_json::json;
use std::fs;
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
    let before = (on_cpu_ns(tracer.pid())?, host_seconds()?);
    let begun = Instant::now();
    thread::sleep(Duration::from_secs_f64(seconds));
    let after = (on_cpu_ns(tracer.pid())?, host_seconds()?);
    let took = begun.elapsed().as_secs_f64();
    let ns = after.0.checked_sub(before.0).context("a thread of tracer has ended")?;
    let own = ns as f64 / 1e9 / took * 100.0;
    let host = (after.1 - before.1) / took * 100.0;
    tracer.stop()?;
    let title = format!("Without load, over {took:.0} s");
    let mut section = Section::new(title, &["tracer, % of a CPU", "all of this host, % of a CPU"]);
    section.row([format!("{own:.3}"), format!("{host:.1}")]);
    report.section(&section);
    report.put("idle", json!({ "tracer_percent": round(own), "host_percent": round(host) }));
    report.measured(Goal::Idle, Some(own));
    Ok(())
}

/// How long all threads of a process were on a CPU, as the scheduler counts it: `stat` counts in
/// hundredths of a second.
fn on_cpu_ns(pid: u32) -> Result<u64> {
    let (mut all, mut threads) = (0, 0);
    for entry in fs::read_dir(format!("/proc/{pid}/task"))? {
        let path = entry?.path().join("schedstat");
        // A thread may end meanwhile.
        let Ok(text) = fs::read_to_string(path) else { continue };
        let first = text.split_whitespace().next().and_then(|word| word.parse::<u64>().ok());
        all += first.context("schedstat has no time")?;
        threads += 1;
    }
    ensure!(threads > 0, "this kernel has no /proc/PID/task/TID/schedstat");
    Ok(all)
}

/// CPU time of everything on this host.
fn host_seconds() -> Result<f64> {
    busy_seconds(&fs::read_to_string("/proc/stat")?).context("/proc/stat has no line of all CPUs")
}

/// User, nice, system, interrupts; not idle, waiting for disks, or stolen, nor what guests use, which
/// is part of user.
fn busy_seconds(text: &str) -> Option<f64> {
    const TICKS_PER_SECOND: f64 = 100.0;
    let line = text.lines().find_map(|line| line.strip_prefix("cpu "))?;
    let fields: Vec<u64> = line.split_whitespace().map_while(|word| word.parse().ok()).collect();
    let [user, nice, system, _idle, _iowait, irq, softirq, ..] = fields[..] else { return None };
    Some((user + nice + system + irq + softirq) as f64 / TICKS_PER_SECOND)
}

#[cfg(test)]
mod tests {
    use super::{busy_seconds, on_cpu_ns};

    #[test]
    fn a_busy_host_is_told_from_an_idle_one() {
        let text = "cpu  100 20 30 9999 8888 4 6 777 0 0\ncpu0 1 1 1 1 1 1 1 0 0 0\n";
        assert_eq!(busy_seconds(text), Some(1.6));
        assert_eq!(busy_seconds("cpu0 1 2 3\n"), None);
    }

    #[test]
    fn time_on_a_cpu_grows_with_work_and_in_steps_below_a_tick() {
        let pid = std::process::id();
        let before = on_cpu_ns(pid).unwrap();
        let sum: u64 = (0..100_000_u64).map(std::hint::black_box).sum();
        assert_eq!(sum, 4_999_950_000);
        // The time of a task that runs is brought up to date when it is let go.
        std::thread::sleep(std::time::Duration::from_millis(1));
        assert!(on_cpu_ns(pid).unwrap() > before);
    }
}
