//! The programs that a run needs, built in release form. Runs none of them.

use crate::process::{cargo, run};
use crate::workspace::Workspace;
use anyhow::Result;
use std::path::PathBuf;

/// Where they are.
pub(crate) struct Tools {
    /// What is measured.
    pub(super) tracer: PathBuf,
    /// Makes connections, and counts them itself.
    pub(super) load: PathBuf,
    /// Empty programs on the same hooks.
    pub(super) floor: PathBuf,
    /// Asks the kernel for the run times of programs.
    pub(super) bpfstat: PathBuf,
}

impl Tools {
    /// Builds them.
    pub(super) fn build(workspace: &Workspace) -> Result<Self> {
        let packages = ["-p", "tracer", "-p", "tracer-bench"];
        run(cargo().args(["build", "--release", "--locked", "--bins"]).args(packages))?;
        let program = |name: &str| workspace.target().join("release").join(name);
        Ok(Self {
            tracer: program("tracer"),
            load: program("load"),
            floor: program("floor"),
            bpfstat: program("bpfstat"),
        })
    }
}
