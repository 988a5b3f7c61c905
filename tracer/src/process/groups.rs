//! Paths of control groups by the number that the kernel notes with a connection: for processes that are
//! gone before anybody can ask which group they are in. Bounded, and read again only now and then.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use procfs::process::Process;

use crate::hash::Map;

/// Most groups that are looked at.
const MOST: usize = 65_536;
/// How soon all are looked at again for a number that none had.
const PAUSE: Duration = Duration::from_secs(5);

/// The groups that are known. Where the hierarchy of version 2 is not mounted there are none.
#[derive(Debug, Default)]
pub(super) struct Groups {
    root: Option<PathBuf>,
    by_number: Map<u64, String>,
    read_at: Option<Instant>,
}

impl Groups {
    /// The path of a group, as `/proc/PID/cgroup` has it.
    pub(super) fn path(&mut self, number: u64) -> Option<&str> {
        let is_due = self.read_at.is_none_or(|at| at.elapsed() >= PAUSE);
        if is_due && !self.by_number.contains_key(&number) {
            self.read();
        }
        self.by_number.get(&number).map(String::as_str)
    }

    fn read(&mut self) {
        self.read_at = Some(Instant::now());
        if self.root.is_none() {
            self.root = mounted();
        }
        let Some(root) = &self.root else { return };
        self.by_number.clear();
        let mut folders = vec![root.clone()];
        // The number of a group is that of its folder.
        while let Some(folder) = folders.pop().filter(|_| self.by_number.len() < MOST) {
            let Ok(about) = fs::metadata(&folder) else { continue };
            if let Some(path) = within(root, &folder) {
                self.by_number.insert(about.ino(), path);
            }
            let inside = fs::read_dir(&folder).into_iter().flatten().flatten();
            let inside = inside.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
            folders.extend(inside.map(|entry| entry.path()));
        }
    }
}

/// Where the hierarchy is.
fn mounted() -> Option<PathBuf> {
    let mounts = Process::myself().and_then(|own| own.mountinfo()).ok()?;
    mounts.into_iter().find(|mount| mount.fs_type == "cgroup2").map(|mount| mount.mount_point)
}

/// The path below the root; the root itself says nothing of anybody.
fn within(root: &Path, folder: &Path) -> Option<String> {
    let path = folder.strip_prefix(root).ok()?.to_str()?;
    (!path.is_empty()).then(|| format!("/{path}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_is_found_by_its_number_and_the_root_is_none() {
        let root = tempfile::tempdir().unwrap();
        let group = root.path().join("kubepods.slice/pod1");
        fs::create_dir_all(&group).unwrap();
        let number = |path: &Path| fs::metadata(path).unwrap().ino();
        let mut groups = Groups { root: Some(root.path().into()), ..Groups::default() };
        assert_eq!(groups.path(number(&group)), Some("/kubepods.slice/pod1"));
        assert_eq!(groups.path(number(root.path())), None);
        let later = root.path().join("later");
        fs::create_dir(&later).unwrap();
        assert_eq!(groups.path(number(&later)), None, "not looked at for each of them");
        groups.read_at = groups.read_at.and_then(|at| at.checked_sub(PAUSE));
        assert_eq!(groups.path(number(&later)), Some("/later"));
    }
}
