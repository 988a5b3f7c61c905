//! bpf-linker, built from its published crate against the libLLVM that rustc itself ships: the
//! bitcode of a rustc is read reliably only by its own LLVM, and no LLVM need be installed.

use super::Rustc;
use crate::process::{cargo, probe, run, say};
use anyhow::{Context as _, Result, bail};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

pub(crate) fn ensure(rustc: &Rustc, version: &str, dir: &Path) -> Result<PathBuf> {
    let dir = std::path::absolute(dir)?;
    let linker = dir.join("bin/bpf-linker");
    if !runs(rustc, &linker, version) {
        build(rustc, version, &dir)?;
        if !runs(rustc, &linker, version) {
            bail!("{} was built but does not run as version {version}", linker.display());
        }
    }
    say(format!("bpf-linker: {}", linker.display()));
    Ok(linker)
}

/// Runs only if it finds the libLLVM it was built against, so this is more than a look.
fn runs(rustc: &Rustc, linker: &Path, version: &str) -> bool {
    let said = probe(
        Command::new(linker).arg("--version").env("LD_LIBRARY_PATH", rustc.sysroot.join("lib")),
    )
    .unwrap_or_default();
    said.split_whitespace().any(|word| word == version)
}

fn build(rustc: &Rustc, version: &str, dir: &Path) -> Result<()> {
    let major = &rustc.llvm_major;
    say(format!("bpf-linker: building {version} against LLVM {major} of rustc (2 to 5 minutes)"));
    let llvm = shipped_llvm(rustc)?;
    let lib = dir.join("llvm/lib");
    fs::create_dir_all(&lib)?;
    for name in ["libLLVM.so".to_owned(), format!("libLLVM-{major}.so")] {
        let link = lib.join(name);
        if link.is_symlink() {
            fs::remove_file(&link)?;
        }
        symlink(&llvm, &link).with_context(|| format!("cannot link {}", link.display()))?;
    }
    run(cargo()
        .args(["install", "bpf-linker", "--version", &format!("={version}"), "--locked", "--force"])
        .args(["--no-default-features", "--features", &format!("llvm-{major}")])
        .arg("--root")
        .arg(dir)
        .env("LLVM_PREFIX", dir.join("llvm"))
        .env("RUSTFLAGS", "-Cstrip=symbols")
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .env_remove("CARGO_BUILD_TARGET")
        .env_remove("CARGO_TARGET_DIR"))
}

fn shipped_llvm(rustc: &Rustc) -> Result<PathBuf> {
    let lib = rustc.sysroot.join("lib");
    let prefix = format!("libLLVM.so.{}.", rustc.llvm_major);
    let entries = fs::read_dir(&lib).with_context(|| format!("cannot read {}", lib.display()))?;
    let mut names = entries.filter_map(|entry| Some(entry.ok()?.path()));
    names
        .find(|path| {
            path.file_name().and_then(|n| n.to_str()).is_some_and(|n| n.starts_with(&prefix))
        })
        .with_context(|| {
            format!(
                "{} has no {prefix}*: this rustc does not ship its LLVM; use rustup's",
                lib.display()
            )
        })
}
