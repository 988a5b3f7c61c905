//! One hash over the sources of the BPF object: every file of `tracer-ebpf` that can change it.
//!
//! Shared by `xtask`, which writes it beside the object, and by the build script of `tracer`,
//! which compares it; therefore std and sha2 only, and nothing about cargo or the toolchain.

use sha2::{Digest as _, Sha256};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Name of the line of `tracer.bpf.o.sources` that carries [`source_hash`].
pub(crate) const SOURCES_KEY: &str = "sources";

/// Lower-case hex sha256 over `Cargo.toml` and `src/**` of `package`, sorted by path.
///
/// Each file enters as its relative path, its length and its bytes, so that neither a rename nor
/// a move of bytes between files goes unseen.
pub(crate) fn source_hash(package: &Path) -> io::Result<String> {
    let mut files = vec![PathBuf::from("Cargo.toml")];
    collect(package, Path::new("src"), &mut files)?;
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
