//! How well the observation goes: what each stage lost or had no room for, put together. Counts nothing
//! itself.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tracer_ebpf::Loss;

use super::Pipeline;
use super::redaction::Redaction;
use crate::aggregate::Peers;
use crate::bounds::{Evicted, Evictions};
use crate::detect::Coverage;
use crate::sink::Health;
use crate::source::Dropped;

impl Pipeline {
    /// Tells with the health how many lines of one more output were dropped, as whoever writes them
    /// counts; by its name, if it has one.
    pub fn count_unwritten(&mut self, output: Option<&str>, lines: Arc<AtomicU64>) {
        self.unwritten.push((output.map(str::to_owned), lines));
    }

    /// The same by output, for those that have a name; what is counted twice for one adds up.
    fn unwritten_by_output(&self) -> Vec<(String, u64)> {
        let mut by_output: Vec<(String, u64)> = Vec::new();
        for (name, lines) in &self.unwritten {
            let Some(name) = name else { continue };
            let lines = lines.load(Ordering::Relaxed);
            match by_output.iter_mut().find(|(known, _)| known == name) {
                Some((_, known)) => *known += lines,
                None => by_output.push((name.clone(), lines)),
            }
        }
        by_output
    }

    /// Lines of output that were dropped so far: no loss to what is counted and judged.
    #[must_use]
    pub fn unwritten(&self) -> u64 {
        self.unwritten.iter().map(|(_, lines)| lines.load(Ordering::Relaxed)).sum()
    }

    /// Records and connections that were lost, in the kernel, on the way from there, or here.
    #[must_use]
    pub fn lost(&self) -> u64 {
        let here = self.connections.evicted();
        let on_the_way: u64 = self.lost.iter().chain(&self.dropped.counts()).sum();
        on_the_way + here.of(Evicted::Records) + here.of(Evicted::Open)
    }

    /// How much was seen. Every record is received or counted as lost where it was, so this is of all
    /// connections that the kernel side has had.
    pub(super) fn coverage(&self) -> Coverage {
        let here = self.connections.evicted();
        let unjudged = here.of(Evicted::Records);
        let here = unjudged + here.of(Evicted::Open);
        let in_kernel: u64 = Loss::CONNECTIONS.iter().map(|why| self.lost[*why as usize]).sum();
        Coverage {
            seen: self.seen.saturating_sub(unjudged),
            lost_connections: in_kernel + self.dropped.connections + here,
            lost: self.lost(),
        }
    }

    /// Which bounds were met.
    fn evicted(&self) -> Evictions {
        let mut evicted = self.processes.evicted();
        evicted.merge(&self.connections.evicted());
        evicted.add(Evicted::Keys, self.judge.evicted());
        evicted.add(Evicted::Peers, self.peers.as_ref().map_or(0, Peers::evicted));
        evicted.add(Evicted::Sockets, self.setting.served.beyond);
        evicted.add(Evicted::Family, self.selection.evicted());
        evicted.add(Evicted::Addresses, self.redaction.as_ref().map_or(0, Redaction::beyond));
        evicted
    }

    /// How well the observation goes, as of `at_ns`.
    #[must_use]
    pub fn health(&self, at_ns: u64) -> Health {
        let setting = &self.setting;
        Health {
            at_ns,
            hooks: setting.hooks.clone(),
            tier: setting.tier.clone(),
            reader: setting.reader.clone(),
            lost: Loss::ALL
                .iter()
                .map(|why| why.name())
                .zip(self.lost)
                .chain(Dropped::NAMES.into_iter().zip(self.dropped.counts()))
                .map(|(why, count)| (why.to_owned(), count))
                .collect(),
            seen_share: self.coverage().seen_share(),
            unwritten: self.unwritten(),
            unwritten_by_output: self.unwritten_by_output(),
            interval_s: Some(self.judge.longest_interval_s()).filter(|longest| *longest > 0.0),
            lost_of: self.lost_of.most(&self.processes),
            evicted: self.evicted(),
            decode_errors: self
                .decode_errors
                .iter()
                .map(|(kind, count)| ((*kind).to_owned(), *count))
                .collect(),
            connections_tracked: self.tracked,
            late_unjoined: self.connections.late_unjoined(),
            version: setting.version.clone(),
            kernel: setting.kernel.clone(),
        }
    }
}
