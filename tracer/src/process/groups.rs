//! Paths of control groups by the number that the kernel notes with a connection: for processes that are
//! gone before anybody can ask which group they are in. Bounded, and read again only now and then.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use procfs::process::Process;

use super::cgroup;
use crate::hash::{Map, Set};

/// Most groups that are looked at.
const MOST: usize = 65_536;
/// How soon all are looked at again for a number that none had.
const PAUSE: Duration = Duration::from_secs(5);

/// The groups that are known. Where the hierarchy of version 2 is not mounted there are none.
#[derive(Debug, Default)]
pub(super) struct Groups {
    root: Option<PathBuf>,
    by_number: Map<u64, String>,
    /// Numbers that a look at all did not find, although their groups were there before: they are gone,
    /// and numbers are not used again.
    gone: Set<u64>,
    read_at: Option<Instant>,
    reads: u64,
}

/// What is known of a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Named<'a> {
    /// The path, as `/proc/PID/cgroup` has it.
    Path(&'a str),
    /// Nothing before all are looked at again.
    Later,
    /// Nothing, for good.
    Never,
}

impl Groups {
    /// Those below a folder.
    #[cfg(test)]
    pub(super) fn below(root: &Path) -> Self {
        Self { root: Some(root.into()), ..Self::default() }
    }

    /// What is known of a group that was there before now.
    pub(super) fn path(&mut self, number: u64) -> Named<'_> {
        let is_known = self.by_number.contains_key(&number) || self.gone.contains(&number);
        if !is_known && self.is_due() {
            self.read();
            self.give_up(number);
        }
        match self.by_number.get(&number) {
            Some(path) => Named::Path(path),
            None if self.root.is_none() || self.gone.contains(&number) => Named::Never,
            None => Named::Later,
        }
    }

    /// Looks at all again if that is due, or `at_once`.
    pub(super) fn refresh(&mut self, at_once: bool) {
        if at_once || self.is_due() {
            self.read();
        }
    }

    /// How often all were looked at so far.
    pub(super) const fn reads(&self) -> u64 {
        self.reads
    }

    /// The path of a group that was there before all were looked at last.
    pub(super) fn path_at_last(&mut self, number: u64) -> Option<&str> {
        self.give_up(number);
        self.by_number.get(&number).map(String::as_str)
    }

    fn give_up(&mut self, number: u64) {
        if self.by_number.contains_key(&number) {
            return;
        }
        if self.gone.len() >= MOST {
            self.gone.clear();
        }
        self.gone.insert(number);
    }

    fn is_due(&self) -> bool {
        self.read_at.is_none_or(|at| at.elapsed() >= PAUSE)
    }

    fn read(&mut self) {
        self.read_at = Some(Instant::now());
        self.reads += 1;
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

/// Where the hierarchy is: all of it, where a container has its own part mounted, too. The root of a mount
/// that begins above our control group namespace is told like a path there, by the way up.
fn mounted() -> Option<PathBuf> {
    let mounts = Process::myself().and_then(|own| own.mountinfo()).ok()?;
    let whole = |root: &str| cgroup::below(root) == "/";
    let trees = mounts.into_iter().filter(|mount| mount.fs_type == "cgroup2" && whole(&mount.root));
    let highest = trees.min_by_key(|mount| std::cmp::Reverse(mount.root.len()));
    highest.map(|mount| mount.mount_point)
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
        let mut groups = Groups::below(root.path());
        assert_eq!(groups.path(number(&group)), Named::Path("/kubepods.slice/pod1"));
        assert_eq!(groups.path(number(root.path())), Named::Later);
        let later = root.path().join("later");
        fs::create_dir(&later).unwrap();
        assert_eq!(groups.path(number(&later)), Named::Later, "not looked at for each of them");
        groups.read_at = groups.read_at.and_then(|at| at.checked_sub(PAUSE));
        assert_eq!(groups.path(number(&later)), Named::Path("/later"));
    }

    #[test]
    fn a_number_that_is_gone_is_not_looked_for_again() {
        let root = tempfile::tempdir().unwrap();
        let mut groups = Groups::below(root.path());
        assert_eq!(groups.path(u64::MAX), Named::Never);
        groups.read_at = None;
        assert_eq!(groups.path(u64::MAX), Named::Never);
        assert_eq!(groups.reads(), 1);
        groups.refresh(false);
        assert_eq!(groups.path(u64::MAX - 1), Named::Later, "met after all were looked at");
        groups.refresh(false);
        assert_eq!(groups.reads(), 2, "not due yet");
        groups.refresh(true);
        assert_eq!(groups.path_at_last(u64::MAX - 1), None);
        assert_eq!(groups.path(u64::MAX - 1), Named::Never);
        assert_eq!(groups.reads(), 3);
    }
}
