//! One build of one BPF object, the same bytes on every machine: flags, environment, strip.
//!
//! Knows nothing of the committed ones.

use crate::bpf_object::BpfObject;
use crate::closure::{self, TARGET};
use crate::object_file::{renames, verify};
use crate::process::{cargo, run, say};
use crate::toolchain::{Library, Toolchain};
use crate::workspace::Workspace;
use anyhow::Result;
use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::process::Command;

/// The bytes of the object, stripped and verified, built below `target`.
pub(crate) fn build(
    workspace: &Workspace,
    toolchain: &Toolchain,
    which: BpfObject,
    target: &Path,
    paths: Paths,
) -> Result<Vec<u8>> {
    say(format!("ebpf: building {} for {TARGET} in {}", which.file, target.display()));
    let mut build = bpf_cargo(workspace, toolchain, paths)?;
    build.args(["build", "--release", "--bin", which.binary]).args(BPF_ARGS);
    build.arg("--target-dir").arg(target);
    run(&mut build)?;
    let release = target.join(TARGET).join("release");
    let stripped = release.join(which.file);
    let linked = release.join(which.binary);
    let renames = renames(&fs::read(&linked)?)?;
    toolchain.rustc.strip_debug(&linked, &stripped, &renames)?;
    let bytes = fs::read(&stripped)?;
    verify(&bytes)?;
    Ok(bytes)
}

/// Paths of this machine in the object's line info.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Paths {
    /// As the committed object has them: the same on every machine, and no source text, because
    /// the linker cannot open a renamed file.
    Renamed,
    AsTheyAre,
}

/// What selects the package and the target of the BPF programs, for any cargo subcommand that
/// compiles. `--bin` or `--bins` is to be said too.
pub(crate) const BPF_ARGS: [&str; 7] =
    ["--locked", "-p", "tracer-ebpf", "--target", TARGET, "-Z", "build-std=core"];

/// A cargo with the environment of the BPF build; the subcommand and [`BPF_ARGS`] come next.
pub(crate) fn bpf_cargo(
    workspace: &Workspace,
    toolchain: &Toolchain,
    paths: Paths,
) -> Result<Command> {
    let mut command = cargo();
    for (key, _) in std::env::vars_os() {
        // A profile set from outside would change the object.
        if key.to_str().is_some_and(|key| key.starts_with("CARGO_PROFILE_")) {
            command.env_remove(key);
        }
    }
    command
        .current_dir(workspace.root())
        .env("RUSTC_BOOTSTRAP", "1")
        // Where bpf-linker finds its libLLVM; `cargo run` happens to set it, nothing else does.
        .env("LD_LIBRARY_PATH", toolchain.rustc.sysroot.join("lib"))
        .env("CARGO_ENCODED_RUSTFLAGS", rustflags(workspace, toolchain, paths)?)
        .env_remove("RUSTFLAGS");
    if let Library::Unpacked(library) = &toolchain.library {
        // Internal to cargo, and the only way to hand it a source that is not in the sysroot.
        command.env("__CARGO_TESTS_ONLY_SRC_ROOT", std::path::absolute(library)?);
    }
    Ok(command)
}

/// Between the flags in `CARGO_ENCODED_RUSTFLAGS`.
const SEPARATOR: &str = "\u{1f}";

/// BTF is made from debug info; its line info would carry the paths of this machine, so every
/// folder with a source gets a name instead. Of several prefixes that match, the last wins.
fn rustflags(workspace: &Workspace, toolchain: &Toolchain, paths: Paths) -> Result<OsString> {
    let mut flags: Vec<OsString> = vec![
        "-Clink-arg=--btf".into(),
        "-Cdebuginfo=2".into(),
        with("-Clinker=", &toolchain.linker, ""),
    ];
    if paths == Paths::Renamed {
        let root = workspace.root();
        let mut renamed = vec![(root.to_owned(), "tracer".to_owned())];
        renamed.push((std::path::absolute(toolchain.library.path())?, "rust/library".to_owned()));
        for package in closure::packages(workspace)? {
            renamed.push((package.dir, package.name.replace(' ', "-")));
        }
        for (folder, name) in renamed {
            flags.push(with("--remap-path-prefix=", &folder, &format!("=/{name}")));
            // Cargo names what lies below the workspace by its path from there, of any crate.
            if let Ok(inside) = folder.strip_prefix(root)
                && inside != Path::new("")
            {
                flags.push(with("--remap-path-prefix=", inside, &format!("=/{name}")));
            }
        }
    }
    Ok(flags.join(SEPARATOR.as_ref()))
}

fn with(before: &str, path: &Path, after: &str) -> OsString {
    let mut text = OsString::from(before);
    text.push(path);
    text.push(after);
    text
}
