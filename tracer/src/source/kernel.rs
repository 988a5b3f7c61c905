//! The attached programs' maps as a source.

use aya::maps::{MapData, MapError, RingBuf};
use tracer_ebpf::Loss;

use super::namespaces::Namespaces;
use super::{Input, Lost};
use crate::probe::Attached;

/// Table entries between two drains of the ring buffer: a few milliseconds.
const DRAIN_EVERY: usize = 4096;

fn drain(records: &mut RingBuf<MapData>, yield_input: &mut dyn FnMut(Input)) {
    while let Some(record) = records.next() {
        yield_input(Input::Record(record.to_vec()));
    }
}

/// Reads what the attached programs write.
pub struct Kernel {
    attached: Attached,
    namespaces: Namespaces,
}

impl Kernel {
    /// Takes over attached programs; dropping it detaches them. `sees_pids`: /proc has the processes
    /// that the kernel tells, under the same numbers.
    #[must_use]
    pub fn new(attached: Attached, sees_pids: bool) -> Self {
        Self { attached, namespaces: Namespaces::new(sees_pids) }
    }

    /// What is attached.
    #[must_use]
    pub const fn attached(&self) -> &Attached {
        &self.attached
    }

    /// Yields every record that is in the ring buffer now.
    pub fn drain(&mut self, yield_input: &mut dyn FnMut(Input)) {
        if let Some(log) = &mut self.attached.log {
            log.flush();
        }
        drain(&mut self.attached.records, yield_input);
    }

    /// Yields a snapshot of all open connections, then the records of those that ended before it
    /// was complete, then the losses.
    ///
    /// # Errors
    /// If the kernel refuses to read a map.
    pub fn snapshot(&mut self, yield_input: &mut dyn FnMut(Input)) -> Result<(), MapError> {
        if let Err(error) = self.attached.poll(&self.namespaces.due()) {
            tracing::warn!(%error, "open connections could not be checked for idleness");
        }
        self.namespaces.begin();
        let Attached { table, records, max_connections, .. } = &mut self.attached;
        // The walk begins anew where its place was deleted; entries it yields twice count once.
        let most = 2 * *max_connections as usize;
        for (nth, entry) in table.iter().enumerate().take(most) {
            let (_, bytes) = entry?;
            self.namespaces.meet(&bytes);
            yield_input(Input::Live(bytes.to_vec()));
            // The walk may take longer than the ring buffer lasts.
            if nth % DRAIN_EVERY == 0 {
                drain(records, yield_input);
            }
        }
        // An entry that was gone when the snapshot came to it had sent its record before.
        self.drain(yield_input);
        yield_input(Input::Lost(self.lost()?));
        Ok(())
    }

    /// Kernel-side losses so far, over all CPUs.
    ///
    /// # Errors
    /// If the kernel refuses to read the map.
    pub fn lost(&self) -> Result<Lost, MapError> {
        let mut lost = Lost::default();
        for (count, why) in lost.iter_mut().zip(Loss::ALL) {
            *count = match why {
                Loss::Missed => self.attached.missed()?,
                _ => self.attached.lost.get(&(why as u32), 0)?.iter().sum(),
            };
        }
        Ok(lost)
    }
}
