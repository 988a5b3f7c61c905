//! The resolved packages that go into the BPF object, from Cargo.lock. Builds nothing.

use crate::process::cargo;
use crate::workspace::Workspace;
use anyhow::{Context as _, Result};
use cargo_metadata::{DependencyKind, MetadataCommand, PackageId};
use std::collections::BTreeSet;
use std::path::PathBuf;

/// The target of the BPF programs.
pub(crate) const TARGET: &str = "bpfel-unknown-none";

/// A package whose code goes into the BPF programs or writes some of it (procedural macros).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Crate {
    /// `name version`.
    pub(crate) name: String,
    /// Where this machine has its source: a registry, a vendored copy.
    pub(crate) dir: PathBuf,
}

/// Every package that `tracer-ebpf` needs on the BPF target, itself not, sorted. Build
/// dependencies are left out: they run, but leave nothing.
pub(crate) fn packages(workspace: &Workspace) -> Result<Vec<Crate>> {
    let metadata = MetadataCommand::new()
        .cargo_path(cargo().get_program())
        .manifest_path(workspace.root().join("Cargo.toml"))
        .other_options(["--locked", "--filter-platform", TARGET].map(str::to_owned))
        .exec()
        .context("cannot resolve the dependencies of the BPF programs")?;
    let resolve = metadata.resolve.as_ref().context("cargo metadata resolved nothing")?;
    let start = metadata.packages.iter().find(|package| package.name == "tracer-ebpf");
    let start = &start.context("there is no package tracer-ebpf")?.id;
    let mut seen: BTreeSet<&PackageId> = BTreeSet::from([start]);
    let mut queue = vec![start];
    while let Some(id) = queue.pop() {
        let node = resolve.nodes.iter().find(|node| node.id == *id);
        for dep in &node.context("an unresolved package")?.deps {
            let built = dep.dep_kinds.iter().any(|kind| kind.kind == DependencyKind::Normal);
            if built && seen.insert(&dep.pkg) {
                queue.push(&dep.pkg);
            }
        }
    }
    seen.remove(start);
    let found = metadata.packages.iter().filter(|package| seen.contains(&package.id));
    let mut crates = Vec::new();
    for package in found {
        let name = format!("{} {}", package.name, package.version);
        let dir = package.manifest_path.parent().context("a manifest without a folder")?;
        crates.push(Crate { name, dir: dir.as_std_path().to_owned() });
    }
    crates.sort();
    Ok(crates)
}
