//! `cargo xtask ebpf`: builds the BPF objects that are committed, byte for byte the same on any
//! machine, or checks that the committed ones are what the sources give.

use crate::bpf_build::{Paths, build};
use crate::bpf_object::{BpfObject, OBJECTS};
use crate::object_file::sources;
use crate::process::say;
use crate::toolchain::{self, Unavailable};
use crate::workspace::Workspace;
use anyhow::{Context as _, Result, bail};
use std::fs;
use std::path::Path;

const MEND: &str = "run `cargo xtask ebpf` and commit tracer/bpf/ and bench/bpf/";

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Rebuild from nothing in a temporary place and fail if a committed object differs.
    #[arg(long, conflicts_with = "dev")]
    check: bool,
    /// Build the programs of tracer for trying out, outside the tree, whose verifier log shows
    /// source lines.
    #[arg(long)]
    dev: bool,
}

pub(crate) fn main(options: &Options) -> Result<()> {
    let workspace = Workspace::open()?;
    if options.dev {
        try_out(&workspace)
    } else if options.check {
        check(&workspace)
    } else {
        write(&workspace)
    }
}

fn try_out(workspace: &Workspace) -> Result<()> {
    let toolchain = toolchain::ensure(workspace)?;
    let target = workspace.target().join("bpf-dev");
    let [tracer, _] = OBJECTS;
    let bytes = build(workspace, &toolchain, tracer, &target, Paths::AsTheyAre)?;
    let object = target.join(tracer.file);
    fs::write(&object, bytes)?;
    say(format!("ebpf: to build tracer with it: export TRACER_BPF_OBJ={}", object.display()));
    Ok(())
}

fn write(workspace: &Workspace) -> Result<()> {
    let toolchain = toolchain::ensure(workspace)?;
    let target = workspace.target().join("bpf");
    for which in OBJECTS {
        let bytes = build(workspace, &toolchain, which, &target, Paths::Renamed)?;
        let object = which.path(workspace);
        if let Some(home) = object.parent() {
            fs::create_dir_all(home)?;
        }
        fs::write(&object, &bytes)?;
        fs::write(which.sources_path(workspace), sources(workspace, which, &bytes)?)?;
        say(format!("ebpf: wrote {} ({} bytes) and its .sources", object.display(), bytes.len()));
    }
    Ok(())
}

fn check(workspace: &Workspace) -> Result<()> {
    let mut committed = Vec::new();
    for which in OBJECTS {
        committed.push((which, recorded(workspace, which)?));
    }
    say("ebpf: sources, pinned tools, dependencies and objects match the record");
    let toolchain = match toolchain::ensure(workspace) {
        Ok(toolchain) => toolchain,
        Err(error) if error.is::<Unavailable>() => {
            say("ebpf: ******************************************************************");
            say("ebpf: NOT REBUILT: the objects were checked by hash only, not byte by byte.");
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
    let rebuilt = committed
        .iter()
        .map(|(which, _)| build(workspace, &toolchain, *which, &fresh, Paths::Renamed))
        .collect::<Result<Vec<_>>>();
    fs::remove_dir_all(&fresh)?;
    for ((which, committed), rebuilt) in committed.iter().zip(rebuilt?) {
        compare(&which.path(workspace), committed, &rebuilt)?;
    }
    Ok(())
}

/// The committed bytes, once the record beside them tells them and their sources as they are.
fn recorded(workspace: &Workspace, which: BpfObject) -> Result<Vec<u8>> {
    let read = |path: &Path| {
        fs::read(path).with_context(|| format!("cannot read {}: {MEND}", path.display()))
    };
    let text = which.sources_path(workspace);
    let committed = read(&which.path(workspace))?;
    let recorded = String::from_utf8(read(&text)?)?;
    let expected = sources(workspace, which, &committed)?;
    if let Some((was, is)) = first_difference(&recorded, &expected) {
        bail!("{} says `{was}`, but it is `{is}`: {MEND}", text.display());
    }
    Ok(committed)
}

fn compare(object: &Path, committed: &[u8], rebuilt: &[u8]) -> Result<()> {
    if rebuilt != committed {
        let at = rebuilt.iter().zip(committed).position(|(new, old)| new != old);
        bail!(
            "{} ({} bytes) is not what its sources give ({} bytes; first difference at byte {}): {MEND}",
            object.display(),
            committed.len(),
            rebuilt.len(),
            at.unwrap_or(rebuilt.len().min(committed.len())),
        );
    }
    say(format!(
        "ebpf: a build from nothing gave the same {} bytes of {}",
        committed.len(),
        object.display(),
    ));
    Ok(())
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
