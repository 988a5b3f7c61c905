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
    /// Makes a long recording of a short one.
    pub(super) inflate: PathBuf,
    /// Asks the kernel for the run times of programs.
    pub(super) bpfstat: PathBuf,
    /// Where recordings go.
    pub(super) scratch: PathBuf,
}

/// How they are built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Profile {
    Release,
    Debug,
}

impl Tools {
    /// Builds them. What is measured is told for a release build of tracer; the BPF programs are the
    /// same in any. What only helps needs no optimizing.
    pub(super) fn build(workspace: &Workspace, profile: Profile) -> Result<Self> {
        let (flag, folder) = match profile {
            Profile::Release => (Some("--release"), "release"),
            Profile::Debug => (None, "debug"),
        };
        let measured = ["-p", "tracer", "--bin", "tracer", "-p", "tracer-bench", "--bin", "load"];
        run(cargo().args(["build", "--locked"]).args(flag).args(measured))?;
        run(cargo().args(["build", "--locked", "-p", "tracer-bench", "--bins"]))?;
        let program = |folder: &str, name: &str| workspace.target().join(folder).join(name);
        Ok(Self {
            tracer: program(folder, "tracer"),
            load: program(folder, "load"),
            floor: program("debug", "floor"),
            inflate: program("debug", "inflate"),
            bpfstat: program("debug", "bpfstat"),
            scratch: workspace.target().join("bench"),
        })
    }
}
