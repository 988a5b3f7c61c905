//! Folds the short-lived processes of one executable, control group and destination together.
//!
//! A process is *small* while it has at most `SMALL` connections to the destination. From
//! `FEW` small processes on they are shown as one key. Up to `KEPT` of them are remembered one by
//! one; beyond that the longest gone are merged for good, so that a fork storm costs no memory.
//! Processes with more connections always stay on their own.

use std::collections::BTreeMap;
use std::hash::{Hash, Hasher};
use std::net::SocketAddr;

use indexmap::Equivalent;

use super::common::Common;
use super::concurrency::peak;
use super::route::{Part, Place, Routed};
use super::{Entry, Key, Memory, Shown, Who};
use crate::connection::Role;
use crate::process::{Identity, ProcessId};

/// One request and one retry or redirect: whoever opens more could have kept the first.
const SMALL: u64 = 2;

/// Fewer processes than this are read faster one by one.
const FEW: u64 = 5;

/// Small processes remembered one by one: enough that one that pauses is still recognised.
const KEPT: usize = 64;

/// What the processes of a group have in common.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct GroupKey {
    /// `comm` and control group number, which the kernel told at dial, so that a process that was
    /// gone before it was looked up falls into the same group; `None` if not known: never folded.
    pub(super) program: Option<(String, Option<u64>)>,
    pub(super) role: Option<Role>,
    pub(super) destination: SocketAddr,
    pub(super) netns: u32,
}

impl Equivalent<GroupKey> for Place<'_> {
    fn equivalent(&self, key: &GroupKey) -> bool {
        *self == Place::of_key(key)
    }
}

impl Hash for GroupKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Place::of_key(self).hash(state);
    }
}

impl GroupKey {
    fn key(&self, who: Who) -> Key {
        Key { who, role: self.role, destination: Some(self.destination), netns: self.netns }
    }
}

/// The processes of one executable, control group, role and destination.
#[derive(Clone, Debug)]
pub(super) struct Group<M> {
    /// By process; `None` is nobody known.
    pub(super) members: BTreeMap<Option<ProcessId>, Box<Entry<M>>>,
    /// Those merged for good.
    folded: Option<Box<Entry<M>>>,
    /// Path of the executable, of those that could be looked up.
    exe: Common<String>,
    /// Path of the control group, the same way.
    cgroup: Common<String>,
    /// Most connections of small processes open at one time.
    small_peak: u64,
    /// Number of members at which merging is worth trying next.
    fold_at: usize,
}

impl<M> Default for Group<M> {
    fn default() -> Self {
        Self {
            members: BTreeMap::new(),
            folded: None,
            exe: Common::None,
            cgroup: Common::None,
            small_peak: 0,
            fold_at: 2 * KEPT,
        }
    }
}

impl<M: Memory> Group<M> {
    /// Keys it takes up.
    pub(super) fn len(&self) -> usize {
        self.members.len() + usize::from(self.folded.is_some())
    }

    /// Whether a process is a member.
    pub(super) fn has(&self, id: Option<ProcessId>) -> bool {
        self.members.contains_key(&id)
    }

    /// Takes what is known of a member.
    pub(super) fn learn(&mut self, identity: &Identity) {
        self.exe.learn(identity.exe.as_ref().map(|path| path.to_string_lossy()).as_deref());
        self.cgroup.learn(identity.cgroup.as_deref());
    }

    fn is_small(entry: &Entry<M>) -> bool {
        entry.connections() <= SMALL
    }

    /// Merges for good what need not be remembered one by one.
    pub(super) fn shrink(&mut self, key: &GroupKey) {
        if self.members.len() < self.fold_at || key.program.is_none() {
            return;
        }
        let mut gone: Vec<_> = self
            .members
            .iter()
            .filter(|(_, entry)| Self::is_small(entry) && !entry.is_live())
            .map(|(id, entry)| (entry.last_ns, *id))
            .collect();
        gone.sort_unstable();
        for (_, id) in gone.iter().take(gone.len().saturating_sub(KEPT)) {
            if let Some(entry) = self.members.remove(id) {
                match &mut self.folded {
                    Some(folded) => folded.merge(&entry),
                    None => self.folded = Some(entry),
                }
            }
        }
        // Members that cannot be merged must not be looked at again for each new one.
        self.fold_at = 2 * self.members.len().max(KEPT);
    }

    /// Takes the common peak of the small processes from one interval's connections.
    pub(super) fn observe_peak(
        &mut self,
        (routed, parts): (&Routed<'_>, &[&Part<'_>]),
        previous_ns: u64,
    ) {
        // One that is not a member any more was small when it was merged.
        let is_small = |id| self.members.get(id).is_none_or(|entry| Self::is_small(entry));
        let small: Vec<_> = parts.iter().filter(|part| is_small(&part.owner)).collect();
        if small.is_empty() {
            return;
        }
        let all = small.iter().flat_map(|part| routed.ended(part).iter().chain(routed.live(part)));
        self.small_peak = self.small_peak.max(peak(all.copied(), previous_ns));
    }

    /// The keys to show, small processes folded.
    pub(super) fn view<'a>(&'a self, key: &GroupKey, show: &mut impl FnMut(Key, Shown<'a, M>)) {
        let few = self.members.values().filter(|entry| Self::is_small(entry)).count() as u64
            + self.folded.as_ref().map_or(0, |folded| folded.processes);
        let program = key.program.as_ref().filter(|_| few >= FEW);
        let mut together = self.folded.clone();
        for (id, entry) in &self.members {
            match (&mut together, program) {
                (Some(together), Some(_)) if Self::is_small(entry) => together.merge(entry),
                (None, Some(_)) if Self::is_small(entry) => together = Some(entry.clone()),
                _ => show(key.key(id.map_or(Who::Unknown, Who::Process)), Shown::One(entry)),
            }
        }
        if let (Some(mut together), Some((comm, _))) = (together, &key.program) {
            // Some that were small then may have grown since, and be shown on their own.
            together.peak = together.peak.max(self.small_peak).min(together.connections());
            let name = self.exe.get().unwrap_or(comm).clone();
            let who = Who::Executable { name, cgroup: self.cgroup.get().cloned() };
            show(key.key(who), Shown::Together(together));
        }
    }
}
