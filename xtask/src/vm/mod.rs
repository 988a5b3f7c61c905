//! `cargo xtask vm`: runs the tests of `tests/vm.rs` as root on a stock kernel in an emulated
//! machine, so that they need neither root nor a particular kernel here.

mod binaries;
mod cpio;
mod guest;
mod initramfs;
mod kernel;

use crate::process::{probe, say};
use crate::tally::Tally;
use crate::toolchain::Rustc;
use crate::workspace::Workspace;
use anyhow::{Context as _, Result, bail};
use guest::Ending;
use kernel::Kernel;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

/// A guest that dies before it can run tests says nothing of them; emulation is not perfect.
const BOOTS: u32 = 3;

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Kernel to boot: 5.10, 6.1, 6.12 or sid; may be given more than once.
    #[arg(long = "kernel", default_value = "6.1")]
    kernels: Vec<String>,
    /// Seconds that one boot and its tests may take.
    #[arg(long, default_value_t = 600)]
    timeout: u64,
    /// Arguments of the test binary, such as the name of a test.
    #[arg(last = true)]
    arguments: Vec<String>,
}

pub(crate) fn main(options: &Options) -> Result<()> {
    let workspace = Workspace::open()?;
    if let Some(reason) = missing() {
        bail!("{reason}");
    }
    let guests = Guests::prepare(&workspace, &options.arguments)?;
    let timeout = Duration::from_secs(options.timeout);
    for name in &options.kernels {
        let (ending, tally) = guests.run(&workspace, Kernel::named(name)?, timeout)?;
        judge(&ending, tally).with_context(|| format!("kernel {name}"))?;
    }
    Ok(())
}

/// Why no guest can be run on this machine, if so.
pub(crate) fn missing() -> Option<String> {
    let emulator = probe(Command::new(guest::QEMU).arg("--version"));
    if emulator.is_none() {
        return Some(format!("there is no {}: run `cargo xtask setup --tests`", guest::QEMU));
    }
    let busybox = Path::new(initramfs::BUSYBOX);
    (!busybox.exists())
        .then(|| format!("there is no {}: run `cargo xtask setup --tests`", busybox.display()))
}

/// Runs every test on kernel `name`; an error says why it did not end well.
pub(crate) fn run_all(workspace: &Workspace, name: &str, tally: &mut Tally) -> Result<()> {
    let guests = Guests::prepare(workspace, &[])?;
    let (ending, counted) = guests.run(workspace, Kernel::named(name)?, Duration::from_mins(10))?;
    *tally = counted;
    judge(&ending, counted)
}

fn judge(ending: &Ending, tally: Tally) -> Result<()> {
    if *ending != Ending::Exited(0) {
        bail!("{}", describe(ending));
    }
    if tally.passed == 0 {
        bail!("no test ran");
    }
    Ok(())
}

/// The initramfs that every kernel boots.
struct Guests {
    initramfs: PathBuf,
}

impl Guests {
    fn prepare(workspace: &Workspace, arguments: &[String]) -> Result<Self> {
        let dir = workspace.target().join("vm");
        fs::create_dir_all(&dir)?;
        let rustc = Rustc::current()?;
        let (test, tracer) = binaries::build(workspace, &rustc)?;
        // Debug sections are most of a test binary and would fill the guest's memory.
        let (small_test, small_tracer) = (dir.join("guest-tests"), dir.join("tracer"));
        rustc.strip_debug(&test, &small_test, &[])?;
        rustc.strip_debug(&tracer, &small_tracer, &[])?;
        let archive = initramfs::build(&small_test, &small_tracer, arguments)?;
        let initramfs = dir.join("initramfs.cpio");
        fs::write(&initramfs, &archive)?;
        say(format!("vm: initramfs of {} KiB", archive.len() / 1024));
        Ok(Self { initramfs })
    }

    fn run(
        &self,
        workspace: &Workspace,
        kernel: &Kernel,
        timeout: Duration,
    ) -> Result<(Ending, Tally)> {
        let image = kernel.image(&workspace.tools())?;
        for attempt in 1..=BOOTS {
            say(format!("vm: kernel {}, boot {attempt} of at most {BOOTS}", kernel.name));
            let started = Instant::now();
            let (ending, tally) = guest::boot(&image, &self.initramfs, kernel.memory, timeout)?;
            let (took, how) = (started.elapsed().as_secs_f64(), describe(&ending));
            say(format!("vm: kernel {}, {took:.1} s: {how}", kernel.name));
            if !matches!(ending, Ending::NotReady(_)) || attempt == BOOTS {
                return Ok((ending, tally));
            }
        }
        bail!("no boot was tried")
    }
}

fn describe(ending: &Ending) -> String {
    match ending {
        Ending::Exited(0) => "tests passed".to_owned(),
        Ending::Exited(status) => format!("tests failed with status {status}"),
        Ending::NotReady(why) => format!("guest died before its tests could run: {why}"),
        Ending::Died(why) => format!("guest died while tests ran: {why}"),
        Ending::TimedOut => "guest took too long".to_owned(),
    }
}
