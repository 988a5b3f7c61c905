//! One hash over the sources of a BPF object: every file of `tracer-ebpf` that can change it.
//!
//! Shared by `xtask`, which writes it beside the object, and by the build script of `tracer`,
//! which compares it; therefore std and sha2 only, and nothing about cargo or the toolchain.

use sha2::{Digest as _, Sha256};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Name of the line of `tracer.bpf.o.sources` that carries [`source_hash`].
pub(crate) const SOURCES_KEY: &str = "sources";

/// Lower-case hex sha256 over `Cargo.toml` and all of `folder` of `package`, sorted by path.
///
/// Each file enters as its relative path, its length and its bytes, so that neither a rename nor
/// a move of bytes between files goes unseen.
pub(crate) fn source_hash(package: &Path, folder: &str) -> io::Result<String> {
    let mut files = vec![PathBuf::from("Cargo.toml")];
    collect(package, Path::new(folder), &mut files)?;
    files.sort();
    let mut hash = Sha256::new();
    for file in files {
        let bytes = fs::read(package.join(&file))?;
        let name = file.to_string_lossy();
        hash.update((name.len() as u64).to_le_bytes());
        hash.update(name.as_bytes());
        hash.update((bytes.len() as u64).to_le_bytes());
        hash.update(&bytes);
    }
    Ok(hex(&hash.finalize()))
}

/// Lower-case hex of `bytes`.
pub(crate) fn hex(bytes: &[u8]) -> String {
    const DIGITS: [char; 16] =
        ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'];
    let digit = |nibble: u8| DIGITS[usize::from(nibble)];
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

fn collect(package: &Path, folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(package.join(folder))? {
        let entry = entry?;
        let path = folder.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            collect(package, &path, files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{hex, source_hash};
    use std::fs;
    use std::path::PathBuf;

    /// A package in a folder of its own, removed afterwards.
    struct Package(PathBuf);

    impl Package {
        fn with(name: &str, files: &[(&str, &str)]) -> Self {
            let name = format!("xtask-source-hash-{}-{name}", std::process::id());
            let package = Self(std::env::temp_dir().join(name));
            for (file, text) in [("Cargo.toml", "[package]")].iter().chain(files) {
                let path = package.0.join(file);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, text).unwrap();
            }
            package
        }

        fn hash(&self) -> String {
            source_hash(&self.0, "src").unwrap()
        }
    }

    impl Drop for Package {
        fn drop(&mut self) {
            fs::remove_dir_all(&self.0).unwrap();
        }
    }

    #[test]
    fn the_same_files_have_the_same_hash_wherever_they_are() {
        let files = [("src/a.rs", "a"), ("src/deep/b.rs", "b")];
        assert_eq!(Package::with("one", &files).hash(), Package::with("two", &files).hash());
    }

    #[test]
    fn a_rename_is_another_hash() {
        let old = Package::with("old", &[("src/a.rs", "a")]);
        assert_ne!(old.hash(), Package::with("new", &[("src/b.rs", "a")]).hash());
    }

    #[test]
    fn text_moved_between_files_is_another_hash() {
        let before = Package::with("before", &[("src/a.rs", "ab"), ("src/b.rs", "c")]);
        let after = Package::with("after", &[("src/a.rs", "a"), ("src/b.rs", "bc")]);
        assert_ne!(before.hash(), after.hash());
    }

    #[test]
    fn files_outside_the_sources_do_not_count() {
        let bare = Package::with("bare", &[("src/a.rs", "a")]);
        let noted = Package::with("noted", &[("src/a.rs", "a"), ("NOTES", "n")]);
        assert_eq!(bare.hash(), noted.hash());
    }

    #[test]
    fn hex_is_two_digits_a_byte() {
        assert_eq!(hex(&[0, 0x1f, 0xa0]), "001fa0");
    }
}
