//! The Python libraries that tests use, each suite's in an environment of its own below `target`: those
//! that the corpus judges, the engine that the queries of the fleet are asked of, the collector that the
//! agent exports to, and the schemas of Kubernetes. Installs nothing that is already there, and nothing
//! outside of these folders.

use crate::process::{probe, run, run_patiently, say};
use crate::workspace::Workspace;
use anyhow::{Context as _, Result};
use std::fs;
use std::path::Path;
use std::process::Command;

/// Suites with libraries. `tests/SUITE/requirements.txt` pins every one; the environment is at
/// `SUITE/python` below the target folder, where the suite looks for it.
const SUITES: [&str; 4] = ["agent", "corpus", "fleet", "kubernetes"];
/// Written last, below the environment: what it was made from.
const STAMP: &str = "made-from";

/// Makes each environment what its requirements say, from scratch if it is anything else.
pub(crate) fn ensure(workspace: &Workspace) -> Result<()> {
    SUITES.iter().try_for_each(|suite| ensure_for(workspace, suite))
}

fn ensure_for(workspace: &Workspace, suite: &str) -> Result<()> {
    let requirements = workspace.root().join("tests").join(suite).join("requirements.txt");
    let pinned = fs::read_to_string(&requirements)
        .with_context(|| format!("cannot read {}", requirements.display()))?;
    // An environment is tied to the interpreter it was made by.
    let version = probe(Command::new("python3").arg("-VV")).context("there is no python3")?;
    let wanted = format!("{version}{pinned}");
    let environment = workspace.target().join(suite).join("python");
    if fs::read_to_string(environment.join(STAMP)).is_ok_and(|made_from| made_from == wanted) {
        say(format!("test libraries of Python for {suite}: all installed"));
        return Ok(());
    }
    make(&environment, &requirements)
        .with_context(|| format!("cannot install the Python libraries of {suite}"))?;
    fs::write(environment.join(STAMP), wanted)?;
    Ok(())
}

fn make(environment: &Path, requirements: &Path) -> Result<()> {
    run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(environment))?;
    // The pins are all there is, and nothing is compiled: each try takes seconds.
    run_patiently(
        Command::new(environment.join("bin/python"))
            .args(["-m", "pip", "--quiet", "--disable-pip-version-check", "install"])
            .args(["--no-deps", "--only-binary", ":all:", "--requirement"])
            .arg(requirements),
    )
}
