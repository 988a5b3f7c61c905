//! `cargo xtask package`: a static binary of `tracer`, and a Debian package with it. The same commit
//! gives the same bytes: times are the commit's, and no path of this machine is in it.

mod binary;
mod check;
mod deb;
mod files;
mod journey;
mod meta;
mod sandbox;

use crate::process::{output, say};
use crate::workspace::Workspace;
use anyhow::{Context as _, Result};
use std::fs;
use std::path::PathBuf;
use std::process::Command;

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Also check it: what is in it, that its bytes do not depend on the run, and that it is installed,
    /// started, removed and purged without a trace, on a copy of this host (needs root).
    #[arg(long)]
    check: bool,
}

/// What was built.
struct Package {
    /// Static.
    binary: PathBuf,
    /// Debian's.
    deb: PathBuf,
}

pub(crate) fn main(options: &Options) -> Result<()> {
    let workspace = Workspace::open()?;
    if options.check {
        return check(&workspace);
    }
    build(&workspace).map(drop)
}

/// Builds it and checks all of it.
pub(crate) fn check(workspace: &Workspace) -> Result<()> {
    let package = build(workspace)?;
    check::run(workspace, &package)
}

fn build(workspace: &Workspace) -> Result<Package> {
    let dir = workspace.target().join("package");
    fs::create_dir_all(&dir).with_context(|| format!("cannot make {}", dir.display()))?;
    let binary = dir.join("tracer");
    fs::copy(binary::build(workspace, &dir)?, &binary)?;
    let deb = deb::build(workspace, &binary, &dir)?;
    say(format!("package: {} and {}", binary.display(), deb.display()));
    Ok(Package { binary, deb })
}

/// When the last commit was made, in seconds since 1970: the time of everything that is packed.
fn epoch(workspace: &Workspace) -> Result<u64> {
    let mut git = Command::new("git");
    git.arg("-C").arg(workspace.root()).args(["log", "-1", "--format=%ct"]);
    let told = output(&mut git).context("the time of the last commit is not known")?;
    told.trim().parse().context("git tells no time")
}
