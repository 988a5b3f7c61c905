//! What did not fit into a bounded table of userspace, by which table: every bound that may change
//! what is told has a name here, and each time it is met is counted. Owns no table.

use crate::words::words;

words! {
    /// A table that was full, and so what its count is of.
    Evicted {
        /// Connections of further processes and destinations: counted together, judged by no one.
        Keys = "keys",
        /// Connections of further peer addresses: counted together.
        Peers = "peers",
        /// Records of one interval: these connections are not counted at all.
        Records = "records",
        /// Open connections of one snapshot: the same.
        Open = "open",
        /// Ended connections whose record is still to come: not counted before.
        Overdue = "overdue",
        /// Last closes by process and destination: why dials came is not known for a minute.
        Closes = "closes",
        /// Identities of processes: known by their kernel name only if they come again.
        Processes = "processes",
        /// Processes that came too fast to be looked up: known by their kernel name only.
        Lookups = "lookups",
        /// Executables that were not looked into: their runtime is not known.
        Runtimes = "runtimes",
        /// Listening sockets and connections from before: their role or owner is not known.
        Sockets = "sockets",
        /// Processes and control groups of a command: connections of theirs may be left out.
        Family = "family",
        /// Times that an address was met that had to share a stand-in: all that do are told and judged as
        /// one. Not how many addresses: they are not remembered.
        Addresses = "addresses",
    }
}

impl Evicted {
    /// Whether totals and verdicts lack something for it; else only names, causes
    /// or times are less well known.
    #[must_use]
    pub const fn touches_counts(self) -> bool {
        matches!(
            self,
            Self::Keys | Self::Peers | Self::Records | Self::Open | Self::Overdue | Self::Family
        )
    }

    /// What is so, for people: `5 connections: <this>`.
    #[must_use]
    pub const fn consequence(self) -> &'static str {
        match self {
            Self::Keys => "counted under `other`, judged by no one",
            Self::Peers => "of further peer addresses, counted together",
            Self::Records | Self::Open => "not counted at all",
            Self::Overdue => "have ended, and are not counted before they are freed",
            Self::Closes => "forgotten: why the next dials came is not known",
            Self::Processes => "forgotten: if they come again, only their kernel name is known",
            Self::Lookups => "not looked up: only their kernel name is known",
            Self::Runtimes => "not looked into: their runtime is not known",
            Self::Sockets => "of before not kept: whose they are, and which end, is not known",
            Self::Family => "of the command not kept: connections of theirs may be left out",
            Self::Addresses => "an address had to share a stand-in: all that do are judged as one",
        }
    }

    /// What is counted, one of it.
    #[must_use]
    pub const fn noun(self) -> &'static str {
        match self {
            Self::Keys | Self::Peers | Self::Records | Self::Open | Self::Overdue => "connection",
            Self::Closes => "close",
            Self::Processes | Self::Lookups | Self::Family => "process",
            Self::Runtimes => "executable",
            Self::Sockets => "socket",
            Self::Addresses => "time",
        }
    }
}

/// How often each bound was met, over the run so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Evictions([u64; Evicted::ALL.len()]);

impl Evictions {
    /// Counts more.
    pub const fn add(&mut self, what: Evicted, count: u64) {
        let slot = &mut self.0[what as usize];
        *slot = slot.saturating_add(count);
    }

    /// Takes in those of another table.
    pub fn merge(&mut self, other: &Self) {
        for (what, count) in other.iter() {
            self.add(what, count);
        }
    }

    /// Those that were met.
    pub fn iter(&self) -> impl Iterator<Item = (Evicted, u64)> + Clone {
        let counts = Evicted::ALL.iter().copied().zip(self.0);
        counts.filter(|(_, count)| *count > 0)
    }

    /// How many, of one bound.
    #[must_use]
    pub const fn of(&self, what: Evicted) -> u64 {
        self.0[what as usize]
    }

    /// How much totals and verdicts lack.
    #[must_use]
    pub fn of_counts(&self) -> u64 {
        self.iter().filter(|(what, _)| what.touches_counts()).map(|(_, count)| count).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_met_is_told_by_table_and_counts_apart_from_names() {
        let mut evictions = Evictions::default();
        assert_eq!(evictions.iter().count(), 0);
        evictions.add(Evicted::Keys, 2);
        evictions.add(Evicted::Lookups, 5);
        let mut all = Evictions::default();
        all.add(Evicted::Keys, u64::MAX);
        all.merge(&evictions);
        assert_eq!(all.of(Evicted::Keys), u64::MAX, "it stays at the most there is");
        assert_eq!(evictions.of_counts(), 2);
        let told: Vec<_> = evictions.iter().map(|(what, count)| (what.name(), count)).collect();
        assert_eq!(told, [("keys", 2), ("lookups", 5)]);
    }
}
