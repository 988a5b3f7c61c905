//! Which network namespaces have connections, and a process to reach each by: `iter/tcp` shows a
//! thread the sockets of its own namespace only.

use std::collections::BTreeMap;
use std::mem::offset_of;
use std::os::unix::fs::MetadataExt as _;

use bytes::Buf;
use tracer_ebpf::Conn;

/// Most foreign namespaces walked in one snapshot, in turn: each costs a thread and a walk.
const WALKS: usize = 16;
/// Most namespaces remembered from one snapshot, some 20 bytes each. Of connections in others it is
/// not known whether they are idle, and nothing is said of it.
const MOST: usize = 4_096;

/// Namespaces met in the last snapshot.
#[derive(Debug, Default)]
pub(super) struct Namespaces {
    /// Inode number of the namespace → a process in it.
    met: BTreeMap<u32, u32>,
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
        let owner = field(offset_of!(Conn, owner_tgid)).filter(|pid| *pid != 0 && !self.is_blind);
        if let (Some(netns), Some(pid)) = (netns, owner)
            && (self.met.len() < MOST || self.met.contains_key(&netns))
        {
            self.met.insert(netns, pid);
        }
    }

    /// The namespaces whose turn it is, each with a process in it.
    pub(super) fn due(&mut self) -> Vec<(u32, u32)> {
        let after = self.met.range(self.last + 1..).chain(self.met.range(..=self.last));
        let due: Vec<_> = after.take(WALKS).map(|(netns, pid)| (*netns, *pid)).collect();
        if let Some((netns, _)) = due.last() {
            self.last = *netns;
        }
        due
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
        assert!(!first.contains(&(5, 105)), "our own needs no help");
        let second = namespaces.due();
        assert_eq!(second[..4], [(18, 118), (19, 119), (20, 120), (1, 101)]);
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
