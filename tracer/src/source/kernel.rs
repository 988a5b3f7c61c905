//! The attached programs' maps as a source.

use std::io;
use std::time::{Duration, Instant};

use aya::maps::MapError;
use aya::programs::ProgramError;
use tracer_ebpf::Loss;

use super::drain::{Drain, Reading};
use super::entry::{self, is_being_made, is_unowned};
use super::namespaces::Namespaces;
use super::polling::{Met, Polling};
use super::unseen::Unseen;
use super::{Input, Lost, LostOf, Priority, table};
use crate::clock::Clock;
use crate::probe::{Attached, Records, Seeding};

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

/// Yields an entry after a walk. What an earlier one has told of its idleness may be wrong by now: where
/// the last one did not come to its namespace, nothing is told of it.
fn tell<E>(
    bytes: &[u8],
    namespaces: &Namespaces,
    unseen: &Unseen,
    now_ns: u64,
    on: &mut dyn FnMut(Input<'_>) -> Result<(), E>,
) -> Result<(), E> {
    let is_walked = namespaces.own().is_none()
        || entry::netns(bytes).is_some_and(|netns| unseen.has_walked(netns));
    match entry::without_walk(bytes) {
        Some(entry) if !is_walked && entry::is_polled(bytes, now_ns) => on(Input::Live(&entry)),
        _ => on(Input::Live(bytes)),
    }
}

/// Reads what the attached programs write: a thread drains the ring, and whoever holds this takes
/// what it has read, and snapshots of the table.
pub struct Kernel {
    attached: Attached,
    drain: Drain,
    namespaces: Namespaces,
    polling: Polling,
    unseen: Unseen,
    /// How much of the last snapshot went into records of ended connections.
    drained: Duration,
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
            unseen: Unseen::new(),
            drained: Duration::ZERO,
            has_unowned: false,
            refused: 0,
        })
    }

    /// What is attached.
    #[must_use]
    pub const fn attached(&self) -> &Attached {
        &self.attached
    }

    /// Whether the kernel lets this thread read and walk, with the capabilities that it has now.
    #[must_use]
    pub fn answers(&mut self) -> bool {
        self.lost().is_ok() && self.attached.may_walk()
    }

    /// The walk over all open files, see [`Attached::seeding`].
    ///
    /// # Errors
    /// If the kernel refuses the walk.
    pub fn seeding(&mut self) -> Result<Option<Seeding>, ProgramError> {
        self.attached.seeding()
    }

    /// How much of the time of the last snapshot went into records of connections that had ended.
    #[must_use]
    pub const fn drained(&self) -> Duration {
        self.drained
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
        self.drained = Duration::ZERO;
        let now_ns = Clock::monotonic_ns();
        let is_ahead = self.polling.begin();
        if is_ahead {
            // Whether something of ours is asked of is not known yet.
            self.walk(true, now_ns);
        }
        // Before the table is read: the walk names the holders of those that nobody has used yet.
        if std::mem::take(&mut self.has_unowned)
            && let Err(error) = self.attached.seed()
        {
            tracing::warn!(%error, "owners of accepted connections could not be looked up");
        }
        self.namespaces.begin();
        let most = 2 * self.attached.max_connections as usize;
        let Self { attached, namespaces, polling, unseen, has_unowned, .. } = self;
        table::read(&attached.table, most, &mut |key, bytes| {
            if is_being_made(bytes) {
                return Ok(());
            }
            *has_unowned |= is_unowned(bytes, now_ns);
            let met = polling.meet(bytes, namespaces.own(), now_ns);
            if met.is_walked() {
                namespaces.meet(bytes);
            }
            if is_ahead {
                unseen.look(key, bytes);
                return tell(bytes, namespaces, unseen, now_ns, on);
            } else if met == Met::Polled {
                polling.hold(key, bytes);
                return Ok(());
            }
            on(Input::Live(bytes))
        })?;
        if is_ahead {
            self.polling.met();
            return self.bury(on);
        }
        self.snapshot_of_held(now_ns, most, on)
    }

    /// The rest of a snapshot that has not begun with a walk: those entries that were held back, after
    /// the walk if that is due.
    fn snapshot_of_held<E: From<Error>>(
        &mut self,
        now_ns: u64,
        most: usize,
        on: &mut dyn FnMut(Input<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        if self.polling.is_holding() && !self.polling.is_due(now_ns) {
            // What has ended by now may have dialled beside those that are held.
            let began = Instant::now();
            self.drain_all(on)?;
            self.drained = began.elapsed();
        }
        if !self.polling.is_due(now_ns) {
            return self.polling.held().try_for_each(|bytes| on(Input::Live(bytes)));
        }
        self.walk(self.namespaces.has_own(), now_ns);
        let Self { attached, namespaces, polling, unseen, .. } = self;
        table::read(&attached.table, most, &mut |key, bytes| {
            if is_being_made(bytes) {
                return Ok(());
            }
            unseen.look(key, bytes);
            // The others were told before the walk.
            let is_owed = entry::is_over(bytes) || polling.is_owed(key);
            if is_owed { tell(bytes, namespaces, unseen, now_ns, on) } else { Ok(()) }
        })?;
        self.bury(on)
    }

    /// Walks over the open sockets of the namespaces that were met, ours if `is_own`, and begins to look
    /// for entries that have none.
    fn walk(&mut self, is_own: bool, now_ns: u64) {
        let walk_ns = Clock::monotonic_ns();
        let due = self.namespaces.due();
        let polled = self.attached.poll(is_own, &due);
        let (of_us, mut walked) = polled.unwrap_or_else(|error| {
            tracing::warn!(%error, "open connections could not be checked for idleness");
            (false, Vec::new())
        });
        self.namespaces.entered(&due, &walked);
        walked.extend(self.namespaces.own().filter(|_| of_us));
        self.unseen.begin(walk_ns, walked);
        if of_us || !is_own {
            self.polling.done(now_ns);
        }
    }

    /// Yields as ended, and takes out of the table, what is of no socket any more. In the snapshot it
    /// was still open.
    fn bury<E: From<Error>>(
        &mut self,
        on: &mut dyn FnMut(Input<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let over = self.unseen.end();
        self.polling.suspect(self.unseen.is_suspicious());
        for key in over {
            // Once more: its address may be used again by now, and its record be sent.
            let Ok(mut entry) = self.attached.table.get(&key, 0) else { continue };
            if self.unseen.mark(key, &mut entry) && self.attached.table.remove(&key).is_ok() {
                tracing::debug!(key, "its end was shown to no program");
                // Its record, as it were: nothing is left in the table to tell of it later.
                on(Input::Record(&entry))?;
            }
        }
        Ok(())
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
        let refused = Loss::CONNECTIONS.iter().map(|why| lost[*why as usize]).sum();
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
