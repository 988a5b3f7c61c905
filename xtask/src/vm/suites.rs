//! The test targets that the columns run, and their programs: static for guests, which have no
//! libc, and as cargo builds them for this host.

use super::column::{Btf, Column, Lockdown};
use crate::process::{cargo, say};
use crate::toolchain::Rustc;
use crate::workspace::Workspace;
use anyhow::{Context as _, Result, bail};
use cargo_metadata::{Message, TargetKind};
use std::io::BufReader;
use std::path::PathBuf;
use std::process::Stdio;

/// A test target of `tracer/Cargo.toml`, and where it can be run.
pub(crate) struct Suite {
    pub(crate) target: &'static str,
    runs_on: fn(&Column) -> bool,
}

/// The suite that says which tier the tracer chose and how many causes stayed unknown.
pub(crate) const SCENARIOS: &str = "scenarios";

pub(crate) const SUITES: [Suite; 2] = [
    // It asserts that fentry and kprobes attach: lockdown, missing BTF and some hosts forbid them.
    Suite {
        target: "vm",
        runs_on: |column| column.lockdown() == Some(Lockdown::Off) && column.btf == Btf::Shown,
    },
    Suite { target: SCENARIOS, runs_on: |_| true },
];

/// The targets that run on `column`.
pub(crate) fn on(column: &Column) -> impl Iterator<Item = &'static str> {
    SUITES.iter().filter(|suite| (suite.runs_on)(column)).map(|suite| suite.target)
}

/// How programs find their libc.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Linkage {
    Static,
    Native,
}

/// Paths of built programs.
pub(crate) struct Programs {
    /// Target and program of each suite.
    pub(crate) suites: Vec<(&'static str, PathBuf)>,
    pub(crate) tracer: PathBuf,
}

pub(crate) fn build(workspace: &Workspace, rustc: &Rustc, linkage: Linkage) -> Result<Programs> {
    let mut command = cargo();
    command
        .current_dir(workspace.root())
        .args(["test", "--locked", "-p", "tracer", "--no-run"])
        .arg("--message-format=json-render-diagnostics")
        .args(SUITES.iter().flat_map(|suite| ["--test", suite.target]));
    if linkage == Linkage::Static {
        say("vm: building the tests and tracer, static");
        command
            // With a target named, the flags below spare procedural macros, which cannot be static.
            .args(["--target", &rustc.host])
            .env("RUSTFLAGS", "-Ctarget-feature=+crt-static")
            .env_remove("CARGO_ENCODED_RUSTFLAGS");
    } else {
        say("vm: building the tests and tracer");
    }
    let mut build = command.stdout(Stdio::piped()).spawn().context("cannot run cargo")?;
    let stdout = build.stdout.take().context("cargo has no stdout")?;
    let (mut tests, mut tracer) = (Vec::new(), None);
    for message in Message::parse_stream(BufReader::new(stdout)) {
        let Message::CompilerArtifact(artifact) = message? else { continue };
        let Some(path) = artifact.executable else { continue };
        let target = &artifact.target;
        if target.kind.contains(&TargetKind::Test) {
            tests.push((target.name.clone(), path.into_std_path_buf()));
        } else if target.kind.contains(&TargetKind::Bin) && target.name == "tracer" {
            tracer = Some(path.into_std_path_buf());
        }
    }
    if !build.wait()?.success() {
        bail!("cannot build the tests");
    }
    let path = |target: &'static str| {
        let test = tests.iter().find(|(name, _)| name == target);
        let (_, path) = test.with_context(|| format!("cargo built no test target {target}"))?;
        Ok((target, path.clone()))
    };
    Ok(Programs {
        suites: SUITES.iter().map(|suite| path(suite.target)).collect::<Result<_>>()?,
        tracer: tracer.context("cargo built no tracer")?,
    })
}

#[cfg(test)]
mod tests {
    use super::{SCENARIOS, on};
    use crate::vm::column::{Choice, columns};

    #[test]
    fn every_column_runs_the_scenarios_and_fentry_is_asked_for_where_it_can_be() {
        for column in columns(&Choice::default()).unwrap() {
            let suites: Vec<_> = on(&column).collect();
            assert!(suites.contains(&SCENARIOS), "{column}");
            let bare = ["5.10", "6.1", "6.12", "sid"].contains(&column.to_string().as_str());
            assert_eq!(suites.contains(&"vm"), bare, "{column}");
        }
    }
}
