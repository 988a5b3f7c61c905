//! Prepares what the columns need and runs each. A column that cannot be run on this machine is
//! skipped with the reason; the others still run.

use super::column::{Column, Lockdown, Machine};
use super::follow::Limits;
use super::guest::{self, Boot};
use super::judge::judge;
use super::kernel::{Files, Kernel};
use super::matrix::Done;
use super::suites::{self, Linkage, Programs};
use super::transcript::{Ending, Transcript};
use super::{host, initramfs, replay};
use crate::outcome::Outcome;
use crate::process::{is_root, print_line, probe, say};
use crate::toolchain::{Rustc, Unavailable};
use crate::workspace::Workspace;
use anyhow::{Context as _, Error, Result, anyhow, bail};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

/// A guest that dies before it can run tests says nothing of them; emulation is not perfect.
const BOOTS: u32 = 3;

/// The slowest kernel here is ready in a tenth of this.
const READY: Duration = Duration::from_mins(2);

/// Can be shared by threads, each of which runs a column.
pub(crate) struct Runner<'a> {
    filter: Option<&'a str>,
    limits: Limits,
    /// Where everything made for the columns is.
    dir: PathBuf,
    /// What all guests share.
    guests: Result<Vec<u8>>,
    kernels: BTreeMap<&'static str, Result<Files>>,
    /// Programs for this host.
    host: Result<Programs>,
}

impl<'a> Runner<'a> {
    /// Fetches and builds what `columns` need. What this machine cannot have is kept as the reason
    /// to skip its columns; programs that do not compile are an error.
    pub(crate) fn prepare(
        workspace: &Workspace,
        columns: &[Column],
        filter: Option<&'a str>,
        total: Duration,
    ) -> Result<Self> {
        let dir = workspace.target().join("vm");
        fs::create_dir_all(&dir).with_context(|| format!("cannot make {}", dir.display()))?;
        let rustc = Rustc::current()?;
        let on_host = columns.iter().any(|column| column.machine == Machine::Host);
        let mut kernels = BTreeMap::new();
        let guests = if let Some(reason) = missing() {
            unavailable(reason)
        } else {
            for column in columns {
                if let Machine::Guest(kernel, _) = column.machine {
                    let fetch = || kernel.files(&workspace.tools());
                    kernels.entry(kernel.name).or_insert_with(fetch);
                }
            }
            if kernels.values().any(Result::is_ok) {
                Ok(base(workspace, &rustc, &dir)?)
            } else {
                unavailable("there is no kernel to boot")
            }
        };
        let host = if !is_root() {
            unavailable("loading BPF programs needs root")
        } else if on_host {
            Ok(suites::build(workspace, &rustc, Linkage::Native)?)
        } else {
            unavailable("no column of this host was asked for")
        };
        let limits = Limits { ready: READY.min(total), total };
        Ok(Self { filter, limits, dir, guests, kernels, host })
    }

    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Runs `column`; its lines are shown with its name before them.
    pub(crate) fn run(&self, column: Column) -> Done {
        say(format!("vm: {column}: begins"));
        let started = Instant::now();
        let mut boots = 0;
        let (outcome, said) = match self.plays(&column, &mut boots) {
            Ok((ending, said)) => (judge(&column, self.filter.is_some(), &ending, &said), said),
            Err(error) if error.is::<Unavailable>() => {
                (Outcome::Skipped(format!("{error:#}")), Transcript::default())
            }
            Err(error) => (Outcome::Failed(format!("{error:#}")), Transcript::default()),
        };
        let seconds = started.elapsed().as_secs_f64();
        say(format!("vm: {column}: {seconds:.1} s, {outcome}"));
        Done { column, outcome, said, seconds, boots }
    }

    /// One play, or two where the kernel may have made scenes of the first fail.
    fn plays(&self, column: &Column, boots: &mut u32) -> Result<(Ending, Transcript)> {
        let first = self.ending(column, boots)?;
        let Some(failed) = replay::is_due(column, self.filter.is_some(), &first) else {
            return Ok(first);
        };
        let failed = failed.join(", ");
        say(format!(
            "vm: {column}: events were missed, or may have been, played once more for {failed}"
        ));
        let mut more = 0;
        let second = self.ending(column, &mut more);
        *boots += more;
        Ok(replay::join(column, &first.1, second?))
    }

    fn ending(&self, column: &Column, boots: &mut u32) -> Result<(Ending, Transcript)> {
        let show = |line: &str| print_line(&format!("{column}| {line}"));
        match column.machine {
            Machine::Guest(kernel, lockdown) => self.guest(column, kernel, lockdown, boots, &show),
            Machine::Host => {
                let programs = self.host.as_ref().map_err(again)?;
                host::run(column, programs, self.filter, self.limits, show)
            }
        }
    }

    fn guest(
        &self,
        column: &Column,
        kernel: &Kernel,
        lockdown: Lockdown,
        boots: &mut u32,
        show: &impl Fn(&str),
    ) -> Result<(Ending, Transcript)> {
        let (base, files) = match (&self.guests, self.kernels.get(kernel.name)) {
            (Ok(base), Some(Ok(files))) => (base, files),
            // That its own kernel is missing says more.
            (_, Some(Err(error))) | (Err(error), _) => return Err(again(error)),
            (Ok(_), None) => bail!("kernel {} was not fetched", kernel.name),
        };
        let modules = fs::read(&files.modules)
            .with_context(|| format!("cannot read {}", files.modules.display()))?;
        // The kernel unpacks archives that follow each other, one over the other.
        let init = initramfs::init(column, self.filter);
        let archive = [base.as_slice(), &modules, &init].concat();
        let initramfs = Temporary(self.dir.join(format!("initramfs of {column}.cpio")));
        fs::write(&initramfs.0, &archive)
            .with_context(|| format!("cannot write {}", initramfs.0.display()))?;
        let boot =
            Boot { kernel: &files.image, initramfs: &initramfs.0, lockdown, memory: kernel.memory };
        while *boots < BOOTS {
            *boots += 1;
            let (ending, said) = guest::boot(&boot, self.limits, show)?;
            match &ending {
                Ending::NotReady(why) if *boots < BOOTS => {
                    say(format!("vm: {column}: boot {boots} of at most {BOOTS} died early: {why}"));
                }
                _ => return Ok((ending, said)),
            }
        }
        bail!("no boot was tried")
    }
}

/// A file that is not kept: each column has its own, of tens of MiB.
struct Temporary(PathBuf);

impl Drop for Temporary {
    fn drop(&mut self) {
        // A file that could not be written need not be removed.
        let _ = fs::remove_file(&self.0);
    }
}

/// The same error once more, for each column that it concerns.
fn again(error: &Error) -> Error {
    match error.downcast_ref() {
        Some(Unavailable(reason)) => Unavailable(reason.clone()).into(),
        None => anyhow!("{error:#}"),
    }
}

fn unavailable<T>(reason: impl Into<String>) -> Result<T> {
    Err(Unavailable(reason.into()).into())
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
