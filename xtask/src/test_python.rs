//! The Python libraries that the corpus judges, in an environment of their own below `target`.
//! Installs nothing that is already there, and nothing outside that folder.

use crate::process::{probe, run, say};
use crate::workspace::Workspace;
use anyhow::{Context as _, Result};
use std::fs;
use std::path::Path;
use std::process::Command;

/// Pins every library, below the root of the workspace.
const REQUIREMENTS: &str = "tests/corpus/requirements.txt";
/// The environment, below the target folder; the corpus looks for it there.
const ENVIRONMENT: &str = "corpus/python";
/// Written last, below the environment: what it was made from.
const STAMP: &str = "made-from";

/// Makes the environment what the requirements say, from scratch if it is anything else.
pub(crate) fn ensure(workspace: &Workspace) -> Result<()> {
    let requirements = workspace.root().join(REQUIREMENTS);
    let pinned = fs::read_to_string(&requirements)
        .with_context(|| format!("cannot read {}", requirements.display()))?;
    // An environment is tied to the interpreter it was made by.
    let version = probe(Command::new("python3").arg("-VV")).context("there is no python3")?;
    let wanted = format!("{version}{pinned}");
    let environment = workspace.target().join(ENVIRONMENT);
    if fs::read_to_string(environment.join(STAMP)).is_ok_and(|made_from| made_from == wanted) {
        say("test libraries of Python: all installed");
        return Ok(());
    }
    make(&environment, &requirements)
        .context("cannot install the Python libraries of the tests")?;
    fs::write(environment.join(STAMP), wanted)?;
    Ok(())
}

fn make(environment: &Path, requirements: &Path) -> Result<()> {
    run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(environment))?;
    // The pins are all there is, and nothing is compiled: this takes seconds or fails.
    run(Command::new(environment.join("bin/python"))
        .args(["-m", "pip", "--quiet", "--disable-pip-version-check", "install"])
        .args(["--no-deps", "--only-binary", ":all:", "--requirement"])
        .arg(requirements))
}
