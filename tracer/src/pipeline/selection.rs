//! Which connections are judged and shown. Owns no connection, and looks nothing up: the control
//! groups of a family are told to it.

use std::collections::BTreeSet;

use crate::connection::{Connection, Tick};
use crate::process::{ProcessId, Table};

/// Most processes of a family that are remembered by their number: 16 bytes each. Only connections
/// whose record names no control group are looked up among them.
const MEMBERS: usize = 65_536;
/// Most control groups of a family, 8 bytes each.
const GROUPS: usize = 65_536;

/// Which connections are judged and shown; an empty list lets all pass.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// Owners.
    pub pids: Vec<u32>,
    /// Ports at either end.
    pub ports: Vec<u16>,
    /// The processes of one command; `None` lets all pass.
    pub family: Option<Family>,
}

impl Selection {
    /// Leaves of an interval what passes.
    pub(super) fn narrow(&mut self, tick: &mut Tick, processes: &Table) {
        if let Some(family) = &mut self.family {
            family.learn(tick.ended.iter().chain(&tick.live));
        }
        tick.ended.retain(|connection| self.takes(connection, processes));
        tick.live.retain(|connection| self.takes(connection, processes));
    }

    /// Processes and control groups of the family that were not kept.
    pub(super) fn evicted(&self) -> u64 {
        self.family.as_ref().map_or(0, |family| family.beyond)
    }

    fn takes(&self, connection: &Connection, processes: &Table) -> bool {
        let pid = connection.owner.map(|owner| owner.pid);
        let by_pid = self.pids.is_empty() || pid.is_some_and(|pid| self.pids.contains(&pid));
        let ports = [connection.local.port(), connection.peer.port()];
        let by_port = self.ports.is_empty() || ports.iter().any(|port| self.ports.contains(port));
        let family = self.family.as_ref();
        by_pid && by_port && family.is_none_or(|family| family.takes(connection, processes))
    }
}

/// A command and all its descendants: the processes of a control group of version 2 and of those
/// below it. A process cannot leave them by a fork, a `setsid()` or the end of its parent.
#[derive(Clone, Debug, Default)]
pub struct Family {
    /// Path of the control group, as `/proc/PID/cgroup` shows it.
    pub path: String,
    groups: BTreeSet<u64>,
    members: BTreeSet<ProcessId>,
    /// Processes and groups beyond these bounds.
    beyond: u64,
}

impl Family {
    /// The family of the control group at `path`, of which no number is known yet.
    #[must_use]
    pub fn of(path: String) -> Self {
        Self { path, ..Self::default() }
    }

    /// Takes in control groups by number; those that are gone meanwhile stay known.
    pub fn admit(&mut self, groups: impl IntoIterator<Item = u64>) {
        for group in groups {
            if self.groups.len() < GROUPS {
                self.groups.insert(group);
            } else if !self.groups.contains(&group) {
                self.beyond += 1;
            }
        }
    }

    /// Remembers who owns a connection that was made in one of the groups.
    fn learn<'a>(&mut self, connections: impl Iterator<Item = &'a Connection>) {
        for connection in connections {
            let Some(owner) = connection.owner else { continue };
            if !self.is_within(connection.owner_cgroup) {
                continue;
            }
            if self.members.len() < MEMBERS {
                self.members.insert(owner);
            } else if !self.members.contains(&owner) {
                self.beyond += 1;
            }
        }
    }

    fn is_within(&self, group: Option<u64>) -> bool {
        group.is_some_and(|group| self.groups.contains(&group))
    }

    fn takes(&self, connection: &Connection, processes: &Table) -> bool {
        if connection.owner_cgroup.is_some() {
            return self.is_within(connection.owner_cgroup);
        }
        // Its owner was found by a walk over open files, which tells no control group.
        connection.owner.is_some_and(|owner| {
            let path = processes.get(owner).and_then(|identity| identity.cgroup.as_deref());
            self.members.contains(&owner) || path.is_some_and(|path| self.is_below(path))
        })
    }

    fn is_below(&self, path: &str) -> bool {
        let below = path.strip_prefix(self.path.as_str());
        !self.path.is_empty() && below.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aggregate::support::{Build, SECOND, process};
    use crate::process::{Identity, Lookup};

    fn within(group: Option<u64>, pid: u32) -> Connection {
        let mut connection = Build::client().pid(pid).at(1, SECOND).end();
        connection.owner_cgroup = group;
        connection
    }

    /// Owners of what is left of these connections, where groups 7 and 8 are the family's.
    fn left(connections: &[(Option<u64>, u32)], processes: &Table) -> Vec<u32> {
        let mut family = Family::of("/ci/tracer-1".into());
        family.admit([7]);
        family.admit([8]);
        let mut selection = Selection { family: Some(family), ..Selection::default() };
        let ended = connections.iter().map(|(group, pid)| within(*group, *pid)).collect();
        let mut tick = Tick { now_ns: SECOND, ended, live: Vec::new() };
        selection.narrow(&mut tick, processes);
        tick.ended.iter().filter_map(|connection| Some(connection.owner?.pid)).collect()
    }

    #[test]
    fn a_family_is_told_by_its_control_groups() {
        let nobody = Table::new(Lookup::Recorded);
        let seen = [(Some(7), 1), (Some(8), 2), (Some(9), 3), (None, 4)];
        assert_eq!(left(&seen, &nobody), [1, 2]);
    }

    #[test]
    fn a_record_without_a_group_belongs_to_a_member_whatever_their_order() {
        let nobody = Table::new(Lookup::Recorded);
        assert_eq!(left(&[(None, 1), (Some(7), 1), (None, 2)], &nobody), [1, 1]);
    }

    #[test]
    fn a_record_without_a_group_belongs_to_whom_the_path_says() {
        let mut processes = Table::new(Lookup::Recorded);
        for (pid, path) in
            [(1, "/ci/tracer-1"), (2, "/ci/tracer-1/sub"), (3, "/ci/tracer-12"), (4, "/ci")]
        {
            processes.insert(Identity {
                id: process(pid),
                runtime: None,
                comm: "app".into(),
                vpid: None,
                exe: None,
                command: None,
                cgroup: Some(path.into()),
                pod: None,
            });
        }
        let seen: Vec<_> = (1..=5).map(|pid| (None, pid)).collect();
        assert_eq!(left(&seen, &processes), [1, 2]);
    }

    #[test]
    fn a_port_narrows_a_family_further() {
        let mut family = Family::default();
        family.admit([7]);
        let mut selection =
            Selection { ports: vec![1], family: Some(family), ..Selection::default() };
        let mut tick = Tick { now_ns: 1, ended: vec![within(Some(7), 1)], live: Vec::new() };
        selection.narrow(&mut tick, &Table::new(Lookup::Recorded));
        assert!(tick.ended.is_empty());
    }
}
