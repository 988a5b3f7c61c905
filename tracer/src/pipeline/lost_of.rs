//! Whose connections the kernel side had no room for: what is told of these processes is too little.

use std::collections::BTreeMap;

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
    counts: BTreeMap<u32, u64>,
}

impl LostOfEach {
    /// Takes a count. The kernel side forgets those that lost nothing for long; here they stay.
    pub(super) fn count(&mut self, of: LostOf) {
        if self.counts.len() >= MOST && !self.counts.contains_key(&of.tgid) {
            // In place of the one that lost least: those that lost most are to be told.
            let least = self.counts.iter().min_by_key(|(_, count)| **count);
            let Some((&least, _)) = least.filter(|(_, count)| **count < of.connections) else {
                return;
            };
            self.counts.remove(&least);
        }
        {
            let count = self.counts.entry(of.tgid).or_default();
            *count = of.connections.max(*count);
        }
    }

    /// Those that lost most, most first.
    pub(super) fn most(&self, processes: &Table) -> Vec<LostConnections> {
        let mut most: Vec<_> = self.counts.iter().map(|(tgid, count)| (*count, *tgid)).collect();
        most.sort_unstable_by_key(|(count, tgid)| (std::cmp::Reverse(*count), *tgid));
        most.truncate(TOLD);
        most.into_iter()
            .map(|(connections, pid)| LostConnections {
                pid: (pid != 0).then_some(pid),
                comm: processes.latest(pid).map(|identity| identity.comm.clone()),
                connections,
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::Lookup;

    fn count(each: &mut LostOfEach, tgid: u32, connections: u64) {
        each.count(LostOf { tgid, connections });
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
}
