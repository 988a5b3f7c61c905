//! What tracer uses while nothing happens, and what else this host did meanwhile.

use super::background::Background;
use super::goal::Goal;
use super::report::{Report, Section};
use super::spread::round;
use super::tools::Tools;
use crate::process::say;
use anyhow::{Context as _, Result};
use nix::time::{clock_getcpuclockid, clock_gettime};
use nix::unistd::Pid;
use serde_json::json;
use std::fs;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(30);
/// What belongs to the start is over by then.
const STARTED: Duration = Duration::from_secs(2);
/// A shorter time does not have each of what comes only now and then: the walk every ten seconds.
const LONG: f64 = 20.0;
/// What else this host may use, % of a CPU: its connections are work of tracer, too.
const QUIET: f64 = 10.0;

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
    let ns = after.0.checked_sub(before.0).context("a clock went back")?;
    let own = ns as f64 / 1e9 / took * 100.0;
    let host = (after.1 - before.1) / took * 100.0;
    tracer.stop()?;
    let title = format!("Without load, over {took:.0} s");
    let mut section = Section::new(title, &["tracer, % of a CPU", "all of this host, % of a CPU"]);
    section.row([format!("{own:.3}"), format!("{host:.1}")]);
    let unfit = unfit(took, host - own);
    if let Some(why) = &unfit {
        say(format!("bench: idle is not judged: {why}"));
        section.note(format!("Not judged: {why}."));
    }
    report.section(&section);
    report.put("idle", json!({ "tracer_percent": round(own), "host_percent": round(host) }));
    match unfit {
        Some(why) => report.unfit(Goal::Idle, Some(own), why),
        None => report.measured(Goal::Idle, Some(own)),
    }
    Ok(())
}

/// Why this is no idle host, or not watched for long enough.
fn unfit(seconds: f64, others: f64) -> Option<String> {
    if seconds < LONG {
        return Some(format!("it takes {LONG} s at least"));
    }
    (others > QUIET).then(|| {
        format!("the rest of this host used {others:.1} % of a CPU, more than the {QUIET} of a quiet one")
    })
}

/// CPU time of a process, in nanoseconds, its threads that have ended included: each network namespace
/// of others is looked at by a thread of its own, which ends. `stat` has them, too, but in hundredths
/// of a second.
fn on_cpu_ns(pid: u32) -> Result<u64> {
    let clock = clock_getcpuclockid(Pid::from_raw(i32::try_from(pid)?)).context("no CPU clock")?;
    let time = Duration::from(clock_gettime(clock).context("tracer has ended")?);
    Ok(u64::try_from(time.as_nanos())?)
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
    use super::*;

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
        assert!(on_cpu_ns(pid).unwrap() > before);
    }

    #[test]
    fn the_time_of_threads_that_have_ended_stays() {
        const WORK: Duration = Duration::from_millis(30);
        let pid = std::process::id();
        let before = on_cpu_ns(pid).unwrap();
        let work = || {
            let begun = clock_gettime(nix::time::ClockId::CLOCK_THREAD_CPUTIME_ID).unwrap();
            while Duration::from(
                clock_gettime(nix::time::ClockId::CLOCK_THREAD_CPUTIME_ID).unwrap() - begun,
            ) < WORK
            {}
        };
        thread::spawn(work).join().unwrap();
        let after = Duration::from_nanos(on_cpu_ns(pid).unwrap() - before);
        assert!(after >= WORK, "{after:?}");
    }

    #[test]
    fn only_a_quiet_host_that_was_watched_for_long_is_judged() {
        assert_eq!(unfit(20.0, 1.0), None);
        assert!(unfit(19.0, 1.0).is_some());
        assert!(unfit(20.0, 50.0).unwrap().contains("50.0 %"));
    }
}
