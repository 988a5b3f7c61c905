//! Memory with so many sockets tracked: of the process, and of its maps in the kernel.

use super::background::Background;
use super::goal::Goal;
use super::kernel::Kernel;
use super::load::hold;
use super::report::{Report, Section};
use super::tools::Tools;
use crate::process::say;
use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

const MIB: f64 = (1 << 20) as f64;
/// Longer than it takes to attach, and to look at a million sockets.
const PATIENCE: Duration = Duration::from_mins(2);
/// At least so long it runs with them: some intervals.
const WATCHED: Duration = Duration::from_secs(4);
/// With very many sockets intervals come less often.
const WATCHED_PER_MILLION: Duration = Duration::from_secs(20);

/// What was seen with one number of sockets.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Footprint {
    sockets: u32,
    /// What tracer says it tracks, of all on this host.
    tracked: u64,
    /// Of the process, without the ring that it maps.
    user_bytes: u64,
    /// The same at its highest.
    peak_bytes: u64,
    /// Of its maps in the kernel, the ring included.
    kernel_bytes: u64,
}

/// Measures with each number of sockets.
pub(crate) fn measure(tools: &Tools, sockets: &[u32], report: &mut Report) -> Result<()> {
    let title = "Memory of tracer with open, idle connections";
    let head = [
        "sockets",
        "tracked",
        "process, MiB",
        "at its peak, MiB",
        "kernel maps, MiB",
        "bytes per socket",
    ];
    let mut section = Section::new(title, &head);
    let (mut lines, mut all) = (Vec::new(), Vec::new());
    for sockets in sockets {
        let seen = footprint(tools, *sockets)?;
        let empty = *all.first().unwrap_or(&seen);
        let each = per_socket(&empty, &seen);
        all.push(seen);
        section.row([
            seen.sockets.to_string(),
            seen.tracked.to_string(),
            format!("{:.1}", seen.user_bytes as f64 / MIB),
            format!("{:.1}", seen.peak_bytes as f64 / MIB),
            format!("{:.1}", seen.kernel_bytes as f64 / MIB),
            each.map_or_else(|| "-".to_owned(), |each| format!("{each:.0}")),
        ]);
        let mut line = json!({
            "sockets": seen.sockets, "tracked": seen.tracked, "user_bytes": seen.user_bytes,
            "peak_bytes": seen.peak_bytes, "kernel_map_bytes": seen.kernel_bytes,
        });
        if let (Some(each), Some(line)) = (each, line.as_object_mut()) {
            line.insert("bytes_per_socket".into(), each.round().into());
        }
        lines.push(line);
    }
    section.note(
        "The process is its resident memory without the ring, which is counted as a map of the \
         kernel. Bytes per socket are what both have more than with none, divided by those tracked \
         more.",
    );
    report.section(&section);
    report.put("memory", Value::Array(lines));
    let at_rest = all.first().map(|seen| seen.user_bytes as f64 / MIB);
    report.measured(Goal::RestingMemory, at_rest);
    let empty = all.first();
    let most = all.last().and_then(|most| per_socket(empty?, most));
    report.measured(Goal::MemoryPerSocket, most);
    Ok(())
}

fn per_socket(empty: &Footprint, seen: &Footprint) -> Option<f64> {
    let more = seen.tracked.checked_sub(empty.tracked).filter(|more| *more > 0)?;
    let bytes = |one: &Footprint| (one.user_bytes + one.kernel_bytes) as f64;
    let each = (bytes(seen) - bytes(empty)) / more as f64;
    // A few sockets of others make no figure, nor does a host where they were more before.
    (more >= 1000 && each > 0.0).then_some(each)
}

fn footprint(tools: &Tools, sockets: u32) -> Result<Footprint> {
    say(format!("bench: memory with {sockets} sockets"));
    let held = (sockets > 0).then(|| hold(tools, sockets / 2)).transpose()?;
    let mut command = Command::new(&tools.tracer);
    let mut tracer = Background::start(command.args(["diagnose", "--output", "json"]), 1)?;
    tracer.line(PATIENCE)?;
    let watched = WATCHED + WATCHED_PER_MILLION.mul_f64(f64::from(sockets) / 1e6);
    let begun = Instant::now();
    let mut peak_bytes = 0;
    while begun.elapsed() < watched {
        peak_bytes = peak_bytes.max(resident(tracer.pid())?);
        thread::sleep(Duration::from_millis(200));
    }
    let user_bytes = resident(tracer.pid())?;
    let maps = tracer.fd_numbers("map_id:")?;
    let kernel_bytes = Kernel::ask(tools)?.map_bytes(&maps)?;
    let ended = tracer.stop()?;
    held.map(Background::release).transpose()?;
    let health = ended.heard.tail.lines().rev().find(|line| line.contains("tracer.health"));
    let health: Value = serde_json::from_str(health.context("tracer told no health")?)?;
    let tracked = health["tracer.connections_tracked"].as_u64().context("nothing is tracked")?;
    Ok(Footprint { sockets, tracked, user_bytes, peak_bytes, kernel_bytes })
}

/// Resident memory of a process, but for maps of the kernel.
pub(super) fn resident(pid: u32) -> Result<u64> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/smaps"))?;
    Ok(parse(&text))
}

/// Mappings begin with a line of addresses; the name is its last word.
fn parse(text: &str) -> u64 {
    let (mut bytes, mut is_map) = (0, false);
    for line in text.lines() {
        let word = line.split_whitespace().next().unwrap_or_default();
        if !word.ends_with(':') {
            is_map = line.contains("anon_inode:bpf-map");
        } else if word == "Rss:" && !is_map {
            let kib = line.split_whitespace().nth(1).and_then(|kib| kib.parse::<u64>().ok());
            bytes += kib.unwrap_or(0) << 10;
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mapped_maps_are_not_memory_of_the_process() {
        let text = "55d0-55d1 r-xp 00000000 08:01 1 /usr/bin/tracer\n\
            Rss:                 100 kB\nPss:                  90 kB\n\
            7f00-7f01 rw-s 00001000 00:0e 1 anon_inode:bpf-map\nRss:               16384 kB\n\
            7f01-7f02 rw-p 00000000 00:00 0 \nRss:                   8 kB\n";
        assert_eq!(parse(text), 108 << 10);
    }

    #[test]
    fn bytes_per_socket_are_of_those_tracked_more() {
        let empty =
            Footprint { sockets: 0, tracked: 10, user_bytes: 1000, peak_bytes: 0, kernel_bytes: 0 };
        let seen = Footprint { tracked: 1010, user_bytes: 101_000, kernel_bytes: 200_000, ..empty };
        assert_eq!(per_socket(&empty, &seen), Some(300.0));
        assert_eq!(per_socket(&empty, &empty), None);
        let less = Footprint { user_bytes: 0, ..seen };
        assert_eq!(per_socket(&seen, &Footprint { tracked: 9000, ..less }), None);
    }
}
