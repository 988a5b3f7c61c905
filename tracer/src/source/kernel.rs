//! The attached programs' maps as a source.

use std::io;

use aya::maps::MapError;
use aya::programs::ProgramError;
use tracer_ebpf::{Listener, Loss};

use super::drain::{Drain, Reading};
use super::entry::{self, is_being_made, is_unowned};
use super::namespaces::Namespaces;
use super::polling::Polling;
use super::{Input, Lost, LostOf, Priority, table};
use crate::clock::Clock;
use crate::probe::{Attached, Records};

/// Most processes that are asked for; the kernel side remembers half as many.
const MOST_LOST_OF: usize = 2048;
/// Why the kernel could not be read (further).
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A map was refused.
    #[error("the kernel's table of connections could not be read ({0}); run tracer again")]
    Map(#[from] MapError),
    /// No thread could be started.
    #[error("the reader of the ring buffer could not be started: {0}")]
    Thread(#[from] io::Error),
}

/// Reads what the attached programs write: a thread drains the ring, and whoever holds this takes
/// what it has read, and snapshots of the table.
pub struct Kernel {
    attached: Attached,
    drain: Drain,
    namespaces: Namespaces,
    polling: Polling,
    /// The last snapshot showed accepted connections whose owner is not known.
    has_unowned: bool,
    /// Connections that the kernel side had no room for, as of the last look.
    refused: u64,
}

impl Kernel {
    /// Takes over attached programs; dropping it detaches them. `sees_pids`: /proc has the processes
    /// that the kernel tells, under the same numbers.
    ///
    /// # Errors
    /// If no thread can be started.
    pub fn start(
        (attached, records): (Attached, Records),
        reading: Reading,
        sees_pids: bool,
    ) -> Result<Self, Error> {
        let drain = Drain::start(records, reading)?;
        let namespaces = Namespaces::new(sees_pids);
        Ok(Self {
            attached,
            drain,
            namespaces,
            polling: Polling::new(),
            has_unowned: false,
            refused: 0,
        })
    }

    /// What is attached.
    #[must_use]
    pub const fn attached(&self) -> &Attached {
        &self.attached
    }

    /// Walks over all open files, see [`Attached::seed`].
    ///
    /// # Errors
    /// If the kernel refuses the walk.
    pub fn seed(&mut self) -> Result<Option<Vec<Listener>>, ProgramError> {
        self.attached.seed()
    }

    /// What the thread that drains the ring runs at.
    #[must_use]
    pub const fn priority(&self) -> &Priority {
        self.drain.priority()
    }

    /// Waits until there may be something to take.
    pub async fn filled(&self) {
        self.drain.queue().filled().await;
    }

    /// Yields the records that wait now.
    ///
    /// # Errors
    /// Those of `on`.
    pub fn take<E>(&mut self, on: &mut dyn FnMut(Input<'_>) -> Result<(), E>) -> Result<(), E> {
        if let Some(log) = &mut self.attached.log {
            log.flush();
        }
        let queue = self.drain.queue();
        let mut used = None;
        // The reader goes on meanwhile: what it adds is for the next time.
        for _ in 0..queue.len() {
            let Some(chunk) = queue.take(used.take()) else { break };
            for input in chunk.inputs() {
                if let Input::Record(record) = input {
                    self.polling.ended(record);
                }
                on(input)?;
            }
            used = Some(chunk);
        }
        Ok(())
    }

    /// Yields a snapshot of all open connections.
    ///
    /// # Errors
    /// If the kernel refuses to read a map, and those of `on`.
    pub fn snapshot<E: From<Error>>(
        &mut self,
        on: &mut dyn FnMut(Input<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let now_ns = Clock::monotonic_ns();
        if self.polling.begin() {
            self.poll(now_ns);
        }
        // Before the table is read: the walk names the holders of those that nobody has used yet.
        if std::mem::take(&mut self.has_unowned)
            && let Err(error) = self.attached.seed()
        {
            tracing::warn!(%error, "owners of accepted connections could not be looked up");
        }
        self.namespaces.begin();
        let most = 2 * self.attached.max_connections as usize;
        let Self { attached, namespaces, polling, has_unowned, .. } = self;
        table::read(&attached.table, most, &mut |bytes| {
            if is_being_made(bytes) {
                return Ok(());
            }
            *has_unowned |= is_unowned(bytes, now_ns);
            if polling.meet(bytes, now_ns) {
                namespaces.meet(bytes);
                if polling.hold(bytes) {
                    return Ok(());
                }
            }
            on(Input::Live(bytes))
        })?;
        polling.met();
        if !self.polling.is_holding() {
            return Ok(());
        }
        if !self.polling.is_due(now_ns) {
            // What has ended by now may have dialled beside those that are held.
            self.drain_all(on)?;
        }
        if !self.polling.is_due(now_ns) {
            return self.polling.held().try_for_each(|bytes| on(Input::Live(bytes)));
        }
        self.poll(now_ns);
        table::read(&self.attached.table, most, &mut |bytes| {
            let is_wanted = entry::is_over(bytes) || entry::is_polled(bytes, now_ns);
            if is_wanted && !is_being_made(bytes) { on(Input::Live(bytes)) } else { Ok(()) }
        })
    }

    /// Walks over the open sockets of the namespaces that were met.
    fn poll(&mut self, now_ns: u64) {
        let is_own = self.namespaces.has_own();
        if let Err(error) = self.attached.poll(is_own, &self.namespaces.due()) {
            tracing::warn!(%error, "open connections could not be checked for idleness");
        }
        self.polling.done(now_ns);
    }

    /// Yields all records that are in the ring by now.
    fn drain_all<E>(&mut self, on: &mut dyn FnMut(Input<'_>) -> Result<(), E>) -> Result<(), E> {
        if !self.drain.queue().all() {
            self.drain.end();
        }
        self.take(on)
    }

    /// Yields all records that are in the ring by now, then the losses. After a snapshot: an entry
    /// that was gone when it came to it had sent its record before.
    ///
    /// # Errors
    /// As [`Self::snapshot`].
    pub fn settle<E: From<Error>>(
        &mut self,
        on: &mut dyn FnMut(Input<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        self.drain_all(on)?;
        self.losses(on)
    }

    /// Yields the losses so far.
    ///
    /// # Errors
    /// As [`Self::snapshot`].
    pub fn losses<E: From<Error>>(
        &mut self,
        on: &mut dyn FnMut(Input<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let lost = self.lost().map_err(Error::Map)?;
        on(Input::Lost(lost))?;
        let refused = lost[Loss::TableFull as usize] + lost[Loss::RingFull as usize];
        if std::mem::replace(&mut self.refused, refused) != refused {
            // The walk begins anew where its place is forgotten.
            for entry in self.attached.lost_of.iter().take(MOST_LOST_OF) {
                let (tgid, counts) = entry.map_err(Error::Map)?;
                on(Input::LostOf(LostOf { tgid, connections: counts.iter().sum() }))?;
            }
        }
        on(Input::Dropped(self.drain.queue().dropped()))
    }

    /// Kernel-side losses so far, over all CPUs.
    fn lost(&self) -> Result<Lost, MapError> {
        let mut lost = Lost::default();
        for (count, why) in lost.iter_mut().zip(Loss::ALL) {
            *count = match why {
                Loss::Missed => self.attached.missed(),
                _ => self.attached.lost.get(&(why as u32), 0)?.iter().sum(),
            };
        }
        Ok(lost)
    }
}
