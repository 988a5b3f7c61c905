//! Rules of the tree that no tool knows: every source file says what it is, none is too long, and
//! stages import only earlier stages. Pure but for [`check`], which reads the files.

mod stages;

use anyhow::{Context as _, Result};
use std::fs;
use std::path::{Path, PathBuf};

/// Past this a file holds more than one idea.
const LINES: usize = 400;

/// Every fault of the tree below `root`, as `path: sentence`.
pub(crate) fn check(root: &Path) -> Result<Vec<String>> {
    let mut files = Vec::new();
    for folder in ["batch", "bench", "tracer", "tracer-ebpf", "xtask", "tests"] {
        collect(&root.join(folder), &mut files)?;
    }
    files.sort();
    let mut faults = Vec::new();
    for path in files {
        let text =
            fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let name = path.strip_prefix(root)?.to_string_lossy().into_owned();
        let found = file_faults(&text).into_iter().chain(stages::faults(&name, &text));
        faults.extend(found.map(|fault| format!("{name}: {fault}")));
    }
    Ok(faults)
}

fn file_faults(text: &str) -> Vec<String> {
    let mut faults = Vec::new();
    if !text.starts_with("//! ") {
        faults.push("does not begin with a `//!` header: what it owns, what it must not do".into());
    }
    let lines = text.lines().count();
    if lines > LINES {
        faults.push(format!("has {lines} lines, more than {LINES}: split it by idea"));
    }
    faults
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    if !folder.exists() {
        return Ok(());
    }
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{LINES, file_faults};

    #[test]
    fn a_file_without_a_header_is_a_fault() {
        assert_eq!(file_faults("//! Owns a thing.\nfn f() {}\n"), Vec::<String>::new());
        assert_eq!(file_faults("fn f() {}\n").len(), 1);
    }

    #[test]
    fn a_file_that_is_too_long_is_a_fault() {
        let long = format!("//! Long.\n{}", "\n".repeat(LINES));
        assert_eq!(file_faults(&long).len(), 1);
        assert!(file_faults(&long[..long.len() - 1]).is_empty());
    }
}
