//! What tracer is to cost at most, or to do at least. docs/performance.md has the same list, with why;
//! a test compares them.

/// A bound with its unit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Bound {
    AtMost(f64, &'static str),
    AtLeast(f64, &'static str),
}

/// One of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Goal {
    ByFloor,
    ByTcplife,
    PerExchange,
    Throughput,
    AgentTotals,
    AgentLines,
    Lost,
    LinesDropped,
    RestingMemory,
    MemoryPerSocket,
    PeakPerSocket,
    Attached,
    FirstTold,
    Idle,
    ReplayRate,
    ReplayMemory,
}

impl Goal {
    /// In the order of the table.
    pub(super) const ALL: [Self; 16] = [
        Self::ByFloor,
        Self::ByTcplife,
        Self::PerExchange,
        Self::Throughput,
        Self::AgentTotals,
        Self::AgentLines,
        Self::Lost,
        Self::LinesDropped,
        Self::RestingMemory,
        Self::MemoryPerSocket,
        Self::PeakPerSocket,
        Self::Attached,
        Self::FirstTold,
        Self::Idle,
        Self::ReplayRate,
        Self::ReplayMemory,
    ];

    /// Of what, in the table and in JSON.
    pub(super) const fn what(self) -> &'static str {
        match self {
            Self::ByFloor => "BPF time per connection, by empty programs on the same hooks",
            Self::ByTcplife => "BPF time per connection, by libbpf-tools tcplife",
            Self::PerExchange => "BPF time per exchange, both sockets",
            Self::Throughput => "throughput at the highest churn, by that without tracer",
            Self::AgentTotals => "CPU of tracer per million connections, totals only",
            Self::AgentLines => "CPU of tracer per million connections, a JSON line per end",
            Self::Lost => "ends of connections lost at the highest churn",
            Self::LinesDropped => "lines dropped at the highest churn, a JSON line per end",
            Self::RestingMemory => "resident memory at rest, without the ring",
            Self::MemoryPerSocket => "memory per tracked socket, kernel and user, at rest",
            Self::PeakPerSocket => "memory per tracked socket, kernel and user, at its peak",
            Self::Attached => "start until all hooks are attached, 1000 sockets looked up",
            Self::FirstTold => "start until the first connection is told",
            Self::Idle => "CPU of tracer on an idle host",
            Self::ReplayRate => "records replayed per second of CPU",
            Self::ReplayMemory => "peak memory of a replay for four times the records",
        }
    }

    pub(super) const fn bound(self) -> Bound {
        match self {
            Self::ByFloor => Bound::AtMost(5.0, "×"),
            Self::ByTcplife => Bound::AtMost(0.35, "×"),
            Self::PerExchange => Bound::AtMost(130.0, "ns"),
            Self::Throughput => Bound::AtLeast(0.95, "×"),
            Self::AgentTotals => Bound::AtMost(0.6, "s"),
            Self::AgentLines => Bound::AtMost(2.5, "s"),
            Self::Lost => Bound::AtMost(0.0, "ends"),
            Self::LinesDropped => Bound::AtMost(0.0, "lines"),
            Self::RestingMemory => Bound::AtMost(20.0, "MiB"),
            Self::MemoryPerSocket | Self::PeakPerSocket => Bound::AtMost(350.0, "B"),
            Self::Attached | Self::FirstTold => Bound::AtMost(150.0, "ms"),
            Self::Idle => Bound::AtMost(0.1, "% of a CPU"),
            Self::ReplayRate => Bound::AtLeast(1.0, "million"),
            Self::ReplayMemory => Bound::AtMost(1.25, "×"),
        }
    }
}

impl Bound {
    pub(super) fn text(self) -> String {
        match self {
            Self::AtMost(bound, unit) => format!("≤ {bound} {unit}"),
            Self::AtLeast(bound, unit) => format!("≥ {bound} {unit}"),
        }
    }

    pub(super) const fn unit(self) -> &'static str {
        match self {
            Self::AtMost(_, unit) | Self::AtLeast(_, unit) => unit,
        }
    }

    pub(super) fn is_met_by(self, measured: f64) -> bool {
        match self {
            Self::AtMost(bound, _) => measured <= bound,
            Self::AtLeast(bound, _) => measured >= bound,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_is_met_at_itself_and_not_beyond() {
        let most = Bound::AtMost(5.0, "ns");
        assert!(most.is_met_by(5.0) && !most.is_met_by(5.1));
        assert!(!Bound::AtLeast(0.95, "×").is_met_by(0.9));
    }

    #[test]
    fn no_two_goals_are_of_the_same() {
        for (nth, goal) in Goal::ALL.iter().enumerate() {
            assert!(Goal::ALL[..nth].iter().all(|other| other.what() != goal.what()), "{goal:?}");
        }
    }
}
