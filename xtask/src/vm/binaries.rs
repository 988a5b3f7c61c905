//! The two programs a guest runs, linked statically, because the guest has no libc.

use crate::process::{cargo, say};
use crate::toolchain::Rustc;
use crate::workspace::Workspace;
use anyhow::{Context as _, Result, bail};
use cargo_metadata::{Message, TargetKind};
use std::io::BufReader;
use std::path::PathBuf;
use std::process::Stdio;

/// Name of the test target in `tracer/Cargo.toml`.
pub(crate) const TEST: &str = "vm";

/// Paths of the test binary and of `tracer`.
pub(crate) fn build(workspace: &Workspace, rustc: &Rustc) -> Result<(PathBuf, PathBuf)> {
    say("vm: building the tests and tracer, static");
    let mut build = cargo()
        .current_dir(workspace.root())
        .args(["test", "--locked", "-p", "tracer", "--test", TEST, "--no-run"])
        // With a target named, the flags below spare procedural macros, which cannot be static.
        .args(["--target", &rustc.host, "--message-format=json-render-diagnostics"])
        .env("RUSTFLAGS", "-Ctarget-feature=+crt-static")
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .stdout(Stdio::piped())
        .spawn()
        .context("cannot run cargo")?;
    let stdout = build.stdout.take().context("cargo has no stdout")?;
    let (mut test, mut tracer) = (None, None);
    for message in Message::parse_stream(BufReader::new(stdout)) {
        let Message::CompilerArtifact(artifact) = message? else { continue };
        let Some(path) = artifact.executable else { continue };
        let target = &artifact.target;
        if target.kind.contains(&TargetKind::Test) && target.name == TEST {
            test = Some(path.into_std_path_buf());
        } else if target.kind.contains(&TargetKind::Bin) && target.name == "tracer" {
            tracer = Some(path.into_std_path_buf());
        }
    }
    if !build.wait()?.success() {
        bail!("cannot build the tests for the guest");
    }
    test.zip(tracer).context("cargo built no test binary or no tracer")
}
