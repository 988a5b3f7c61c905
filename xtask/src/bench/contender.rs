//! What runs while the load runs, and how each is started and told to be ready.

use super::background::Background;
use super::tools::Tools;
use crate::process::probe;
use anyhow::{Context as _, Result};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// A line of an ended connection of tracer has it once: texts have their quotes escaped.
const CLOSED: &str = r#""event.name":"tracer.connection.closed""#;
/// Longer than any of them takes to start, also on a machine that does much else.
const PATIENCE: Duration = Duration::from_mins(2);

/// One that is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Contender {
    /// Nothing.
    Baseline,
    /// An empty program at each hook of tracer.
    Floor,
    /// As many empty programs at each hook as tracer attaches there.
    FloorCopies,
    /// tracer, which prints totals at its end.
    Tracer,
    /// tracer, which prints a JSON line for each end of each connection.
    TracerLines,
    /// tcplife of libbpf-tools.
    Tcplife,
    /// tcplife of bpftrace.
    BpftraceTcplife,
}

/// One that is ready.
pub(crate) struct Running {
    pub(super) background: Background,
    /// The kernel's numbers of its programs.
    pub(super) programs: BTreeSet<u64>,
    /// The hook of each, where it told.
    pub(super) hooks: BTreeMap<u64, String>,
}

impl Contender {
    /// All of them, in the order of the table.
    pub(super) const ALL: [Self; 7] = [
        Self::Baseline,
        Self::Floor,
        Self::FloorCopies,
        Self::Tracer,
        Self::TracerLines,
        Self::Tcplife,
        Self::BpftraceTcplife,
    ];

    /// Name in the table and in JSON.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Baseline => "baseline",
            Self::Floor => "floor",
            Self::FloorCopies => "floor, as often as tracer",
            Self::Tracer => "tracer",
            Self::TracerLines => "tracer, a line per end",
            Self::Tcplife => "libbpf-tools tcplife",
            Self::BpftraceTcplife => "bpftrace tcplife.bt",
        }
    }

    /// What it takes is here.
    pub(super) fn is_installed(self) -> bool {
        match self {
            Self::Tcplife => libbpf_tcplife().is_some(),
            Self::BpftraceTcplife => which("bpftrace").is_some() && which("tcplife.bt").is_some(),
            _ => true,
        }
    }

    pub(super) const fn is_peer(self) -> bool {
        matches!(self, Self::Tcplife | Self::BpftraceTcplife)
    }

    pub(super) const fn is_tracer(self) -> bool {
        matches!(self, Self::Tracer | Self::TracerLines)
    }

    /// Starts it and waits until its programs are attached; `None` if there is nothing to start.
    pub(super) fn start(self, tools: &Tools) -> Result<Option<Running>> {
        let mut hooks = BTreeMap::new();
        let background = match self {
            Self::Baseline => return Ok(None),
            Self::Floor | Self::FloorCopies => {
                let copies = if self == Self::Floor { "one" } else { "tracer" };
                let mut command = Command::new(&tools.floor);
                let mut floor = Background::start(command.args(["--copies", copies]), 1)?;
                hooks = told(&floor.line(PATIENCE)?.1).context("the floor told no programs")?;
                floor
            }
            Self::Tracer | Self::TracerLines => {
                let mut command = Command::new(&tools.tracer);
                command.args(["diagnose", "--output", "json"]);
                if self == Self::TracerLines {
                    command.arg("--connections");
                }
                let mut tracer = Background::marked(&mut command, 1, CLOSED)?;
                tracer.line(PATIENCE)?;
                tracer
            }
            Self::Tcplife => {
                let path = libbpf_tcplife().context("tcplife of libbpf-tools is not installed")?;
                peer(tools, &[&path])?
            }
            Self::BpftraceTcplife => {
                let script = which("tcplife.bt").context("tcplife.bt is not installed")?;
                peer(tools, &["bpftrace", &script])?
            }
        };
        let programs = background.fd_numbers("prog_id:")?;
        Ok(Some(Running { background, programs, hooks }))
    }
}

/// The ready line of the floor.
fn told(line: &str) -> Option<BTreeMap<u64, String>> {
    let line: Value = serde_json::from_str(line).ok()?;
    let programs = line["programs"].as_array()?.iter();
    programs.map(|one| Some((one["id"].as_u64()?, one["hook"].as_str()?.to_owned()))).collect()
}

/// A tool of others, once its programs are attached. What it complains of is told if it fails.
fn peer(tools: &Tools, words: &[&str]) -> Result<Background> {
    fs::create_dir_all(&tools.scratch)?;
    let complaints = tools.scratch.join("peer.stderr");
    let mut command = with_tracefs(words);
    let mut peer = Background::start(command.stderr(File::create(&complaints)?), 0)?;
    peer.settle(PATIENCE).with_context(|| {
        let text = fs::read_to_string(&complaints).unwrap_or_default();
        let error = text.lines().rfind(|line| line.contains("rror")).or(text.lines().last());
        error.unwrap_or("it says nothing").to_owned()
    })?;
    Ok(peer)
}

/// A command that has classic tracepoints, which these tools attach to: where nobody has mounted
/// tracefs, it does so for itself alone.
fn with_tracefs(words: &[&str]) -> Command {
    const MOUNT: &str = "for fs in tracefs:tracing debugfs:debug; do \
        dir=/sys/kernel/${fs#*:}; [ -n \"$(ls $dir)\" ] || mount -t ${fs%:*} $fs $dir; done; \
        exec \"$@\"";
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-c", MOUNT, "sh"]).args(words);
    command
}

/// Debian's bcc tools have a tcplife too, which is another program; theirs is a script.
fn libbpf_tcplife() -> Option<String> {
    let path = which("tcplife")?;
    let head = fs::read(&path).ok()?;
    head.starts_with(b"\x7fELF").then_some(path)
}

fn which(name: &str) -> Option<String> {
    let places = ["/usr/sbin", "/usr/bin", "/usr/local/sbin", "/usr/local/bin"];
    let path = probe(Command::new("sh").args(["-c", &format!("command -v {name}")]));
    let path = path.map(|path| path.trim().to_owned()).filter(|path| !path.is_empty());
    path.or_else(|| {
        let mut paths = places.iter().map(|place| format!("{place}/{name}"));
        paths.find(|path| Path::new(path).exists())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_floor_tells_which_program_is_at_which_hook() {
        let line = r#"{"ready":true,"programs":[{"id":7,"hook":"a"},{"id":8,"hook":"a"}]}"#;
        let hooks = BTreeMap::from([(7, "a".to_owned()), (8, "a".to_owned())]);
        assert_eq!(told(line), Some(hooks));
        assert_eq!(told("{}"), None);
    }
}
