//! `cargo xtask ebpf`: builds the BPF object that is committed, byte for byte the same on any
//! machine, or checks that the committed one is what the sources give.

use crate::closure::TARGET;
use crate::object_file::{sources, verify};
use crate::process::{cargo, run, say};
use crate::toolchain::{self, Library, Toolchain, Unavailable};
use crate::workspace::Workspace;
use anyhow::{Context as _, Result, bail};
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const MEND: &str = "run `cargo xtask ebpf` and commit tracer/bpf/";

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Rebuild from nothing in a temporary place and fail if the committed object differs.
    #[arg(long)]
    check: bool,
}

pub(crate) fn main(options: &Options) -> Result<()> {
    let workspace = Workspace::open()?;
    if options.check { check(&workspace) } else { write(&workspace) }
}

fn write(workspace: &Workspace) -> Result<()> {
    let toolchain = toolchain::ensure(workspace)?;
    let bytes = build(workspace, &toolchain, &workspace.target().join("bpf"))?;
    let (object, text) = paths(workspace);
    fs::create_dir_all(workspace.root().join("tracer/bpf"))?;
    fs::write(&object, &bytes)?;
    fs::write(&text, sources(workspace, &bytes)?)?;
    say(format!("ebpf: wrote {} ({} bytes) and its .sources", object.display(), bytes.len()));
    Ok(())
}

fn check(workspace: &Workspace) -> Result<()> {
    let (object, text) = paths(workspace);
    let read = |path: &Path| {
        fs::read(path).with_context(|| format!("cannot read {}: {MEND}", path.display()))
    };
    let committed = read(&object)?;
    let recorded = String::from_utf8(read(&text)?)?;
    let expected = sources(workspace, &committed)?;
    if let Some((was, is)) = first_difference(&recorded, &expected) {
        bail!("{} says `{was}`, but it is `{is}`: {MEND}", text.display());
    }
    say("ebpf: sources, pinned tools, dependencies and object match the record");
    let toolchain = match toolchain::ensure(workspace) {
        Ok(toolchain) => toolchain,
        Err(error) if error.is::<Unavailable>() => {
            say("ebpf: ******************************************************************");
            say("ebpf: NOT REBUILT: the object was checked by hash only, not byte by byte.");
            say(format!("ebpf: {error:#}"));
            say("ebpf: ******************************************************************");
            return Ok(());
        }
        Err(error) => return Err(error),
    };
    let fresh = workspace.target().join("bpf-check");
    if fresh.exists() {
        fs::remove_dir_all(&fresh)?;
    }
    let rebuilt = build(workspace, &toolchain, &fresh)?;
    fs::remove_dir_all(&fresh)?;
    if rebuilt != committed {
        let at = rebuilt.iter().zip(&committed).position(|(new, old)| new != old);
        bail!(
            "{} ({} bytes) is not what its sources give ({} bytes; first difference at byte {}): {MEND}",
            object.display(),
            committed.len(),
            rebuilt.len(),
            at.unwrap_or(rebuilt.len().min(committed.len())),
        );
    }
    say(format!("ebpf: a build from nothing gave the same {} bytes", committed.len()));
    Ok(())
}

fn paths(workspace: &Workspace) -> (PathBuf, PathBuf) {
    let object = workspace.root().join("tracer/bpf/tracer.bpf.o");
    let text = workspace.root().join("tracer/bpf/tracer.bpf.o.sources");
    (object, text)
}

/// The first line in which two texts differ; a missing line is `nothing`.
fn first_difference<'a>(left: &'a str, right: &'a str) -> Option<(&'a str, &'a str)> {
    let (mut left, mut right) = (left.lines(), right.lines());
    loop {
        match (left.next(), right.next()) {
            (None, None) => return None,
            (a, b) if a == b => {}
            (a, b) => return Some((a.unwrap_or("nothing"), b.unwrap_or("nothing"))),
        }
    }
}

fn build(workspace: &Workspace, toolchain: &Toolchain, target: &Path) -> Result<Vec<u8>> {
    say(format!("ebpf: building for {TARGET} in {}", target.display()));
    let mut build = bpf_cargo(workspace, toolchain)?;
    build.args(["build", "--release"]).args(BPF_ARGS).arg("--target-dir").arg(target);
    run(&mut build)?;
    let release = target.join(TARGET).join("release");
    let stripped = release.join("tracer.bpf.o");
    toolchain.rustc.strip_debug(&release.join("tracer-ebpf"), &stripped)?;
    let bytes = fs::read(&stripped)?;
    verify(&bytes)?;
    Ok(bytes)
}

/// What selects the BPF programs, for any cargo subcommand that compiles.
pub(crate) const BPF_ARGS: [&str; 9] = [
    "--locked",
    "-p",
    "tracer-ebpf",
    "--bin",
    "tracer-ebpf",
    "--target",
    TARGET,
    "-Z",
    "build-std=core",
];

/// A cargo with the environment of the BPF build; the subcommand and [`BPF_ARGS`] come next.
pub(crate) fn bpf_cargo(workspace: &Workspace, toolchain: &Toolchain) -> Result<Command> {
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
        .env("CARGO_ENCODED_RUSTFLAGS", rustflags(workspace, toolchain)?)
        .env_remove("RUSTFLAGS");
    if let Library::Unpacked(library) = &toolchain.library {
        // Internal to cargo, and the only way to hand it a source that is not in the sysroot.
        command.env("__CARGO_TESTS_ONLY_SRC_ROOT", std::path::absolute(library)?);
    }
    Ok(command)
}

/// Joined as `CARGO_ENCODED_RUSTFLAGS` wants it. BTF is made from debug info; its line info would
/// carry absolute paths, so each root is renamed. Of several prefixes that match, the last wins.
fn rustflags(workspace: &Workspace, toolchain: &Toolchain) -> Result<OsString> {
    let home = std::env::var_os("HOME").unwrap_or_default();
    let cargo_home = std::env::var_os("CARGO_HOME")
        .map_or_else(|| Path::new(&home).join(".cargo"), PathBuf::from);
    let library = std::path::absolute(toolchain.library.path())?;
    let mut flags: Vec<OsString> = vec![
        "-Clink-arg=--btf".into(),
        "-Cdebuginfo=2".into(),
        with("-Clinker=", &toolchain.linker, ""),
    ];
    for (path, name) in
        [(workspace.root(), "tracer"), (&cargo_home, "cargo"), (&library, "rust/library")]
    {
        flags.push(with("--remap-path-prefix=", path, &format!("=/{name}")));
    }
    Ok(flags.join("\u{1f}".as_ref()))
}

fn with(before: &str, path: &Path, after: &str) -> OsString {
    let mut text = OsString::from(before);
    text.push(path);
    text.push(after);
    text
}

#[cfg(test)]
mod tests {
    use super::first_difference;

    #[test]
    fn the_first_differing_line_is_named() {
        assert_eq!(first_difference("a\nb\n", "a\nb\n"), None);
        assert_eq!(first_difference("a\nb\n", "a\nc\n"), Some(("b", "c")));
    }

    #[test]
    fn a_missing_line_is_a_difference() {
        assert_eq!(first_difference("a\n", "a\nb\n"), Some(("nothing", "b")));
    }
}
