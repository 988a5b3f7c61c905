//! The attached programs' maps as a source.

use std::io;
use std::mem::offset_of;

use aya::maps::MapError;
use aya::programs::ProgramError;
use bytes::Buf as _;
use tracer_ebpf::{Conn, Loss, flags, opened};

use super::drain::{Drain, Reading};
use super::namespaces::Namespaces;
use super::unseen::Unseen;
use super::{Input, Lost, LostOf, Priority, table};
use crate::clock::Clock;
use crate::probe::{Attached, Records, Seeding};

const ESTABLISHED: u8 = 1;
/// Most processes that are asked for; the kernel side remembers half as many.
const MOST_LOST_OF: usize = 2048;
/// How long an accepted connection may wait for its first use before its owner is looked up.
const UNUSED_NS: u64 = 1_000_000_000;

/// Whether a program on another CPU has just added an entry and fills it now.
fn is_being_made(bytes: &[u8]) -> bool {
    let is_zero = |at: usize, len: usize| {
        bytes.get(at..at + len).is_some_and(|field| field.iter().all(|byte| *byte == 0))
    };
    let has_no_time =
        !is_zero(offset_of!(Conn, opened), 1) && is_zero(offset_of!(Conn, open_ns), 8);
    is_zero(offset_of!(Conn, family), 2) || has_no_time
}

/// Whether an entry is an established connection that was accepted a while ago and has no owner. Those
/// that two processes hold were looked up before.
fn is_unowned(bytes: &[u8], now_ns: u64) -> bool {
    let accepted = bytes.get(offset_of!(Conn, established_ns)..);
    let accepted_ns = accepted.and_then(|mut rest| rest.try_get_u64_ne().ok()).unwrap_or(now_ns);
    let word = |at: usize| bytes.get(at..).and_then(|mut rest| rest.try_get_u32_ne().ok());
    let byte = |at: usize| bytes.get(at).copied();
    byte(offset_of!(Conn, opened)) == Some(opened::PASSIVE)
        && byte(offset_of!(Conn, state)) == Some(ESTABLISHED)
        && accepted_ns + UNUSED_NS < now_ns
        && word(offset_of!(Conn, owner_tgid)) == Some(0)
        && word(offset_of!(Conn, flags)).is_some_and(|bits| bits & flags::SEEDED == 0)
}

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
    unseen: Unseen,
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
        let unseen = Unseen::default();
        Ok(Self { attached, drain, namespaces, unseen, has_unowned: false, refused: 0 })
    }

    /// What is attached.
    #[must_use]
    pub const fn attached(&self) -> &Attached {
        &self.attached
    }

    /// The walk over all open files, see [`Attached::seeding`].
    ///
    /// # Errors
    /// If the kernel refuses the walk.
    pub fn seeding(&mut self) -> Result<Option<Seeding>, ProgramError> {
        self.attached.seeding()
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
            chunk.inputs().try_for_each(&mut *on)?;
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
        self.walk();
        // Before the table is read: the walk names the holders of those that nobody has used yet.
        if std::mem::take(&mut self.has_unowned)
            && let Err(error) = self.attached.seed()
        {
            tracing::warn!(%error, "owners of accepted connections could not be looked up");
        }
        self.namespaces.begin();
        let now_ns = Clock::monotonic_ns();
        let Self { attached, namespaces, unseen, has_unowned, .. } = self;
        let most = 2 * attached.max_connections as usize;
        table::read(&attached.table, most, &mut |key, bytes| {
            if is_being_made(bytes) {
                return Ok(());
            }
            namespaces.meet(bytes);
            unseen.look(key, bytes);
            *has_unowned |= is_unowned(bytes, now_ns);
            on(Input::Live(bytes))
        })?;
        self.bury(on)
    }

    /// Walks over the open sockets, and begins to look for entries that have none.
    fn walk(&mut self) {
        let walk_ns = Clock::monotonic_ns();
        let (of_us, mut walked) =
            self.attached.poll(&self.namespaces.due()).unwrap_or_else(|error| {
                tracing::warn!(%error, "open connections could not be checked for idleness");
                (false, Vec::new())
            });
        walked.extend(self.namespaces.own().filter(|_| of_us));
        self.unseen.begin(walk_ns, walked);
    }

    /// Yields as ended, and takes out of the table, what is of no socket any more. In the snapshot it
    /// was still open.
    fn bury<E: From<Error>>(
        &mut self,
        on: &mut dyn FnMut(Input<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        for key in self.unseen.end() {
            // Once more: its address may be used again by now, and its record be sent.
            let Ok(mut entry) = self.attached.table.get(&key, 0) else { continue };
            if self.unseen.mark(key, &mut entry) && self.attached.table.remove(&key).is_ok() {
                tracing::debug!(key, "its end was shown to no program");
                on(Input::Live(&entry))?;
            }
        }
        Ok(())
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
        if !self.drain.queue().all() {
            self.drain.end();
        }
        self.take(on)?;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_accepted_connections_without_owner_are_looked_up() {
        let entry = |opened: u8, state: u8, owner: u32, bits: u32| {
            let mut bytes = vec![0; Conn::SIZE];
            bytes[offset_of!(Conn, opened)] = opened;
            bytes[offset_of!(Conn, state)] = state;
            bytes[offset_of!(Conn, owner_tgid)..][..4].copy_from_slice(&owner.to_ne_bytes());
            bytes[offset_of!(Conn, flags)..][..4].copy_from_slice(&bits.to_ne_bytes());
            is_unowned(&bytes, UNUSED_NS + 1)
        };
        assert!(entry(opened::PASSIVE, 1, 0, 0));
        assert!(!entry(opened::ACTIVE, 1, 0, 0));
        assert!(!entry(opened::PASSIVE, 8, 0, 0), "the peer has closed it");
        assert!(!entry(opened::PASSIVE, 1, 7, 0));
        assert!(!entry(opened::PASSIVE, 1, 0, flags::SEEDED), "looked up before");
        assert!(!is_unowned(&[], u64::MAX));
    }

    #[test]
    fn an_entry_without_family_or_time_is_not_complete() {
        let mut bytes = vec![0; Conn::SIZE];
        assert!(is_being_made(&bytes));
        bytes[offset_of!(Conn, family)] = 2;
        assert!(!is_being_made(&bytes));
        bytes[offset_of!(Conn, opened)] = opened::ACTIVE;
        assert!(is_being_made(&bytes), "its time follows");
        bytes[offset_of!(Conn, open_ns)] = 1;
        assert!(!is_being_made(&bytes));
    }
}
