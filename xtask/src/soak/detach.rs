//! Ends of tracer: by which signal, with which status, and what it left in the kernel.

use super::cycle::Running;
use super::kernel::Objects;
use super::observer::{Mode, Observer};
use super::place::Place;
use anyhow::{Result, ensure};
use rustix::process::Signal;
use std::collections::BTreeSet;
use std::path::Path;
use std::process::ExitStatus;
use std::thread;
use std::time::{Duration, Instant};

/// How long the kernel may take to free what nobody holds: it waits for all CPUs.
const PATIENCE: Duration = Duration::from_secs(10);

/// How it ended.
pub(super) struct End {
    pub(super) status: ExitStatus,
    /// Objects it held before.
    pub(super) held: usize,
    /// Those that are still there, and others that nobody holds.
    pub(super) left: BTreeSet<String>,
}

/// Starts a tracer, ends it while there is load, and looks.
pub(super) fn under_load(tracer: &Path, place: &Place, signal: Signal) -> Result<End> {
    let before = Objects::all()?;
    let mut observer = Observer::start(tracer, place.number(), Mode::Watch)?;
    let load =
        Running::start(place, &["churn", "--port", "20000", "--seconds", "3", "--rate", "2000"])?;
    thread::sleep(Duration::from_millis(1_500));
    let end = stop(&mut observer, signal, &before)?;
    load.finish()?;
    Ok(end)
}

/// Ends `observer` and compares with what there was `before` it.
pub(super) fn stop(observer: &mut Observer, signal: Signal, before: &Objects) -> Result<End> {
    let held = Objects::held(Some(observer.pid()))?;
    ensure!(held.len() > 0, "tracer holds no BPF object");
    let status = observer.end(signal)?;
    let began = Instant::now();
    loop {
        let now = Objects::all()?;
        let mut left = held.still_in(&now);
        // After the list, so that what another process has just made is found with it.
        left.extend(now.left_behind(before, &Objects::held(None)?));
        if left.is_empty() || began.elapsed() > PATIENCE {
            return Ok(End { status, held: held.len(), left });
        }
        thread::sleep(Duration::from_millis(100));
    }
}
