//! Which network namespaces have connections, and a file to enter each by: `iter/tcp` shows a thread
//! the sockets of its own namespace only.

use std::collections::{BTreeMap, BTreeSet};
use std::mem::offset_of;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;

use bytes::Buf;
use tracer_ebpf::Conn;

use super::net_files::NetFiles;

/// Most foreign namespaces walked in one snapshot, in turn: each costs a thread and a walk.
const WALKS: usize = 16;
/// Most namespaces remembered from one snapshot, some 20 bytes each. Of connections in others it is
/// not known whether they are idle, and nothing is said of it.
const MOST: usize = 4_096;

/// Namespaces met in the last snapshot.
#[derive(Debug, Default)]
pub(super) struct Namespaces {
    /// Inode number of the namespace → an owner of a connection in it, 0 if none is known.
    met: BTreeMap<u32, u32>,
    /// Those that could not be entered by an owner: mostly because that one has ended.
    closed: BTreeSet<u32>,
    /// Files by which some of them can be.
    ways: BTreeMap<u32, PathBuf>,
    files: NetFiles,
    /// Our own, which needs no process.
    own: Option<u32>,
    /// Our own was met.
    has_own: bool,
    /// Last one walked.
    last: u32,
    /// /proc has other processes under the kernel's numbers: no namespace is reached through it.
    is_blind: bool,
}

impl Namespaces {
    /// Nothing met yet.
    pub(super) fn new(sees_pids: bool) -> Self {
        // Without /proc no other namespace can be reached either.
        let own = std::fs::metadata("/proc/self/ns/net").ok();
        Self {
            own: own.and_then(|own| u32::try_from(own.ino()).ok()),
            is_blind: !sees_pids,
            ..Self::default()
        }
    }

    /// Forgets what the snapshot before met.
    pub(super) fn begin(&mut self) {
        self.met.clear();
        self.has_own = false;
    }

    /// Whether our own was met, or may have been.
    pub(super) const fn has_own(&self) -> bool {
        self.has_own || self.own.is_none()
    }

    /// Takes the raw bytes of one table entry that is to be walked.
    pub(super) fn meet(&mut self, bytes: &[u8]) {
        let field = |at: usize| bytes.get(at..).and_then(|mut rest| rest.try_get_u32_ne().ok());
        let netns = field(offset_of!(Conn, netns));
        self.has_own |= netns == self.own;
        let netns = netns.filter(|netns| Some(*netns) != self.own);
        let owner = field(offset_of!(Conn, owner_tgid)).filter(|_| !self.is_blind);
        if let (Some(netns), Some(pid)) = (netns, owner)
            && (self.met.len() < MOST || self.met.contains_key(&netns))
        {
            let known = self.met.entry(netns).or_default();
            // The last one: it is more likely to live.
            *known = if pid == 0 { *known } else { pid };
        }
    }

    /// The namespaces whose turn it is, each with a file by which it may be entered.
    pub(super) fn due(&mut self) -> Vec<(u32, PathBuf)> {
        let Self { met, closed, ways, .. } = self;
        closed.retain(|netns| met.contains_key(netns));
        ways.retain(|netns, _| met.contains_key(netns));
        if !closed.is_empty() && self.files.is_due() {
            ways.append(&mut self.files.find(closed));
        }
        let way = |(netns, pid): (&u32, &u32)| {
            let of_owner = || (*pid != 0).then(|| format!("/proc/{pid}/ns/net").into());
            (*netns, ways.get(netns).cloned().or_else(of_owner))
        };
        let after = met.range(self.last + 1..).chain(met.range(..=self.last));
        let turn: Vec<_> = after.take(WALKS).map(way).collect();
        if let Some((netns, _)) = turn.last() {
            self.last = *netns;
        }
        // Those without any file are looked for the next time.
        closed.extend(turn.iter().filter(|(_, way)| way.is_none()).map(|(netns, _)| *netns));
        turn.into_iter().filter_map(|(netns, way)| Some((netns, way?))).collect()
    }

    /// Which of those that were due could be entered.
    pub(super) fn entered(&mut self, due: &[(u32, PathBuf)], walked: &[u32]) {
        for (netns, _) in due {
            if walked.contains(netns) {
                self.closed.remove(netns);
            } else {
                self.ways.remove(netns);
                self.closed.insert(*netns);
            }
        }
    }

    /// Our own; `None` if it is not known.
    pub(super) const fn own(&self) -> Option<u32> {
        self.own
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(netns: u32, pid: u32) -> Vec<u8> {
        let mut bytes = vec![0; Conn::SIZE];
        bytes[offset_of!(Conn, netns)..][..4].copy_from_slice(&netns.to_ne_bytes());
        bytes[offset_of!(Conn, owner_tgid)..][..4].copy_from_slice(&pid.to_ne_bytes());
        bytes
    }

    #[test]
    fn each_namespace_gets_its_turn() {
        let mut namespaces = Namespaces { own: Some(5), ..Namespaces::default() };
        for netns in 1..=20 {
            namespaces.meet(&entry(netns, 100 + netns));
        }
        namespaces.meet(&entry(30, 0));
        assert!(namespaces.has_own());
        let first = namespaces.due();
        assert_eq!(first.len(), WALKS);
        let numbers =
            |due: &[(u32, PathBuf)]| due.iter().map(|(netns, _)| *netns).collect::<Vec<_>>();
        assert!(!numbers(&first).contains(&5), "our own needs no help");
        let second = namespaces.due();
        assert_eq!(numbers(&second)[..4], [18, 19, 20, 1]);
        assert_eq!(second[0].1, PathBuf::from("/proc/118/ns/net"));
    }

    #[test]
    fn one_whose_owner_has_ended_is_entered_by_another_process() {
        let here = std::fs::metadata("/proc/self/ns/net").unwrap().ino();
        let here = u32::try_from(here).unwrap();
        let mut namespaces = Namespaces { own: Some(5), ..Namespaces::default() };
        // No process has this number; nobody is known to own the other's.
        for (netns, pid) in [(here, u32::MAX), (here.wrapping_add(1), 0)] {
            namespaces.meet(&entry(netns, pid));
        }
        let due = namespaces.due();
        assert_eq!(due, [(here, PathBuf::from(format!("/proc/{}/ns/net", u32::MAX)))]);
        namespaces.entered(&due, &[]);
        let due = namespaces.due();
        let [(netns, way)] = due.as_slice() else { panic!("{due:?}") };
        assert_eq!(way.metadata().unwrap().ino(), u64::from(*netns));
        namespaces.entered(&due, &[*netns]);
        assert_eq!(namespaces.due().len(), 1, "the way is remembered");
        namespaces.begin();
        assert!(namespaces.due().is_empty() && namespaces.ways.is_empty());
    }

    #[test]
    fn no_process_is_trusted_where_proc_has_others_under_its_number() {
        let mut namespaces = Namespaces::new(false);
        namespaces.meet(&entry(1, 101));
        assert!(namespaces.due().is_empty());
    }

    #[test]
    fn the_number_of_namespaces_remembered_is_bounded() {
        let mut namespaces = Namespaces::default();
        for netns in 1..=3 * u32::try_from(MOST).unwrap() {
            namespaces.meet(&entry(netns, 1));
        }
        assert_eq!(namespaces.met.len(), MOST);
    }

    #[test]
    fn cut_off_bytes_are_not_a_namespace() {
        let mut namespaces = Namespaces::default();
        namespaces.meet(&[1; 10]);
        assert!(namespaces.due().is_empty());
    }
}
