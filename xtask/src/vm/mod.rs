//! `cargo xtask vm`: runs test suites as root on stock kernels in an emulated machine, so that they
//! need neither root nor a particular kernel here, and on this host; prints what ran where.

mod column;
mod cpio;
mod follow;
mod guest;
mod host;
mod initramfs;
mod judge;
mod kernel;
mod matrix;
mod modules;
mod replay;
mod runner;
mod schedule;
mod script;
mod suites;
mod transcript;

use crate::outcome::Outcome;
use crate::process::{print_line, say};
use crate::tally::Tally;
use crate::workspace::Workspace;
use anyhow::{Context as _, Result, bail};
use column::{Btf, Choice, Lockdown, columns};
use matrix::Matrix;
use runner::Runner;
use std::fs;
use std::time::Duration;

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Every kernel, with lockdown and without, once with its BTF hidden, and this host. Without
    /// it, what is not chosen below is kernel 6.1, no lockdown, BTF shown.
    #[arg(long)]
    matrix: bool,
    /// Kernel: 5.10, 6.1, 6.12, sid or host; may be given more than once.
    #[arg(long = "kernel", value_name = "NAME")]
    kernels: Vec<String>,
    /// Lockdown mode of the guests; may be given more than once. This host's is as found.
    #[arg(long = "lockdown", value_name = "MODE")]
    lockdowns: Vec<Lockdown>,
    /// Whether the kernel's BTF can be seen; may be given more than once.
    #[arg(long = "btf", value_name = "STATE")]
    btfs: Vec<Btf>,
    /// Run only the tests whose name contains this.
    #[arg(long, value_name = "NAME")]
    scenario: Option<String>,
    /// Seconds that one column may take, each of its boots by itself.
    #[arg(long, default_value_t = SECONDS)]
    timeout: u64,
    /// Guests at a time. Each keeps one processor busy.
    #[arg(long, default_value_t = JOBS)]
    jobs: usize,
}

const SECONDS: u64 = 600;

/// On two processors two guests took as long as one.
const JOBS: usize = 2;

pub(crate) fn main(options: &Options) -> Result<()> {
    let workspace = Workspace::open()?;
    let choice = Choice {
        kernels: &unless(options.matrix, &options.kernels, || "6.1".to_owned()),
        lockdowns: &unless(options.matrix, &options.lockdowns, || Lockdown::Off),
        btfs: &unless(options.matrix, &options.btfs, || Btf::Shown),
    };
    let timeout = Duration::from_secs(options.timeout);
    let filter = options.scenario.as_deref();
    let matrix = run(&workspace, &choice, filter, timeout, options.jobs)?;
    let faults = matrix.faults();
    if !faults.is_empty() {
        bail!("{} of {} columns did not pass", faults.len(), matrix.0.len());
    }
    Ok(())
}

/// What was chosen, or the default where no matrix is asked for.
fn unless<T: Clone>(matrix: bool, chosen: &[T], default: impl Fn() -> T) -> Vec<T> {
    if matrix || !chosen.is_empty() { chosen.to_vec() } else { vec![default()] }
}

/// Test targets that the columns run.
pub(crate) fn targets() -> impl Iterator<Item = &'static str> {
    suites::SUITES.iter().map(|suite| suite.target)
}

/// Runs the matrix, narrowed to `kernels` if there are any: name, outcome and tally per column.
pub(crate) fn run_all(
    workspace: &Workspace,
    kernels: &[String],
) -> Result<Vec<(String, Outcome, Tally)>> {
    let choice = Choice { kernels, ..Choice::default() };
    let matrix = run(workspace, &choice, None, Duration::from_secs(SECONDS), JOBS)?;
    let parts = matrix.0.into_iter();
    Ok(parts.map(|done| (format!("vm {}", done.column), done.outcome, done.said.tally)).collect())
}

/// Runs the chosen columns and tells what came of it.
fn run(
    workspace: &Workspace,
    choice: &Choice<'_>,
    filter: Option<&str>,
    timeout: Duration,
    jobs: usize,
) -> Result<Matrix> {
    let columns = columns(choice)?;
    let runner = Runner::prepare(workspace, &columns, filter, timeout)?;
    let matrix = Matrix(schedule::run_all(&runner, &columns, jobs));
    let file = runner.dir().join("matrix.json");
    let json = serde_json::to_string_pretty(&matrix.json())?;
    fs::write(&file, json + "\n").with_context(|| format!("cannot write {}", file.display()))?;
    print_line(&format!("\n{}\n", matrix.text()));
    for fault in matrix.faults() {
        print_line(&fault);
    }
    print_line(&matrix.sentence());
    say(format!("vm: the same as JSON is in {}", file.display()));
    Ok(matrix)
}
