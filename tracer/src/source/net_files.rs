//! Finds a way into network namespaces whose connections have no owner that still lives: a file by
//! which each can be entered, of any process that is in it, or of those that keep it by name.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Most processes that are looked at each time, at some microseconds each.
const MOST: usize = 16_384;
/// Between two searches; twice as long after each that found nothing, up to [`LONGEST`].
const SHORTEST: Duration = Duration::from_secs(5);
const LONGEST: Duration = Duration::from_secs(320);
/// Where namespaces are kept by name: `ip netns` and container runtimes, Docker.
const NAMED: [&str; 2] = ["/run/netns", "/run/docker/netns"];

/// Paces the search.
#[derive(Debug)]
pub(super) struct NetFiles {
    next: Option<Instant>,
    pause: Duration,
}

impl Default for NetFiles {
    fn default() -> Self {
        Self { next: None, pause: SHORTEST }
    }
}

impl NetFiles {
    /// Whether it may be searched again.
    pub(super) fn is_due(&self) -> bool {
        self.next.is_none_or(|next| next <= Instant::now())
    }

    /// Files of as many of `wanted`, by inode number, as there are.
    pub(super) fn find(&mut self, wanted: &BTreeSet<u32>) -> BTreeMap<u32, PathBuf> {
        let found = find(wanted, Path::new("/proc"), &NAMED.map(Path::new));
        self.pause = if found.is_empty() { (2 * self.pause).min(LONGEST) } else { SHORTEST };
        self.next = Some(Instant::now() + self.pause);
        found
    }
}

fn find(wanted: &BTreeSet<u32>, proc: &Path, named: &[&Path]) -> BTreeMap<u32, PathBuf> {
    let files = named.iter().filter_map(|place| place.read_dir().ok()).flatten().flatten();
    let kept = files.map(|file| file.path());
    let processes = proc.read_dir().into_iter().flatten().flatten();
    let processes = processes
        .filter(|entry| entry.file_name().as_encoded_bytes().iter().all(u8::is_ascii_digit))
        .take(MOST)
        .map(|process| process.path().join("ns/net"));
    let mut found = BTreeMap::new();
    for file in kept.chain(processes) {
        if found.len() == wanted.len() {
            break;
        }
        // A process that is gone, or that we may not look at, is not the way.
        let Ok(about) = file.metadata() else { continue };
        if let Ok(netns) = u32::try_from(about.ino())
            && wanted.contains(&netns)
        {
            found.entry(netns).or_insert(file);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn our_own_namespace_is_found_by_any_process_in_it() {
        let own = fs::metadata("/proc/self/ns/net").unwrap();
        let own = u32::try_from(own.ino()).unwrap();
        let mut files = NetFiles::default();
        assert!(files.is_due());
        let found = files.find(&[own, 1].into());
        assert_eq!(found.keys().copied().collect::<Vec<_>>(), [own]);
        assert_eq!(found[&own].metadata().unwrap().ino(), u64::from(own));
        assert!(!files.is_due());
    }

    #[test]
    fn a_search_in_vain_is_made_ever_less_often() {
        let mut files = NetFiles::default();
        for _ in 0..10 {
            assert!(files.find(&[1].into()).is_empty());
        }
        assert_eq!(files.pause, LONGEST);
    }

    #[test]
    fn one_that_is_only_kept_by_name_is_found_and_what_is_no_process_is_not_looked_at() {
        let root = tempfile::tempdir().unwrap();
        let (proc, named) = (root.path().join("proc"), root.path().join("netns"));
        for dir in ["12/ns", "self/ns"] {
            fs::create_dir_all(proc.join(dir)).unwrap();
            fs::write(proc.join(dir).join("net"), "").unwrap();
        }
        fs::create_dir(&named).unwrap();
        fs::write(named.join("blue"), "").unwrap();
        let number = |path: &Path| u32::try_from(path.metadata().unwrap().ino()).unwrap();
        let (of_12, of_self) = (proc.join("12/ns/net"), proc.join("self/ns/net"));
        let blue = named.join("blue");
        let wanted = [&of_12, &of_self, &blue].map(|path| number(path)).into();
        let found = find(&wanted, &proc, &[&named, Path::new("/nowhere")]);
        assert_eq!(found, [(number(&of_12), of_12), (number(&blue), blue)].into());
    }
}
