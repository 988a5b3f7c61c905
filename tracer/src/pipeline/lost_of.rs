//! Whose connections the kernel side had no room for: what is told of these processes is too little.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::Pipeline;
use crate::process::Table;
use crate::sink::LostConnections;
use crate::source::LostOf;

/// Most processes that are remembered, as many as the kernel side does.
const MOST: usize = 1024;
/// Most that are told: they are there to say whom to doubt, not to be counted.
const TOLD: usize = 5;

/// Lost connections by process.
#[derive(Debug, Default)]
pub(super) struct LostOfEach {
    counts: BTreeMap<u32, Process>,
}

#[derive(Debug, Default)]
struct Process {
    connections: u64,
    comm: Option<String>,
}

impl LostOfEach {
    /// Takes a count. The kernel side forgets those that lost nothing for long; here they stay. `comm`
    /// is asked once, for a process of which nothing else may ever be seen.
    pub(super) fn count(&mut self, of: LostOf, comm: impl FnOnce() -> Option<String>) {
        if self.counts.len() >= MOST && !self.counts.contains_key(&of.tgid) {
            // In place of the one that lost least: those that lost most are to be told.
            let least = self.counts.iter().min_by_key(|(_, process)| process.connections);
            let is_less = |(_, process): &(&u32, &Process)| process.connections < of.connections;
            let Some((&least, _)) = least.filter(is_less) else { return };
            self.counts.remove(&least);
        }
        let new = || Process { connections: 0, comm: comm() };
        let process = self.counts.entry(of.tgid).or_insert_with(new);
        process.connections = of.connections.max(process.connections);
    }

    /// Those that lost most, most first.
    pub(super) fn most(&self, processes: &Table) -> Vec<LostConnections> {
        let mut most: Vec<_> = self.counts.iter().collect();
        most.sort_unstable_by_key(|(tgid, process)| (Reverse(process.connections), **tgid));
        let told = most.into_iter().take(TOLD).map(|(pid, process)| {
            let met = processes.latest(*pid).map(|identity| identity.comm.clone());
            LostConnections {
                pid: (*pid != 0).then_some(*pid),
                comm: met.or_else(|| process.comm.clone()),
                connections: process.connections,
            }
        });
        told.collect()
    }

    /// How many were of these processes, and whether that is all that they lost: if each of the `lost`
    /// is known to be of some process.
    pub(super) fn of(&self, pids: &[u32], lost: u64) -> (u64, bool) {
        let of_these = pids.iter().filter_map(|pid| self.counts.get(pid));
        let all: u64 = self.counts.values().map(|process| process.connections).sum();
        let is_all = all == lost && !self.counts.contains_key(&0);
        (of_these.map(|process| process.connections).sum(), is_all)
    }
}

impl Pipeline {
    /// Connections lost of the processes that were asked for, and whether that is all of theirs.
    #[must_use]
    pub fn lost_of_asked(&self) -> (u64, bool) {
        let health = self.health(0);
        let unread = health.decode_errors_total() + health.unwritten;
        let lost = health.lost_total() + health.evicted.of_counts() + unread;
        self.lost_of.of(&self.selection.pids, lost)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::Lookup;

    fn count(each: &mut LostOfEach, tgid: u32, connections: u64) {
        each.count(LostOf { tgid, connections }, || None);
    }

    #[test]
    fn those_that_lost_most_are_told_first_and_nobody_is_no_process() {
        let mut each = LostOfEach::default();
        for (tgid, connections) in [(7, 5), (0, 9), (8, 6), (1, 1), (2, 2), (3, 3)] {
            count(&mut each, tgid, connections);
        }
        let most = each.most(&Table::new(Lookup::Recorded));
        let told: Vec<_> = most.iter().map(|of| (of.pid, of.connections)).collect();
        assert_eq!(told, [(None, 9), (Some(8), 6), (Some(7), 5), (Some(3), 3), (Some(2), 2)]);
        assert_eq!(most[1].comm, None, "never met");
    }

    #[test]
    fn a_count_that_the_kernel_forgot_and_began_anew_takes_nothing_back() {
        let mut each = LostOfEach::default();
        count(&mut each, 7, 50);
        count(&mut each, 7, 1);
        assert_eq!(each.most(&Table::new(Lookup::Recorded))[0].connections, 50);
        for tgid in 0..2_048 {
            count(&mut each, tgid, 1);
        }
        assert_eq!(each.counts.len(), MOST);
    }

    #[test]
    fn a_process_that_was_never_met_has_the_name_that_was_found_first() {
        let mut each = LostOfEach::default();
        for name in ["api", "other"] {
            each.count(LostOf { tgid: 7, connections: 1 }, || Some(name.into()));
        }
        let most = each.most(&Table::new(Lookup::Recorded));
        assert_eq!(most[0].comm.as_deref(), Some("api"));
    }

    #[test]
    fn that_a_process_lost_none_is_known_only_if_all_losses_have_an_owner() {
        let mut each = LostOfEach::default();
        assert_eq!(each.of(&[7], 3), (0, false), "nobody knows whose they were");
        count(&mut each, 8, 3);
        assert_eq!(each.of(&[7], 3), (0, true));
        assert_eq!(each.of(&[7, 8], 3), (3, true));
        assert_eq!(each.of(&[8], 4), (3, false));
        count(&mut each, 0, 1);
        assert_eq!(each.of(&[7], 4), (0, false), "one of nobody may be of anybody");
    }
}
