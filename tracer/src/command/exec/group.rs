//! A control group of version 2 for one command: made, entered, listed, removed. By it the command's
//! processes are told from others, also those that end at once or leave their session and parent.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use procfs::process::Process;

use super::super::Error;
use crate::clock::Clock;

const PROCESSES: &str = "cgroup.procs";
/// A process may fork while those of its group are moved: so often they are looked up again.
const ROUNDS: usize = 100;

/// Where a group can be made.
pub(super) struct Place {
    /// The folder above.
    above: PathBuf,
    /// The same as `/proc/PID/cgroup` shows it, without a slash at its end.
    shown: String,
    name: String,
}

impl Place {
    /// Below our own group, so that limits set for us hold for the command too.
    pub(super) fn find() -> Result<Self, Error> {
        let own = Process::myself().ok();
        let mounts = own.as_ref().and_then(|own| own.mountinfo().ok());
        let mut mounts = mounts.into_iter().flatten();
        let mount = mounts.find(|mount| mount.fs_type == "cgroup2").ok_or(Error::NoGroups)?;
        let groups = own.and_then(|own| own.cgroups().ok()).into_iter().flat_map(|all| all.0);
        let shown = groups.into_iter().find(|group| group.hierarchy == 0);
        let shown = shown.map_or_else(|| mount.root.clone(), |group| group.pathname);
        let above = below(&mount.mount_point, &mount.root, &shown).ok_or(Error::NoGroups)?;
        let name = format!("tracer-exec-{}-{}", std::process::id(), Clock::monotonic_ns());
        Ok(Self { above, shown: shown.trim_end_matches('/').to_owned(), name })
    }

    /// Path of the group to be, as `/proc/PID/cgroup` will show it.
    pub(super) fn path(&self) -> String {
        format!("{}/{}", self.shown, self.name)
    }

    /// Makes the group.
    pub(super) fn make(self) -> Result<Group, Error> {
        let path = self.above.join(self.name);
        fs::create_dir(&path).map_err(|error| failed(&path, error))?;
        Ok(Group { path, above: self.above })
    }
}

/// The folder of the group `shown`, where `mount` shows the hierarchy from `root` on.
fn below(mount: &Path, root: &str, shown: &str) -> Option<PathBuf> {
    let rest = shown.strip_prefix(root.trim_end_matches('/'))?;
    let is_within = rest.is_empty() || rest.starts_with('/');
    // A group above the root of our namespace is shown as `/..`.
    (is_within && !rest.split('/').any(|part| part == ".."))
        .then(|| mount.join(rest.trim_start_matches('/')))
}

fn failed(path: &Path, error: io::Error) -> Error {
    Error::Group { path: path.display().to_string(), error }
}

/// The group. Removed when it is dropped.
pub(in super::super) struct Group {
    path: PathBuf,
    above: PathBuf,
}

impl Group {
    /// Does `work` as a member: a process that it starts is one from its first instruction on.
    pub(super) fn within<T>(&self, work: impl FnOnce() -> T) -> Result<T, Error> {
        // 0 is whoever writes it, whatever number it has in which namespace.
        move_to(&self.path, "0").map_err(|error| failed(&self.path, error))?;
        let done = work();
        if let Err(error) = move_to(&self.above, "0") {
            // The command runs by now, and must not be left without anyone who waits for it.
            tracing::warn!(%error, "tracer counts as a process of the command");
        }
        Ok(done)
    }

    /// Numbers of the group and of all below it, by which records name them.
    pub(in super::super) fn numbers(&self) -> Vec<u64> {
        let groups = self.all();
        groups.iter().filter_map(|path| Some(fs::metadata(path).ok()?.ino())).collect()
    }

    /// Its processes and those of the groups below it.
    pub(super) fn processes(&self) -> Vec<u32> {
        self.all().iter().flat_map(|path| members(path)).collect()
    }

    /// The group and all below it, each before those within.
    fn all(&self) -> Vec<PathBuf> {
        let mut groups = vec![self.path.clone()];
        let mut at = 0;
        while let Some(group) = groups.get(at) {
            let inside = fs::read_dir(group).into_iter().flatten().flatten();
            let folders = inside.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
            let folders: Vec<_> = folders.map(|entry| entry.path()).collect();
            groups.extend(folders);
            at += 1;
        }
        groups
    }

    /// Puts processes that outlive the command where they would be without us, then removes the
    /// group. Groups that the command made, and left with processes, are somebody's: they stay.
    fn remove(&self) -> io::Result<()> {
        for _ in 0..ROUNDS {
            let left = members(&self.path);
            if left.is_empty() {
                break;
            }
            for pid in left {
                // One that has ended meanwhile is in no group.
                let _gone = move_to(&self.above, &pid.to_string());
            }
        }
        for path in self.all().iter().skip(1).rev() {
            let _still_in_use = fs::remove_dir(path);
        }
        fs::remove_dir(&self.path)
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Err(error) = self.remove() {
            let path = self.path.display();
            tracing::warn!(%error, "the control group {path} could not be removed");
        }
    }
}

fn move_to(group: &Path, pid: &str) -> io::Result<()> {
    fs::write(group.join(PROCESSES), pid)
}

/// Processes of one group; those outside our PID namespace are shown as 0, and cannot be moved.
fn members(group: &Path) -> Vec<u32> {
    let text = fs::read_to_string(group.join(PROCESSES)).unwrap_or_default();
    text.lines().filter_map(|line| line.parse().ok()).filter(|pid| *pid != 0).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_of_a_group_is_found_below_any_mount() {
        let found = |root, shown| below(Path::new("/m"), root, shown);
        assert_eq!(found("/", "/"), Some("/m".into()));
        assert_eq!(found("/", "/a/b"), Some("/m/a/b".into()));
        assert_eq!(found("/a", "/a/b"), Some("/m/b".into()));
        assert_eq!(found("/a", "/a"), Some("/m".into()));
        assert_eq!(found("/a", "/ab"), None);
        assert_eq!(found("/", "/../b"), None);
    }
}
