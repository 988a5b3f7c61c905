//! What a process is by the libraries it has mapped: runtimes that are libraries, and, for programs
//! that are none, the client library they talk with.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use super::bounded::Bounded;
use super::kind::RuntimeKind;
use super::root::Root;
use super::{elf, markers};

/// Most of `/proc/PID/maps` that is read: some 10,000 mappings.
const MAPS: u64 = 1 << 20;

/// How the version of a library is found.
enum Version {
    /// In a file `release` above it, as `JAVA_VERSION`.
    Release,
    /// It is the name of its folder.
    Folder,
    /// In the library itself.
    Marker,
    /// Behind these words of its file name.
    Name(&'static str),
}

/// Beginning of a file name, what it means, and where its version is; the first that fits counts.
/// Runtimes come first: what a Python process loads, it loads for Python.
const LIBRARIES: &[(&str, RuntimeKind, Version)] = &[
    ("libjvm.so", RuntimeKind::Jvm, Version::Release),
    ("libcoreclr.so", RuntimeKind::DotNet, Version::Folder),
    ("libnode.so", RuntimeKind::Node, Version::Marker),
    ("libpython", RuntimeKind::CPython, Version::Marker),
    ("libruby", RuntimeKind::Ruby, Version::Marker),
    ("libphp", RuntimeKind::Php, Version::Marker),
    ("libperl.so", RuntimeKind::Perl, Version::Name("libperl.so.")),
    // libpq.so.5.N is that of PostgreSQL N, since 10.
    ("libpq.so", RuntimeKind::LibPq, Version::Name("libpq.so.5.")),
    ("libhiredis", RuntimeKind::LibHiredis, Version::Name("libhiredis.so.")),
    ("libcurl", RuntimeKind::LibCurl, Version::Marker),
];

/// The runtime of the process, by what it has mapped.
pub(super) fn kind(pid: u32) -> Option<(RuntimeKind, Option<String>)> {
    let mut maps = Vec::new();
    File::open(format!("/proc/{pid}/maps")).ok()?.take(MAPS).read_to_end(&mut maps).ok()?;
    let (path, kind, version) = find(&mapped(&String::from_utf8_lossy(&maps)))?;
    let root = Root::of(pid);
    let version = root.and_then(|root| match version {
        Version::Release => release(&root, &path),
        Version::Folder => numbered(path.parent()?.file_name()?.to_str()?),
        Version::Marker => marker(&root, &path, kind),
        Version::Name(before) => numbered(path.file_name()?.to_str()?.strip_prefix(before)?),
    });
    Some((kind, version))
}

/// The files among the lines of `/proc/PID/maps`: five fields, then the path to the end of the line.
fn mapped(maps: &str) -> BTreeSet<PathBuf> {
    let paths = maps.lines().filter_map(|line| line.find('/').map(|at| &line[at..]));
    // A library that was replaced by an upgrade still runs.
    paths.map(|path| PathBuf::from(path.trim_end_matches(" (deleted)"))).collect()
}

fn find(paths: &BTreeSet<PathBuf>) -> Option<(PathBuf, RuntimeKind, &'static Version)> {
    LIBRARIES.iter().find_map(|(name, kind, version)| {
        let mut paths = paths.iter();
        let found = paths.find(|path| {
            let file = path.file_name().and_then(|file| file.to_str());
            file.is_some_and(|file| file.starts_with(name) && file.contains(".so"))
        });
        found.map(|path| (path.clone(), *kind, version))
    })
}

/// `lib/server/libjvm.so` below the home of Java, which has it; up to Java 8 two folders deeper.
fn release(root: &Root, path: &Path) -> Option<String> {
    let text =
        path.ancestors().skip(2).take(4).find_map(|home| root.text(&home.join("release")))?;
    let version = text.lines().find_map(|line| line.strip_prefix("JAVA_VERSION="))?;
    numbered(version.trim_matches('"'))
}

fn marker(root: &Root, path: &Path, kind: RuntimeKind) -> Option<String> {
    let data = Bounded::new(root.open(path)?)?;
    let image = elf::parse(&data)?;
    let (found, version) = markers::kind(&*image)?;
    version.filter(|_| found == kind)
}

/// It, if it begins with a digit and is of the characters of versions.
pub(super) fn numbered(text: &str) -> Option<String> {
    let is_version = text.len() <= 32
        && text.starts_with(|first: char| first.is_ascii_digit())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || ".-+_".contains(c));
    is_version.then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(names: &[&str]) -> Option<RuntimeKind> {
        let line = |name: &&str| format!("7f00-7f01 r-xp 00000000 08:01 123   {name}\n");
        let maps: String = names.iter().map(line).collect();
        find(&mapped(&format!("55-56 rw-p 0 00:00 0   [heap]\n{maps}"))).map(|(_, kind, _)| kind)
    }

    #[test]
    fn a_runtime_counts_before_the_client_libraries_it_uses() {
        let (curl, python) = ("/usr/lib/libcurl.so.4.8.0", "/a b/libpython3.11.so.1.0");
        assert_eq!(found(&[curl]), Some(RuntimeKind::LibCurl));
        assert_eq!(found(&[curl, python]), Some(RuntimeKind::CPython));
        assert_eq!(found(&["/x/libjvm.so (deleted)"]), Some(RuntimeKind::Jvm));
        assert_eq!(found(&["/usr/lib/libc.so.6", "/srv/libpython/data"]), None);
    }

    #[test]
    fn the_version_of_java_is_in_the_release_file_of_its_home() {
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path().join("jdk");
        for (deep, version) in [("lib/server", "17.0.15"), ("jre/lib/amd64/server", "1.8.0_402")] {
            std::fs::create_dir_all(home.join(deep)).unwrap();
            let text = format!("IMPLEMENTOR=\"X\"\nJAVA_VERSION=\"{version}\"\n");
            std::fs::write(home.join("release"), text).unwrap();
            let root = Root::of(std::process::id()).unwrap();
            let path = home.join(deep).join("libjvm.so");
            assert_eq!(release(&root, &path).as_deref(), Some(version));
        }
    }

    #[test]
    fn what_is_no_version_is_not_told_as_one() {
        assert_eq!(numbered("8.0.1").as_deref(), Some("8.0.1"));
        assert_eq!((numbered("net8"), numbered(""), numbered("1 2")), (None, None, None));
    }
}
