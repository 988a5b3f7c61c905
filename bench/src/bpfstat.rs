//! `bpfstat`: what the kernel tells of the BPF programs and maps that are loaded. Takes commands from
//! stdin, one a line, and answers each with one JSON line:
//!
//! - `on`, `off`: whether the kernel takes the time of each run. Taking it costs time itself, so it is
//!   on only while this is measured. It is off again when this process ends, however it ends.
//! - `list`: every program and map.

use std::io::{BufRead as _, Write as _};
use std::os::fd::{AsFd as _, AsRawFd as _};
use std::process::ExitCode;

use anyhow::{Result, bail};
use aya::maps::{MapInfo, loaded_maps};
use aya::programs::{ProgramInfo, loaded_programs};
use aya::sys::{Stats, enable_stats};
use serde_json::{Value, json};
use tracer::probe::hook::HOOKS;
use tracer::probe::plain::PLAIN_HOOKS;

/// The kernel keeps so many bytes of a name.
const NAME_LEN: usize = 15;

fn main() -> ExitCode {
    match serve() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bpfstat: {error:#}");
            ExitCode::from(2)
        }
    }
}

fn serve() -> Result<()> {
    let mut taking_times = None;
    for line in std::io::stdin().lock().lines() {
        let answer = match line?.trim() {
            "on" => {
                taking_times = Some(enable_stats(Stats::RunTime)?);
                json!({ "on": true })
            }
            "off" => {
                drop(taking_times.take());
                json!({ "on": false })
            }
            "list" => json!({
                "programs": programs()?,
                "maps": loaded_maps().filter_map(|info| info.ok().as_ref().map(map)).collect::<Vec<_>>(),
            }),
            other => bail!("no command `{other}`: on, off, list"),
        };
        let mut out = std::io::stdout();
        writeln!(out, "{answer}")?;
        out.flush()?;
    }
    Ok(())
}

fn programs() -> Result<Vec<Value>> {
    let mut programs = Vec::new();
    for info in loaded_programs() {
        match info {
            Ok(info) => programs.push(program(&info)),
            // One that was unloaded while we asked.
            Err(aya::programs::ProgramError::SyscallError(error))
                if error.io_error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(programs)
}

fn program(info: &ProgramInfo) -> Value {
    let name = info.name_as_str().unwrap_or_default();
    let run_time = u64::try_from(info.run_time().as_nanos()).unwrap_or(u64::MAX);
    json!({
        "id": info.id(),
        "name": name,
        "hook": hook(name),
        "run_time_ns": run_time,
        "runs": info.run_count(),
        "memlock_bytes": info.memory_locked().ok(),
    })
}

/// The hook of a program of tracer, told by its name.
fn hook(name: &str) -> Option<&'static str> {
    let is_cut = |whole: &&str| whole.len() > NAME_LEN && name == &whole[..NAME_LEN];
    HOOKS
        .iter()
        .chain(PLAIN_HOOKS)
        .find(|hook| {
            let mut names = hook.candidates.iter().flat_map(|(_, names)| *names);
            names.any(|whole| *whole == name || is_cut(whole))
        })
        .map(|hook| hook.name)
}

fn map(info: &MapInfo) -> Value {
    json!({
        "id": info.id(),
        "name": info.name_as_str().unwrap_or_default(),
        "max_entries": info.max_entries(),
        "memlock_bytes": info.fd().ok().and_then(|fd| memlock(fd.as_fd().as_raw_fd())),
    })
}

/// What the kernel has taken for a map.
fn memlock(fd: i32) -> Option<u64> {
    let text = std::fs::read_to_string(format!("/proc/self/fdinfo/{fd}")).ok()?;
    let value = text.lines().find_map(|line| line.strip_prefix("memlock:"))?;
    value.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_the_kernel_cut_are_of_one_hook() {
        for one in HOOKS.iter().chain(PLAIN_HOOKS) {
            for name in one.candidates.iter().flat_map(|(_, names)| *names) {
                let kept = &name[..name.len().min(NAME_LEN)];
                assert_eq!(hook(kept), Some(one.name), "{name}");
            }
        }
        assert_eq!(hook("floor_tp_btf"), None);
    }
}
