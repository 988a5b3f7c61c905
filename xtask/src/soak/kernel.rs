//! What of BPF the kernel holds: programs, maps, links by number, pinned files by path.

use anyhow::Result;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// Where pinned objects are, if it is mounted.
const PINNED: &str = "/sys/fs/bpf";

/// A set of objects, each as it is shown: `program 12`, `/sys/fs/bpf/a`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Objects(BTreeSet<String>);

impl Objects {
    /// All there are. Those that come or go meanwhile may be in it or not.
    pub(super) fn all() -> Result<Self> {
        let mut all = BTreeSet::new();
        // An object that is freed between its number and its information is none.
        all.extend(
            aya::programs::loaded_programs().flatten().map(|p| format!("program {}", p.id())),
        );
        all.extend(aya::programs::loaded_links().flatten().map(|l| format!("link {}", l.id())));
        all.extend(aya::maps::loaded_maps().flatten().map(|map| format!("map {}", map.id())));
        pinned(Path::new(PINNED), &mut all)?;
        Ok(Self(all))
    }

    /// Those that processes hold by descriptors; of one process, if it is given.
    pub(super) fn held(pid: Option<u32>) -> Result<Self> {
        let mut held = BTreeSet::new();
        for process in fs::read_dir("/proc")? {
            let name = process?.file_name();
            let Ok(number) = name.to_string_lossy().parse::<u32>() else { continue };
            if pid.is_some_and(|pid| pid != number) {
                continue;
            }
            // A process may end meanwhile, and has let go of everything then.
            for file in
                fs::read_dir(format!("/proc/{number}/fdinfo")).into_iter().flatten().flatten()
            {
                let text = fs::read_to_string(file.path()).unwrap_or_default();
                held.extend(text.lines().filter_map(of_fdinfo));
            }
        }
        Ok(Self(held))
    }

    /// The numbers of the maps.
    pub(super) fn maps(&self) -> impl Iterator<Item = u32> {
        self.0.iter().filter_map(|object| object.strip_prefix("map ")?.parse().ok())
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Those of `self` that `now` still has.
    pub(super) fn still_in(&self, now: &Self) -> BTreeSet<String> {
        self.0.intersection(&now.0).cloned().collect()
    }

    /// Those of `self` that were not there `before` and that nobody holds: of whoever has ended.
    pub(super) fn left_behind(&self, before: &Self, held: &Self) -> BTreeSet<String> {
        let new = self.0.difference(&before.0);
        new.filter(|object| !held.0.contains(*object)).cloned().collect()
    }
}

/// A line of `/proc/PID/fdinfo/FD` as an object.
fn of_fdinfo(line: &str) -> Option<String> {
    let (key, value) = line.split_once(':')?;
    let kind = match key {
        "prog_id" => "program",
        "map_id" => "map",
        "link_id" => "link",
        _ => return None,
    };
    Some(format!("{kind} {}", value.trim()))
}

fn pinned(folder: &Path, into: &mut BTreeSet<String>) -> Result<()> {
    let Ok(entries) = fs::read_dir(folder) else { return Ok(()) };
    for entry in entries {
        let path = entry?.path();
        if path.is_dir() {
            pinned(&path, into)?;
        }
        into.insert(path.display().to_string());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{Objects, of_fdinfo};

    fn objects(names: &[&str]) -> Objects {
        Objects(names.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn descriptors_of_bpf_are_told_from_others() {
        let lines = ["pos:\t0", "map_id:\t12", "prog_id:\t7", "link_id:\t3", "flags:\t02"];
        let found: Vec<_> = lines.into_iter().filter_map(of_fdinfo).collect();
        assert_eq!(found, ["map 12", "program 7", "link 3"]);
    }

    #[test]
    fn what_nobody_holds_and_was_not_there_before_is_left_behind() {
        let before = objects(&["map 1", "program 1"]);
        let now = objects(&["map 1", "map 2", "map 3", "/sys/fs/bpf/a"]);
        let held = objects(&["map 3"]);
        let left: Vec<_> = now.left_behind(&before, &held).into_iter().collect();
        assert_eq!(left, ["/sys/fs/bpf/a", "map 2"]);
        assert_eq!(before.still_in(&now).into_iter().collect::<Vec<_>>(), ["map 1"]);
    }
}
