//! Runtimes by executable, bounded, so that a storm of short commands costs one look.

use std::collections::HashMap;
use std::fs::{File, Metadata};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use super::{Runtime, recognise};
use crate::process::budget::Budget;

/// Most executables remembered; then all are forgotten. Some 150 bytes each.
const CAPACITY: usize = 4_096;
/// Most looks into new executables in a second; each reads at most a few megabytes, most of them
/// some kilobytes. Processes of further ones keep an unknown runtime.
const LOOKS_PER_S: u32 = 100;

/// Which file, and which state of it: inode numbers are given again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct FileId {
    device: u64,
    inode: u64,
    size: u64,
    changed: (i64, i64),
}

impl FileId {
    fn of(file: &Metadata) -> Self {
        Self {
            device: file.dev(),
            inode: file.ino(),
            size: file.size(),
            changed: (file.ctime(), file.ctime_nsec()),
        }
    }
}

/// What is known of executables. A program that becomes Python or PHP only by what it loads is told
/// by the first process of it that was met.
#[derive(Debug)]
pub(in crate::process) struct Cache {
    known: HashMap<FileId, Option<Runtime>>,
    budget: Budget,
    passed_over: u64,
}

impl Default for Cache {
    fn default() -> Self {
        Self { known: HashMap::new(), budget: Budget::new(LOOKS_PER_S), passed_over: 0 }
    }
}

impl Cache {
    /// Executables that were not looked into because too many were new.
    pub(in crate::process) const fn passed_over(&self) -> u64 {
        self.passed_over
    }

    /// The runtime of a living process, whose executable is called `exe` within its root.
    pub(in crate::process) fn runtime(&mut self, pid: u32, exe: &Path) -> Option<Runtime> {
        let file = File::open(format!("/proc/{pid}/exe")).ok()?;
        let id = FileId::of(&file.metadata().ok()?);
        if let Some(known) = self.known.get(&id) {
            return known.clone();
        }
        if !self.budget.take() {
            self.passed_over += 1;
            return None;
        }
        if self.known.len() == CAPACITY {
            self.known.clear();
        }
        self.known.entry(id).insert_entry(recognise(pid, file, exe)).get().clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own(cache: &mut Cache) -> Option<Runtime> {
        cache.runtime(std::process::id(), &std::env::current_exe().unwrap())
    }

    #[test]
    fn an_executable_is_looked_at_once() {
        let mut cache = Cache::default();
        assert_eq!((own(&mut cache), own(&mut cache)), (None, None));
        assert_eq!(cache.known.len(), 1);
    }

    #[test]
    fn what_is_over_the_bound_of_a_second_is_looked_at_later() {
        let mut cache = Cache { budget: Budget::new(1), ..Cache::default() };
        assert!(cache.budget.take());
        assert_eq!((own(&mut cache), cache.known.len(), cache.passed_over()), (None, 0, 1));
        cache.budget = Budget::new(1);
        own(&mut cache);
        assert_eq!(cache.known.len(), 1);
    }

    #[test]
    fn the_number_of_executables_remembered_is_bounded() {
        let id = |inode| FileId { device: 1, inode, size: 0, changed: (0, 0) };
        let known = (0..CAPACITY as u64).map(|inode| (id(inode), None)).collect();
        let mut cache = Cache { known, ..Cache::default() };
        own(&mut cache);
        assert_eq!(cache.known.len(), 1);
    }
}
