//! Which runtime a process has, from its executable and what it has mapped.
//!
//! Looked at once per executable, never per connection. Exact marks in the file count before names,
//! so that a renamed program is still what it is. What cannot be read, or is nothing known, is
//! unknown: never an error, never a guess.

mod bounded;
mod cache;
mod elf;
mod kind;
mod libraries;
mod markers;
mod names;
mod root;

use std::fs::File;
use std::path::Path;

use bounded::Bounded;
use root::Root;

pub(super) use cache::Cache;
pub use kind::{Runtime, RuntimeKind};

/// The runtime of the process whose executable is `file`, called `path` within its root.
fn recognise(pid: u32, file: File, path: &Path) -> Option<Runtime> {
    // A replaced executable still runs, and can still be read.
    let path = path.to_string_lossy();
    let path = Path::new(path.trim_end_matches(" (deleted)"));
    let (kind, version) = of_file(file, path).or_else(|| libraries::kind(pid))?;
    let version = version.or_else(|| installed(pid, path, kind));
    Some(Runtime { kind, version })
}

fn of_file(file: File, path: &Path) -> Option<(RuntimeKind, Option<String>)> {
    let data = Bounded::new(file)?;
    let image = elf::parse(&data)?;
    let name = path.file_name()?.to_string_lossy();
    markers::kind(&*image).or_else(|| names::kind(&name, || image.text()))
}

/// The version from what is installed beside the executable, or from its name.
fn installed(pid: u32, path: &Path, kind: RuntimeKind) -> Option<String> {
    match kind {
        RuntimeKind::Node => node_header(&Root::of(pid)?, path),
        // `python3.9`, where the file itself does not tell.
        RuntimeKind::CPython => {
            libraries::numbered(path.file_name()?.to_str()?.strip_prefix("python")?)
                .filter(|version| version.contains('.'))
        }
        _ => None,
    }
}

/// `include/node/node_version.h` beside `bin/node`, as every way to install it leaves it.
fn node_header(root: &Root, path: &Path) -> Option<String> {
    let prefix = path.parent()?.parent()?;
    let text = root.text(&prefix.join("include/node/node_version.h"))?;
    let number = |part: &str| {
        let name = format!("NODE_{part}_VERSION");
        let mut words = text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
        words.find_map(|words| match words[..] {
            ["#define", word, number] if word == name => number.parse::<u32>().ok(),
            _ => None,
        })
    };
    Some(format!("{}.{}.{}", number("MAJOR")?, number("MINOR")?, number("PATCH")?))
}

#[cfg(test)]
mod tests;
