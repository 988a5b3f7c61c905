//! The static binary: built in a folder of its own, as its flags are nobody else's.

use super::Workspace;
use crate::process::{cargo, run, say};
use crate::toolchain::Rustc;
use anyhow::{Context as _, Result, bail};
use object::elf::{FileHeader64, PT_INTERP};
use object::read::elf::{FileHeader as _, ProgramHeader as _};
use object::{Endianness, elf};
use std::env;
use std::fs;
use std::path::{Path, PathBuf};

/// Builds it: where it is.
pub(super) fn build(workspace: &Workspace, dir: &Path) -> Result<PathBuf> {
    say("package: building tracer, static");
    let host = Rustc::current()?.host;
    let target = dir.join("build");
    let home = env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| env::var_os("HOME").map(|home| Path::new(&home).join(".cargo")));
    let home = home.context("neither CARGO_HOME nor HOME is set")?;
    let names = [(workspace.root(), "/tracer"), (&home, "/cargo")];
    let names = names.map(|(path, name)| format!("--remap-path-prefix={}={name}", path.display()));
    let flags = ["-Ctarget-feature=+crt-static".to_owned()].into_iter().chain(names);
    run(cargo()
        .current_dir(workspace.root())
        .args(["build", "--release", "--locked", "-p", "tracer", "--bin", "tracer"])
        // With a target named, the flags spare procedural macros, which cannot be static.
        .args(["--target", &host])
        .arg("--target-dir")
        .arg(&target)
        .env("CARGO_ENCODED_RUSTFLAGS", flags.collect::<Vec<_>>().join("\x1f")))?;
    let binary = target.join(host).join("release/tracer");
    let bytes = fs::read(&binary).with_context(|| format!("cannot read {}", binary.display()))?;
    if let Some(why) = dynamic(&bytes)? {
        bail!("{} is not static: {why}", binary.display());
    }
    Ok(binary)
}

/// What it needs from outside, if anything.
fn dynamic(bytes: &[u8]) -> Result<Option<&'static str>> {
    let header = FileHeader64::<Endianness>::parse(bytes)?;
    let endian = header.endian()?;
    for segment in header.program_headers(endian, bytes)? {
        if segment.p_type(endian) == PT_INTERP {
            return Ok(Some("it names a loader"));
        }
        let entries = segment.dynamic(endian, bytes)?.unwrap_or_default();
        if entries.iter().any(|entry| entry.d_tag.get(endian) == u64::from(elf::DT_NEEDED)) {
            return Ok(Some("it needs libraries"));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::dynamic;

    #[test]
    fn a_program_with_a_loader_is_not_static() {
        let own = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        assert_eq!(dynamic(&own).unwrap(), Some("it names a loader"));
    }
}
