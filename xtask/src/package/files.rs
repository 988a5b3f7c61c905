//! What is in the package, and where it comes from.

use super::Workspace;
use anyhow::{Context as _, Result};
use std::fs;
use std::path::Path;

/// A file of the package.
pub(super) struct File {
    /// Below the root.
    pub(super) path: &'static str,
    pub(super) mode: u32,
    pub(super) bytes: Vec<u8>,
}

/// Kept by dpkg as its owner has changed them.
pub(super) const CONFFILES: [&str; 1] = ["etc/tracer/agent.toml"];

/// Where they are in the tree, and where they go.
const FROM_TREE: [(&str, &str); 14] = [
    ("packaging/agent.toml", CONFFILES[0]),
    ("packaging/tracer.service", "usr/lib/systemd/system/tracer.service"),
    ("packaging/sysusers.conf", "usr/lib/sysusers.d/tracer.conf"),
    // The package systemd takes it in by a trigger.
    ("fleet/journald/tracer.catalog", "usr/lib/systemd/catalog/tracer.catalog"),
    ("packaging/debian/copyright", "usr/share/doc/tracer/copyright"),
    ("packaging/debian/lintian-overrides", "usr/share/lintian/overrides/tracer"),
    ("packaging/logrotate", "usr/share/doc/tracer/examples/logrotate"),
    ("README.md", "usr/share/doc/tracer/README.md"),
    ("docs/agent.md", "usr/share/doc/tracer/agent.md"),
    ("docs/advice.md", "usr/share/doc/tracer/advice.md"),
    ("docs/findings.md", "usr/share/doc/tracer/findings.md"),
    ("docs/fleet.md", "usr/share/doc/tracer/fleet.md"),
    ("docs/output.md", "usr/share/doc/tracer/output.md"),
    ("docs/schema.json", "usr/share/doc/tracer/schema.json"),
];

/// All of them, but for what is made: the changelog.
pub(super) fn all(workspace: &Workspace, binary: &Path) -> Result<Vec<File>> {
    let read =
        |path: &Path| fs::read(path).with_context(|| format!("cannot read {}", path.display()));
    let program = File { path: "usr/bin/tracer", mode: 0o755, bytes: read(binary)? };
    let others = FROM_TREE.iter().map(|(from, path)| {
        Ok(File { path, mode: 0o644, bytes: read(&workspace.root().join(from))? })
    });
    std::iter::once(Ok(program)).chain(others).collect()
}
