//! The source of `core`, of exactly the release of rustc: the toolchain's own component, or
//! Debian's package of the same release from the mirror this machine already uses (Debian patches
//! nothing in `core`). The toolchain itself is never changed.

use super::{Library, Rustc, Unavailable};
use crate::apt::PrivateApt;
use crate::process::{pipe, say};
use anyhow::{Context as _, Result};
use std::fs;
use std::path::Path;
use std::process::Command;

/// Debian suites that may carry the release, the nearest to stable first.
const SUITES: [&str; 4] = ["trixie-backports", "forky", "sid", "trixie"];

pub(crate) fn ensure(rustc: &Rustc, dir: &Path) -> Result<Library> {
    let component = rustc.sysroot.join("lib/rustlib/src/rust/library");
    if has_core(&component) {
        say(format!("rust-src: component of the toolchain, {}", component.display()));
        return Ok(Library::Sysroot(component));
    }
    let unpacked = dir.join("library");
    if !has_core(&unpacked) {
        download(rustc, dir)?;
    }
    say(format!("rust-src: {}", unpacked.display()));
    Ok(Library::Unpacked(unpacked))
}

fn has_core(library: &Path) -> bool {
    library.join("core/src/lib.rs").is_file() && library.join("Cargo.lock").is_file()
}

fn download(rustc: &Rustc, dir: &Path) -> Result<()> {
    let release = &rustc.release;
    say(format!("rust-src: not in the toolchain; looking for Debian's package of {release}"));
    let unavailable = || {
        Unavailable(format!(
            "rust-src {release} is neither in the toolchain nor on this machine's Debian mirror: \
             run `rustup component add rust-src`, or build the BPF object on a machine that can"
        ))
    };
    let apt = PrivateApt::open(&dir.join("apt"))?.ok_or_else(unavailable)?;
    let package = SUITES
        .iter()
        .find_map(|suite| {
            apt.select(suite).and_then(|()| apt.download(&format!("rust-src={release}*")))
        })
        .ok_or_else(unavailable)?;
    let fresh = dir.join("unpacking");
    if fresh.exists() {
        fs::remove_dir_all(&fresh)?;
    }
    fs::create_dir_all(&fresh)?;
    pipe(
        Command::new("dpkg-deb").arg("--fsys-tarfile").arg(&package),
        Command::new("tar").arg("-x").arg("-C").arg(&fresh).args([
            "--wildcards",
            "./usr/src/rustc-*/library",
            "--strip-components=4",
        ]),
    )?;
    let library = dir.join("library");
    if library.exists() {
        fs::remove_dir_all(&library)?;
    }
    fs::rename(fresh.join("library"), &library).context("rust-src has no library folder")?;
    fs::remove_dir_all(&fresh)?;
    apt.remove()
}
