//! Memory with so many sockets tracked: of the process, at rest and at its peak, and of its maps in
//! the kernel, by what the kernel says of them and by what their elements really take of its slabs.

use super::background::Background;
use super::goal::Goal;
use super::kernel::Kernel;
use super::load::hold;
use super::report::{Report, Section};
use super::resident::{available_bytes, highest, resident};
use super::slab;
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
/// With very many sockets intervals come less often: once a minute at least.
const WATCHED_PER_MILLION: Duration = Duration::from_secs(70);
/// What a socket, its file and its names take of the kernel (4.4 KiB on 6.18), and tracer for it (1
/// KiB), and as much again. So much must be there, or a row is left out: this host is not to be pushed out of its
/// memory.
const BYTES_PER_SOCKET: u64 = 10_000;

/// What is measured together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    /// Real ones, both ends of connections on loopback.
    sockets: u32,
    /// `--max-connections`; none is the default.
    max_connections: Option<u32>,
}

/// More than a million, for what else this host has open.
const MILLION: Option<u32> = Some(1_100_000);

/// All rows. A table that is made for a million is compared with the same one without a socket.
pub(crate) const ALL: [Row; 5] = [
    Row { sockets: 0, max_connections: None },
    Row { sockets: 10_000, max_connections: None },
    Row { sockets: 100_000, max_connections: None },
    Row { sockets: 0, max_connections: MILLION },
    Row { sockets: 1_000_000, max_connections: MILLION },
];
/// Those of a quick run.
pub(crate) const FEW: &[Row] = ALL.split_at(2).0;

/// What was seen with one row.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Footprint {
    row: Row,
    /// What tracer says it tracks, of all on this host.
    tracked: u64,
    /// Of the process, without the ring that it maps: the least of the second half of the time, which
    /// is between ticks.
    user_bytes: u64,
    /// The same at its highest, which is during a tick, or at the start.
    peak_bytes: u64,
    /// Of its maps in the kernel, the ring included, as the kernel tells it of each.
    kernel_bytes: u64,
    /// What the kernel has more in its general slabs than before tracer began. Elements of maps are
    /// taken from these, in sizes that are powers of two. Less than none if others gave back more.
    slab_bytes: i64,
}

/// Bytes for each socket that is tracked more than without any.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Each {
    /// By the slabs.
    at_rest: f64,
    at_peak: f64,
    /// At rest, by what the kernel says of its maps.
    by_maps: f64,
}

/// Measures each row.
pub(crate) fn measure(tools: &Tools, rows: &[Row], report: &mut Report) -> Result<()> {
    let title = "Memory of tracer with open, idle connections";
    let head = [
        "sockets",
        "--max-connections",
        "tracked",
        "process, MiB",
        "at its peak, MiB",
        "kernel maps, MiB",
        "slabs, MiB",
        "bytes per socket",
        "at its peak",
        "by maps",
    ];
    let mut section = Section::new(title, &head);
    let (mut lines, mut all) = (Vec::new(), Vec::<Footprint>::new());
    for row in rows {
        let needed = u64::from(row.sockets) * BYTES_PER_SOCKET;
        let available = available_bytes()?;
        if available < needed {
            let text = format!(
                "{} sockets are left out: they may take {} MiB, of which {} are available",
                row.sockets,
                needed >> 20,
                available >> 20
            );
            say(format!("bench: {text}"));
            section.note(text);
            continue;
        }
        let seen = footprint(tools, *row)?;
        let same = |other: &&Footprint| other.row.max_connections == row.max_connections;
        let each = all.iter().find(same).and_then(|empty| per_socket(empty, &seen));
        all.push(seen);
        section.row(seen.cells(each));
        lines.push(seen.json(each));
        if row.sockets > 0 {
            report.measured(Goal::MemoryPerSocket, each.map(|each| each.at_rest));
            report.measured(Goal::PeakPerSocket, each.map(|each| each.at_peak));
        }
    }
    section.note(
        "The process is its resident memory without the ring, which is counted as a map of the \
         kernel. Kernel maps are what the kernel says they take; slabs are what its general ones \
         grew by since before tracer began, other programs' part included. Bytes per socket are \
         what process and slabs have more than with none and the same --max-connections, divided by \
         those tracked more; by maps: the same with what the kernel says of them.",
    );
    report.section(&section);
    report.put("memory", Value::Array(lines));
    let at_rest = all.first().map(|seen| seen.user_bytes as f64 / MIB);
    report.measured(Goal::RestingMemory, at_rest);
    Ok(())
}

impl Footprint {
    fn cells(&self, each: Option<Each>) -> Vec<String> {
        let mib = |bytes: f64| format!("{:.1}", bytes / MIB);
        let known = |figure: Option<f64>| figure.map_or("-".to_owned(), |it| format!("{it:.0}"));
        vec![
            self.row.sockets.to_string(),
            self.row.max_connections.map_or("default".to_owned(), |most| most.to_string()),
            self.tracked.to_string(),
            mib(self.user_bytes as f64),
            mib(self.peak_bytes as f64),
            mib(self.kernel_bytes as f64),
            mib(self.slab_bytes as f64),
            known(each.map(|each| each.at_rest)),
            known(each.map(|each| each.at_peak)),
            known(each.map(|each| each.by_maps)),
        ]
    }

    fn json(&self, each: Option<Each>) -> Value {
        let mut line = json!({
            "sockets": self.row.sockets, "tracked": self.tracked, "user_bytes": self.user_bytes,
            "peak_bytes": self.peak_bytes, "kernel_map_bytes": self.kernel_bytes,
            "slab_bytes": self.slab_bytes,
        });
        if let Some(most) = self.row.max_connections {
            line["max_connections"] = most.into();
        }
        if let Some(each) = each {
            line["bytes_per_socket"] = each.at_rest.round().into();
            line["bytes_per_socket_at_peak"] = each.at_peak.round().into();
            line["bytes_per_socket_by_maps"] = each.by_maps.round().into();
        }
        line
    }
}

fn per_socket(empty: &Footprint, seen: &Footprint) -> Option<Each> {
    // A few sockets of others make no figure, nor does a host where they were more before.
    let more = seen.tracked.checked_sub(empty.tracked).filter(|more| *more >= 1000)?;
    let each = |bytes: fn(&Footprint) -> f64| {
        let each = (bytes(seen) - bytes(empty)) / more as f64;
        (each > 0.0).then_some(each)
    };
    Some(Each {
        at_rest: each(|one| one.user_bytes as f64 + one.slab_bytes as f64)?,
        at_peak: each(|one| one.peak_bytes as f64 + one.slab_bytes as f64)?,
        by_maps: each(|one| (one.user_bytes + one.kernel_bytes) as f64)?,
    })
}

fn footprint(tools: &Tools, row: Row) -> Result<Footprint> {
    let sockets = row.sockets;
    say(format!("bench: memory with {sockets} sockets"));
    let held = (sockets > 0).then(|| hold(tools, sockets / 2)).transpose()?;
    let slab_before = slab::steady_bytes()?;
    let mut command = Command::new(&tools.tracer);
    command.args(["diagnose", "--output", "json"]);
    if let Some(most) = row.max_connections {
        command.args(["--max-connections", &most.to_string()]);
    }
    let mut tracer = Background::start(&mut command, 1)?;
    tracer.line(PATIENCE)?;
    let watched = WATCHED + WATCHED_PER_MILLION.mul_f64(f64::from(sockets) / 1e6);
    let begun = Instant::now();
    thread::sleep(watched / 2);
    let (mut user_bytes, mut ring) = (u64::MAX, 0);
    while begun.elapsed() < watched {
        let resident = resident(tracer.pid())?;
        user_bytes = user_bytes.min(resident.own);
        ring = resident.mapped_maps;
        thread::sleep(Duration::from_millis(200));
    }
    // The ring is part of the highest; its pages that were mapped stay so.
    let peak_bytes = highest(tracer.pid())?.saturating_sub(ring).max(user_bytes);
    let maps = tracer.fd_numbers("map_id:")?;
    let kernel_bytes = Kernel::ask(tools)?.map_bytes(&maps)?;
    let slab_bytes = slab::bytes()?.checked_signed_diff(slab_before).context("slabs")?;
    let ended = tracer.stop()?;
    held.map(Background::release).transpose()?;
    let health = ended.heard.tail.lines().rev().find(|line| line.contains("tracer.health"));
    let health: Value = serde_json::from_str(health.context("tracer told no health")?)?;
    let tracked = health["tracer.connections_tracked"].as_u64().context("nothing is tracked")?;
    Ok(Footprint { row, tracked, user_bytes, peak_bytes, kernel_bytes, slab_bytes })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_per_socket_are_of_those_tracked_more_and_of_what_is_really_taken() {
        let empty = Footprint {
            row: ALL[0],
            tracked: 10,
            user_bytes: 1000,
            peak_bytes: 2000,
            kernel_bytes: 0,
            slab_bytes: 0,
        };
        let seen = Footprint {
            tracked: 1010,
            user_bytes: 101_000,
            peak_bytes: 302_000,
            kernel_bytes: 200_000,
            slab_bytes: 512_000,
            ..empty
        };
        let each = Each { at_rest: 612.0, at_peak: 812.0, by_maps: 300.0 };
        assert_eq!(per_socket(&empty, &seen), Some(each));
        assert_eq!(per_socket(&empty, &empty), None);
        let less = Footprint { user_bytes: 0, slab_bytes: 0, ..seen };
        assert_eq!(per_socket(&seen, &Footprint { tracked: 9000, ..less }), None);
    }

    #[test]
    fn each_row_with_sockets_has_one_without_to_be_compared_with() {
        for row in ALL {
            let empty = Row { sockets: 0, ..row };
            assert!(ALL.contains(&empty), "{row:?}");
        }
        assert_eq!(FEW.last().map(|row| row.sockets), Some(10_000));
    }
}
