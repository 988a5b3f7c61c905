//! Where the workspace is and which tool versions it pins. Reads only `cargo metadata`.

use crate::process::cargo;
use anyhow::{Context as _, Result};
use cargo_metadata::{Metadata, MetadataCommand};
use std::path::{Path, PathBuf};

/// The workspace this program was started in.
pub(crate) struct Workspace {
    pub(crate) metadata: Metadata,
}

/// Tool versions the BPF object is built with, from `[workspace.metadata.bpf]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pins {
    pub(crate) rustc: String,
    pub(crate) bpf_linker: String,
}

impl Workspace {
    pub(crate) fn open() -> Result<Self> {
        let metadata = MetadataCommand::new()
            .cargo_path(cargo().get_program())
            .no_deps()
            .exec()
            .context("cannot read the workspace")?;
        Ok(Self { metadata })
    }

    pub(crate) fn root(&self) -> &Path {
        self.metadata.workspace_root.as_std_path()
    }

    pub(crate) fn target(&self) -> &Path {
        self.metadata.target_directory.as_std_path()
    }

    pub(crate) fn pins(&self) -> Result<Pins> {
        let pin = |name: &str| {
            let value = &self.metadata.workspace_metadata["bpf"][name];
            let value = value.as_str().map(str::to_owned);
            value.with_context(|| format!("Cargo.toml has no [workspace.metadata.bpf] {name}"))
        };
        Ok(Pins { rustc: pin("rustc")?, bpf_linker: pin("bpf-linker")? })
    }

    /// Where downloaded and built tools live. Below `target` so that nothing outside the checkout
    /// is touched; `TRACER_TOOLCHAIN_DIR` shares one between checkouts and survives `cargo clean`.
    pub(crate) fn tools(&self) -> PathBuf {
        std::env::var_os("TRACER_TOOLCHAIN_DIR")
            .filter(|dir| !dir.is_empty())
            .map_or_else(|| self.target().join("toolchain"), PathBuf::from)
    }
}
