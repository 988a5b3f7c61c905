//! The library of Node.js that tests use: the official definitions of the Elastic Common Schema, below
//! `target`. Installs nothing that is already there, and nothing outside of that folder.

use crate::process::{probe, run_patiently, say};
use crate::workspace::Workspace;
use anyhow::{Context as _, Result};
use std::fs;
use std::process::Command;

/// Where it is pinned, with its checksum; and where it is installed below the target folder.
const PINNED: &str = "tests/agent/node";
const INSTALLED: &str = "agent/node";
const FILES: [&str; 2] = ["package.json", "package-lock.json"];
/// Written last: what it was made from.
const STAMP: &str = "made-from";

/// Makes it what the pin says, from scratch if it is anything else.
pub(crate) fn ensure(workspace: &Workspace) -> Result<()> {
    let (from, to) = (workspace.root().join(PINNED), workspace.target().join(INSTALLED));
    let mut wanted = String::new();
    for name in FILES {
        let file = from.join(name);
        wanted += &fs::read_to_string(&file)
            .with_context(|| format!("cannot read {}", file.display()))?;
    }
    if fs::read_to_string(to.join(STAMP)).is_ok_and(|made_from| made_from == wanted) {
        say("test libraries of Node.js: all installed");
        return Ok(());
    }
    probe(Command::new("npm").arg("--version"))
        .context("there is no npm: apt-get install npm, or install Node.js with it")?;
    fs::create_dir_all(&to)?;
    for name in FILES {
        fs::copy(from.join(name), to.join(name))?;
    }
    run_patiently(
        Command::new("npm")
            .args(["ci", "--silent", "--ignore-scripts", "--no-audit", "--no-fund", "--prefix"])
            .arg(&to),
    )
    .context("cannot install the Node.js libraries of tests")?;
    fs::write(to.join(STAMP), wanted)?;
    Ok(())
}
