//! The BPF objects that are committed, and what each is made from. Builds nothing.

use crate::workspace::Workspace;
use std::path::PathBuf;

/// One object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BpfObject {
    /// Name of the file, also while it is built.
    pub(crate) file: &'static str,
    /// Folder it is committed in.
    home: &'static str,
    /// Binary of `tracer-ebpf`.
    pub(crate) binary: &'static str,
    /// Its sources, besides Cargo.toml.
    pub(crate) folder: &'static str,
}

/// The programs of tracer, and the empty ones that their cost is measured against.
pub(crate) const OBJECTS: [BpfObject; 2] = [
    BpfObject { file: "tracer.bpf.o", home: "tracer/bpf", binary: "tracer-ebpf", folder: "src" },
    BpfObject { file: "floor.bpf.o", home: "bench/bpf", binary: "floor-ebpf", folder: "floor" },
];

impl BpfObject {
    /// Where it is committed.
    pub(crate) fn path(&self, workspace: &Workspace) -> PathBuf {
        workspace.root().join(self.home).join(self.file)
    }

    /// Where it is written down what it was built from.
    pub(crate) fn sources_path(&self, workspace: &Workspace) -> PathBuf {
        workspace.root().join(self.home).join(format!("{}.sources", self.file))
    }
}
