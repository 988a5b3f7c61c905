//! Names of a file that became large: FILE is renamed to FILE.1, that to FILE.2, and the oldest goes.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// When a file is renamed, and how many renamed ones are kept.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct Rotation {
    /// Most bytes of a file; one line that is longer is in a file of its own.
    pub(in super::super) most_bytes: u64,
    /// 0 renames none.
    pub(in super::super) keep: u32,
}

/// That a file is `PATH.1` now.
pub(super) struct Renamed {
    path: PathBuf,
    first: PathBuf,
}

impl Rotation {
    /// Whether a file of `size` is renamed before `next` bytes more.
    pub(super) fn is_due(self, size: u64, next: usize) -> bool {
        self.keep > 0 && size > 0 && size.saturating_add(next as u64) > self.most_bytes
    }

    /// Renames the file, and those that were renamed before. Only the oldest of as many as are kept is
    /// replaced: where one is missing, older ones stay as they are.
    pub(super) fn rename(self, path: &Path) -> io::Result<Renamed> {
        let path = fs::canonicalize(path)?;
        let is_free = |number: &u32| fs::symlink_metadata(numbered(&path, *number)).is_err();
        let free = (1..self.keep).find(is_free).unwrap_or(self.keep);
        for number in (1..free).rev() {
            fs::rename(numbered(&path, number), numbered(&path, number + 1))?;
        }
        let first = numbered(&path, 1);
        fs::rename(&path, &first)?;
        Ok(Renamed { path, first })
    }
}

impl Renamed {
    /// Gives it its name again, if no other has it by now.
    pub(super) fn take_back(&self) {
        if fs::symlink_metadata(&self.path).is_err() {
            // It is written on under its new name, then.
            let _renamed = fs::rename(&self.first, &self.path);
        }
    }
}

fn numbered(path: &Path, number: u32) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(format!(".{number}"));
    name.into()
}
