//! The finished object: its sections checked, its origin written down. Builds nothing.

use crate::bpf_object::BpfObject;
use crate::closure;
use crate::source_hash::{SOURCES_KEY, hex, source_hash};
use crate::workspace::Workspace;
use anyhow::{Context as _, Result, bail};
use object::{Object as _, ObjectSection as _, ObjectSymbol as _};
use sha2::{Digest as _, Sha256};
use std::fmt::Write as _;

/// New names for the functions that rustc named: its names carry a hash of the folder that the crate
/// was built in, and the object must not depend on that.
pub(crate) fn renames(bytes: &[u8]) -> Result<Vec<(String, String)>> {
    let file = object::File::parse(bytes).context("the object is not ELF")?;
    let names = file.symbols().filter_map(|symbol| symbol.name().ok().map(str::to_owned));
    let mangled = names.filter(|name| name.starts_with("_R") || name.starts_with("_ZN"));
    Ok(mangled.enumerate().map(|(nth, old)| (old, format!("inner_{nth}"))).collect())
}

/// Refuses bytes that the loader could not use or that are not reproducible.
pub(crate) fn verify(bytes: &[u8]) -> Result<()> {
    let file = object::File::parse(bytes).context("the object is not ELF")?;
    for section in [".BTF", ".BTF.ext"] {
        if file.section_by_name(section).is_none() {
            bail!(
                "the object has no {section}: was it linked without --btf, or has it no program?"
            );
        }
    }
    let debug = file.sections().filter_map(|section| section.name().ok().map(str::to_owned));
    if let Some(name) = debug.into_iter().find(|name| name.contains(".debug_")) {
        bail!("the object still has {name}, which carries paths of this machine");
    }
    Ok(())
}

/// The text of the `.sources` of `which` for these bytes and the sources of `workspace` as they are.
pub(crate) fn sources(workspace: &Workspace, which: BpfObject, object: &[u8]) -> Result<String> {
    let pins = workspace.pins()?;
    let hash = source_hash(&workspace.root().join("tracer-ebpf"), which.folder)
        .context("cannot read the sources in tracer-ebpf")?;
    let mut text = format!(
        "# What {} was built from. Written by `cargo xtask ebpf`; not edited by hand.\n",
        which.file,
    );
    writeln!(text, "object {}", hex(&Sha256::digest(object)))?;
    writeln!(text, "{SOURCES_KEY} {hash}")?;
    writeln!(text, "rustc {}", pins.rustc)?;
    writeln!(text, "bpf-linker {}", pins.bpf_linker)?;
    for package in closure::packages(workspace)? {
        writeln!(text, "crate {}", package.name)?;
    }
    Ok(text)
}
