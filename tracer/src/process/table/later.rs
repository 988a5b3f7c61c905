//! What is not known of a process when it is met, and may be a little later: the path of a control group
//! that was made since all were looked at, and the pod of a container that the kubelet has not linked yet.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::{CAPACITY, Table};
use crate::process::container::container_id;
use crate::process::{Identity, ProcessId};

/// For how long a container's pod is looked for.
const PATIENCE: Duration = Duration::from_mins(5);

/// Who waits, in the order in which they were met. No more than there are identities: the oldest of one
/// too many has none any more.
#[derive(Debug, Default)]
pub(super) struct Later {
    groups: VecDeque<Unnamed>,
    pods: VecDeque<Podless>,
    learned: Vec<ProcessId>,
}

/// A process whose group is not known yet.
#[derive(Debug)]
struct Unnamed {
    id: ProcessId,
    number: u64,
    /// How often groups had been looked at.
    reads: u64,
    /// The path otherwise. It is not told meanwhile: processes of one group would seem to be of two.
    otherwise: Option<String>,
}

/// A process in a container without a pod.
#[derive(Debug)]
struct Podless {
    id: ProcessId,
    met_at: Instant,
    /// How often pods had been read.
    reads: u64,
}

impl Later {
    /// Has the group of a process named once all have been looked at more often than `reads`.
    pub(super) fn name_group(
        &mut self,
        id: ProcessId,
        number: u64,
        reads: u64,
        otherwise: Option<String>,
    ) {
        push(&mut self.groups, Unnamed { id, number, reads, otherwise });
    }
}

fn push<T>(all: &mut VecDeque<T>, one: T) {
    if all.len() >= CAPACITY {
        all.pop_front();
    }
    all.push_back(one);
}

impl Table {
    /// Fills in what has become known of those that were met before, for each interval. Reads at most each
    /// few seconds, and only if somebody waits; `is_last`: there is no later.
    pub fn catch_up(&mut self, is_last: bool) {
        self.later.learned.clear();
        if !self.later.groups.is_empty() {
            self.groups.refresh(is_last);
            self.name_groups();
        }
        let waits = |one: &Podless| one.met_at.elapsed() < PATIENCE;
        while self.later.pods.pop_front_if(|one| !waits(one)).is_some() {}
        if !self.later.pods.is_empty() {
            self.pods.refresh(is_last);
            self.name_pods();
        }
    }

    /// The identities that the last catching up has changed.
    pub fn learned(&self) -> impl Iterator<Item = &Identity> {
        self.later.learned.iter().filter_map(|id| self.get(*id))
    }

    fn name_groups(&mut self) {
        let reads = self.groups.reads();
        while let Some(one) = self.later.groups.pop_front_if(|one| one.reads < reads) {
            let path = self.groups.path_at_last(one.number).map(str::to_owned).or(one.otherwise);
            let (Some(path), Some(mut identity)) = (path, self.get(one.id).cloned()) else {
                continue;
            };
            identity.cgroup = Some(path);
            self.name_pod(&mut identity);
            self.insert(identity);
            self.later.learned.push(one.id);
        }
    }

    fn name_pods(&mut self) {
        let reads = self.pods.reads();
        let (known, pods, learned) = (&mut self.known, &self.pods, &mut self.later.learned);
        self.later.pods.retain_mut(|one| {
            if one.reads == reads {
                return true;
            }
            one.reads = reads;
            let Some(identity) = known.get_mut(&one.id) else { return false };
            let container = identity.cgroup.as_deref().and_then(container_id);
            let pod = container.and_then(|id| pods.name_at_last(id));
            identity.pod = pod.cloned();
            learned.extend(pod.map(|_| one.id));
            pod.is_none()
        });
    }

    /// Fills in the pod of the container that the path names, if there is one; else it is looked for.
    pub(super) fn name_pod(&mut self, identity: &mut Identity) {
        let Some(container) = identity.cgroup.as_deref().and_then(container_id) else { return };
        identity.pod = self.pods.name(container).cloned();
        if identity.pod.is_none() && self.pods.is_there() {
            let reads = self.pods.reads();
            let one = Podless { id: identity.id, met_at: Instant::now(), reads };
            push(&mut self.later.pods, one);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::MetadataExt as _;

    use super::super::{Groups, Lookup, Pods};
    use super::*;

    const ID: &str = "4fa6e0f0c678b2d3f0a1c9d8e7f6051423324150617283940a1b2c3d4e5f6071";

    /// Of no process that lives.
    fn gone(pid: u32) -> ProcessId {
        ProcessId { pid: 0x7000_0000 + pid, start_ns: 1 }
    }

    #[test]
    fn a_group_and_a_pod_that_come_later_are_filled_in() {
        let (tree, links) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let mut table = Table::new(Lookup::Proc { commands: false });
        table.groups = Groups::below(tree.path());
        table.pods = Pods::of(links.path());
        table.redact();
        // All are looked at for the first, which is nowhere.
        table.observe(gone(1), Some(u64::MAX), || "x".into());
        let group = tree.path().join(format!("a@10.0.0.1.service/{ID}"));
        fs::create_dir_all(&group).unwrap();
        let number = fs::metadata(&group).unwrap().ino();
        let met = table.observe(gone(2), Some(number), || "x".into()).unwrap();
        assert_eq!((&met.cgroup, &met.pod), (&None, &None));
        table.catch_up(false);
        assert_eq!(table.learned().count(), 0, "not looked at again so soon");

        table.catch_up(true);
        let path = format!("/a@redacted.service/{ID}");
        assert_eq!(table.get(gone(2)).unwrap().cgroup, Some(path));
        assert_eq!(table.learned().map(|identity| identity.id).collect::<Vec<_>>(), [gone(2)]);
        assert_eq!(table.get(gone(2)).unwrap().pod, None);

        fs::write(links.path().join(format!("pod_space_app-{ID}.log")), "").unwrap();
        table.catch_up(true);
        assert_eq!(table.get(gone(2)).unwrap().pod.as_ref().unwrap().name, "pod");
        assert_eq!(table.learned().count(), 1);
        table.catch_up(true);
        assert_eq!((table.learned().count(), table.later.pods.len()), (0, 0), "told once");
    }

    #[test]
    fn one_whose_group_is_gone_keeps_what_was_seen_of_it_and_waits_no_more() {
        let tree = tempfile::tempdir().unwrap();
        let mut table = Table::new(Lookup::Proc { commands: false });
        table.groups = Groups::below(tree.path());
        table.observe(gone(1), Some(1), || "x".into());
        table.observe(gone(2), Some(2), || "x".into());
        table.later.groups[0].otherwise = Some("/seen".into());
        table.catch_up(true);
        assert_eq!(table.get(gone(2)).unwrap().cgroup.as_deref(), Some("/seen"));
        assert!(table.later.groups.is_empty());
        let reads = table.groups.reads();
        table.catch_up(true);
        assert_eq!(table.groups.reads(), reads, "nobody waits");
    }

    #[test]
    fn a_container_without_a_pod_is_given_up_after_a_while() {
        let links = tempfile::tempdir().unwrap();
        let mut table = Table::new(Lookup::Proc { commands: false });
        table.pods = Pods::of(links.path());
        let mut identity = table.observe(gone(1), None, || "x".into()).unwrap().clone();
        identity.cgroup = Some(format!("/docker/{ID}"));
        table.name_pod(&mut identity);
        table.catch_up(true);
        assert_eq!(table.later.pods.len(), 1);
        table.later.pods[0].met_at = Instant::now().checked_sub(PATIENCE).unwrap();
        let reads = table.pods.reads();
        table.catch_up(true);
        assert_eq!((table.later.pods.len(), table.pods.reads()), (0, reads));
    }
}
