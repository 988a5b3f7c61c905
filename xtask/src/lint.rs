//! `cargo xtask lint`: formatting, clippy on both targets, and [`crate::tidy`].

use crate::bpf_build::{BPF_ARGS, Paths, bpf_cargo};
use crate::process::{cargo, run, say};
use crate::tidy;
use crate::toolchain::{self, Unavailable};
use crate::workspace::Workspace;
use anyhow::{Result, bail};

pub(crate) fn main() -> Result<()> {
    let workspace = Workspace::open()?;
    let faults = tidy::check(workspace.root())?;
    for fault in &faults {
        say(format!("tidy: {fault}"));
    }
    if !faults.is_empty() {
        bail!("{} faults in the tree, listed above", faults.len());
    }
    say("tidy: no fault");
    run(cargo().args(["fmt", "--all", "--check"]))?;
    run(cargo().args([
        "clippy",
        "--locked",
        "--workspace",
        "--all-targets",
        "--",
        "-D",
        "warnings",
    ]))?;
    lint_bpf(&workspace)
}

fn lint_bpf(workspace: &Workspace) -> Result<()> {
    let toolchain = match toolchain::ensure(workspace) {
        Ok(toolchain) => toolchain,
        Err(error) if error.is::<Unavailable>() => {
            say("lint: ***** NOT LINTED: the BPF programs, because there is no toolchain for them");
            say(format!("lint: ***** {error:#}"));
            return Ok(());
        }
        Err(error) => return Err(error),
    };
    run(bpf_cargo(workspace, &toolchain, Paths::Renamed)?
        .args(["clippy", "--release", "--bins"])
        .args(BPF_ARGS)
        .arg("--target-dir")
        .arg(workspace.target().join("bpf"))
        .args(["--", "-D", "warnings"]))
}
