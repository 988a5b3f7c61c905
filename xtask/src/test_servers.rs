//! A server of metrics that takes OTLP, which none of Debian 12 does: one program, below `target`, from a
//! package of the next release. Installs nothing that is already there, and nothing outside of that
//! folder.

use crate::apt::{PrivateApt, unpack};
use crate::process::say;
use crate::workspace::Workspace;
use anyhow::{Context as _, Result};
use std::fs;

const SUITE: &str = "trixie";
/// The package, and its program, which needs nothing but a C library as old as this.
const SERVER: &str = "victoria-metrics";
/// Where a suite looks for it, below the target folder.
const INSTALLED: &str = "agent/servers";

/// Makes it present.
pub(crate) fn ensure(workspace: &Workspace) -> Result<()> {
    let dir = workspace.target().join(INSTALLED);
    let program = dir.join(SERVER);
    if program.exists() {
        say("test server of metrics: there");
        return Ok(());
    }
    let unpacked = dir.join("unpacked");
    fs::create_dir_all(&unpacked)?;
    let unavailable = || format!("Debian {SUITE} is not on this machine's mirror");
    let apt = PrivateApt::open(&dir.join("apt"))?.with_context(unavailable)?;
    apt.select(SUITE).with_context(unavailable)?;
    let package = apt.download(SERVER).with_context(|| format!("cannot download {SERVER}"))?;
    unpack(&package, &unpacked)?;
    fs::rename(unpacked.join("usr/bin").join(SERVER), program)?;
    fs::remove_dir_all(&unpacked)?;
    apt.remove()
}
