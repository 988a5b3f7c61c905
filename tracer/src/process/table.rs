//! Identities by process, bounded. Looked up in /proc once per process, never per
//! connection; on replay they come from the recorded file.

mod later;

use std::collections::VecDeque;

use procfs::process::Process;

use super::budget::Budget;
use super::cgroup;
use super::groups::{Groups, Named};
use super::pods::Pods;
use super::runtime::Cache;
use super::{Identity, ProcessId};
use crate::bounds::{Evicted, Evictions};
use crate::hash::Map;

use later::Later;

/// Most identities kept; the oldest go first. About 400 bytes each, with what they name.
const CAPACITY: usize = 16_384;
/// Most look-ups in a second: a fork storm must not keep us busy. The rest keep their `comm` only.
const LOOKUPS_PER_S: u32 = 1_000;
/// Most bytes of a command line that are kept: the kernel lets it have megabytes.
const COMMAND_BYTES: usize = 4_096;
/// `/proc` gives start times in ticks of `USER_HZ`, which is 100 on every Linux.
pub(super) const USER_TICK_NS: u64 = 10_000_000;

/// Where unknown processes are looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lookup {
    /// This host's /proc; command lines only if asked for.
    Proc {
        /// Whether to keep command lines.
        commands: bool,
    },
    /// Nowhere: everything known is in the recording.
    Recorded,
    /// Nowhere: our /proc has other processes under the numbers that the kernel tells. The kernel's
    /// `comm` is all that is known.
    Foreign,
}

/// The identities.
#[derive(Debug)]
pub struct Table {
    lookup: Lookup,
    /// Whether instances of units are left out of paths.
    redacts: bool,
    /// In boxes: a map that grows has room for twice as many.
    known: Map<ProcessId, Box<Identity>>,
    order: VecDeque<ProcessId>,
    budget: Budget,
    runtimes: Cache,
    groups: Groups,
    pods: Pods,
    later: Later,
    evicted: Evictions,
}

impl Table {
    /// An empty table.
    #[must_use]
    pub fn new(lookup: Lookup) -> Self {
        Self {
            lookup,
            redacts: false,
            known: Map::default(),
            order: VecDeque::new(),
            budget: Budget::new(LOOKUPS_PER_S),
            runtimes: Cache::default(),
            groups: Groups::default(),
            pods: Pods::default(),
            later: Later::default(),
            evicted: Evictions::default(),
        }
    }

    /// Leaves instances of units out of the paths of control groups from now on: some are addresses.
    pub const fn redact(&mut self) {
        self.redacts = true;
    }

    /// Makes sure that `id` is known, which the kernel saw in the control group with this number; asks
    /// for its `comm` if it is not. Returns its identity if that is news.
    pub fn observe(
        &mut self,
        id: ProcessId,
        number: Option<u64>,
        comm: impl FnOnce() -> String,
    ) -> Option<&Identity> {
        if self.known.contains_key(&id) {
            return None;
        }
        let mut identity = Identity {
            id,
            vpid: None,
            comm: comm(),
            exe: None,
            command: None,
            cgroup: None,
            pod: None,
            runtime: None,
        };
        if let Lookup::Proc { commands } = self.lookup {
            if self.budget.take() {
                look_up(&mut identity, commands, &mut self.runtimes);
            } else {
                self.evicted.add(Evicted::Lookups, 1);
            }
            if identity.cgroup.as_deref().is_none_or(cgroup::is_above) {
                let seen = identity.cgroup.as_deref().map(|path| cgroup::below(path).to_owned());
                identity.cgroup = match number.map(|number| (number, self.groups.path(number))) {
                    Some((_, Named::Path(path))) => Some(path.to_owned()),
                    Some((number, Named::Later)) => {
                        self.later.name_group(id, number, self.groups.reads(), seen);
                        None
                    }
                    Some((_, Named::Never)) | None => seen,
                };
            }
            self.name_pod(&mut identity);
        }
        Some(self.insert(identity))
    }

    /// Adds or replaces an identity.
    pub fn insert(&mut self, mut identity: Identity) -> &Identity {
        let id = identity.id;
        if self.redacts {
            identity.cgroup = identity.cgroup.as_deref().map(cgroup::redacted);
        }
        if !self.known.contains_key(&id) {
            if self.order.len() == CAPACITY
                && let Some(oldest) = self.order.pop_front()
            {
                self.known.remove(&oldest);
                self.evicted.add(Evicted::Processes, 1);
            }
            self.order.push_back(id);
        }
        self.known.entry(id).insert_entry(Box::new(identity)).into_mut()
    }

    /// Which bounds were met.
    #[must_use]
    pub fn evicted(&self) -> Evictions {
        let mut evicted = self.evicted;
        evicted.add(Evicted::Runtimes, self.runtimes.passed_over());
        evicted
    }

    /// What is known of `id`.
    #[must_use]
    pub fn get(&self, id: ProcessId) -> Option<&Identity> {
        self.known.get(&id).map(|identity| &**identity)
    }

    /// The last process that is known to have had this number. Looks at all: not for every connection.
    #[must_use]
    pub fn latest(&self, pid: u32) -> Option<&Identity> {
        let named = self.known.values().map(|identity| &**identity);
        let named = named.filter(|identity| identity.id.pid == pid);
        named.max_by_key(|identity| identity.id.start_ns)
    }
}

impl Table {
    /// What a process is called that no connection may ever be seen of, if it lives.
    #[must_use]
    pub fn comm(&self, pid: u32) -> Option<String> {
        matches!(self.lookup, Lookup::Proc { .. }).then_some(())?;
        let comm = std::fs::read_to_string(format!("/proc/{pid}/comm")).ok()?;
        Some(comm.trim_end_matches('\n').to_owned())
    }
}

/// Fills in what /proc knows, if the process there is the same one.
fn look_up(identity: &mut Identity, commands: bool, runtimes: &mut Cache) {
    let Ok(process) = i32::try_from(identity.id.pid)
        .map_err(drop)
        .and_then(|pid| Process::new(pid).map_err(drop))
    else {
        return;
    };
    // A PID may have been given to another process since; the start time tells.
    let started = process.stat().map_or(0, |stat| stat.starttime);
    if identity.id.start_ns != 0 && identity.id.start_ns / USER_TICK_NS != started {
        return;
    }
    identity.vpid = innermost(&process).filter(|vpid| *vpid != identity.id.pid);
    identity.exe = process.exe().ok();
    let exe = identity.exe.as_deref();
    identity.runtime = exe.and_then(|exe| runtimes.runtime(identity.id.pid, exe));
    if commands {
        identity.command = process.cmdline().ok().map(|arguments| shortened(arguments.join(" ")));
    }
    // An exiting process has left its groups; it has no executable any more either.
    let is_whole = identity.exe.is_some();
    let groups = process.cgroups().ok().filter(|_| is_whole);
    identity.cgroup = groups.and_then(|groups| {
        let groups = groups.0.into_iter().map(|group| (group.hierarchy, group.pathname));
        cgroup::best(groups.collect())
    });
}

/// The first bytes, whole characters of them.
fn shortened(mut command: String) -> String {
    command.truncate(command.floor_char_boundary(COMMAND_BYTES));
    command
}

/// The pid within the innermost namespace: the last of those that /proc lists.
fn innermost(process: &Process) -> Option<u32> {
    process.status().ok()?.nspid?.last().and_then(|pid| u32::try_from(*pid).ok())
}

#[cfg(test)]
mod tests;
