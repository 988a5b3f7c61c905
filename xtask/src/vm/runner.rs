//! Builds what the columns need and runs them one by one. A column that cannot be run on this
//! machine is skipped with the reason; the others still run.

use super::column::{Column, Lockdown, Machine};
use super::follow::Limits;
use super::guest::{self, Boot};
use super::host;
use super::initramfs;
use super::judge::judge;
use super::kernel::Kernel;
use super::matrix::Done;
use super::suites::{self, Linkage, Programs};
use super::transcript::{Ending, Transcript};
use crate::outcome::Outcome;
use crate::process::{is_root, probe, say};
use crate::toolchain::{Rustc, Unavailable};
use crate::workspace::Workspace;
use anyhow::{Context as _, Result, bail};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

/// A guest that dies before it can run tests says nothing of them; emulation is not perfect.
const BOOTS: u32 = 3;

/// The slowest kernel here is ready in a tenth of this.
const READY: Duration = Duration::from_mins(2);

pub(crate) struct Runner<'a> {
    workspace: &'a Workspace,
    filter: Option<&'a str>,
    limits: Limits,
    /// Where everything made for the columns is.
    dir: PathBuf,
    /// What guests share, or why there can be none.
    guests: Result<Vec<u8>, String>,
    /// Programs for this host, or why they cannot run.
    host: Result<Programs, String>,
}

impl<'a> Runner<'a> {
    /// Builds what `columns` need. That it cannot be built is an error; that this machine cannot
    /// run it is found out per column.
    pub(crate) fn prepare(
        workspace: &'a Workspace,
        columns: &[Column],
        filter: Option<&'a str>,
        total: Duration,
    ) -> Result<Self> {
        let dir = workspace.target().join("vm");
        fs::create_dir_all(&dir).with_context(|| format!("cannot make {}", dir.display()))?;
        let rustc = Rustc::current()?;
        let on_host = |column: &Column| column.machine == Machine::Host;
        let guests = match missing() {
            None if !columns.iter().all(on_host) => Ok(base(workspace, &rustc, &dir)?),
            reason => Err(reason.unwrap_or_default()),
        };
        let host = if !is_root() {
            Err("loading BPF programs needs root".to_owned())
        } else if columns.iter().any(on_host) {
            Ok(suites::build(workspace, &rustc, Linkage::Native)?)
        } else {
            Err(String::new())
        };
        let limits = Limits { ready: READY.min(total), total };
        Ok(Self { workspace, filter, limits, dir, guests, host })
    }

    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    pub(crate) fn run(&self, column: Column) -> Done {
        say(format!("vm: column {column}"));
        let started = Instant::now();
        let mut boots = 0;
        let (outcome, said) = match self.ending(&column, &mut boots) {
            Ok((ending, said)) => (judge(&column, &ending, &said), said),
            Err(error) if error.is::<Unavailable>() => {
                (Outcome::Skipped(format!("{error:#}")), Transcript::default())
            }
            Err(error) => (Outcome::Failed(format!("{error:#}")), Transcript::default()),
        };
        let seconds = started.elapsed().as_secs_f64();
        say(format!("vm: column {column}: {seconds:.1} s, {outcome}"));
        Done { column, outcome, said, seconds, boots }
    }

    fn ending(&self, column: &Column, boots: &mut u32) -> Result<(Ending, Transcript)> {
        let unavailable = |reason: &String| Unavailable(reason.clone());
        match column.machine {
            Machine::Guest(kernel, lockdown) => {
                let base = self.guests.as_ref().map_err(unavailable)?;
                self.guest(column, kernel, lockdown, base, boots)
            }
            Machine::Host => {
                let programs = self.host.as_ref().map_err(unavailable)?;
                host::run(column, programs, self.filter, self.limits)
            }
        }
    }

    fn guest(
        &self,
        column: &Column,
        kernel: &Kernel,
        lockdown: Lockdown,
        base: &[u8],
        boots: &mut u32,
    ) -> Result<(Ending, Transcript)> {
        let files = kernel.files(&self.workspace.tools())?;
        let modules = fs::read(&files.modules)
            .with_context(|| format!("cannot read {}", files.modules.display()))?;
        let initramfs = self.dir.join("initramfs.cpio");
        // The kernel unpacks archives that follow each other, one over the other.
        let archive = [base, &modules, &initramfs::init(column, self.filter)].concat();
        fs::write(&initramfs, &archive)?;
        say(format!("vm: initramfs of {} KiB", archive.len() / 1024));
        let boot =
            Boot { kernel: &files.image, initramfs: &initramfs, lockdown, memory: kernel.memory };
        while *boots < BOOTS {
            *boots += 1;
            let (ending, said) = guest::boot(&boot, self.limits)?;
            match &ending {
                Ending::NotReady(why) if *boots < BOOTS => {
                    say(format!("vm: boot {boots} of at most {BOOTS} died early: {why}"));
                }
                _ => return Ok((ending, said)),
            }
        }
        bail!("no boot was tried")
    }
}

/// Why no guest can be run on this machine, if so.
fn missing() -> Option<String> {
    let emulator = probe(Command::new(guest::QEMU).arg("--version"));
    if emulator.is_none() {
        return Some(format!("there is no {}: run `cargo xtask setup --tests`", guest::QEMU));
    }
    let busybox = Path::new(initramfs::BUSYBOX);
    (!busybox.exists())
        .then(|| format!("there is no {}: run `cargo xtask setup --tests`", busybox.display()))
}

/// Builds the programs of the guests and packs them.
fn base(workspace: &Workspace, rustc: &Rustc, dir: &Path) -> Result<Vec<u8>> {
    let mut programs = suites::build(workspace, rustc, Linkage::Static)?;
    // Debug sections are most of a test binary and would fill the guest's memory.
    let strip = |name: &str, program: &mut PathBuf| {
        let small = dir.join(name);
        rustc.strip_debug(program, &small, &[])?;
        *program = small;
        anyhow::Ok(())
    };
    strip("tracer", &mut programs.tracer)?;
    for (target, program) in &mut programs.suites {
        strip(&format!("suite-{target}"), program)?;
    }
    initramfs::base(&programs)
}
