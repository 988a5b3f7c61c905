//! Output on a thread of its own: whoever reads it may be slow, blocked or stopped, or the disk full,
//! and neither judging nor counting waits for that.
//!
//! Lines wait in a queue that is bounded in bytes. While the observation goes on, what does not fit is
//! dropped in whole lines and counted; once it is over there is nothing left to stall, and lines wait
//! for room. No line is cut: one that was begun is finished first, or taken back.

mod writer;

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

/// Most bytes of lines that wait: more than ten thousand connections.
const MOST_BYTES: usize = 8 << 20;
/// Lines are handed over when there are so many bytes of them, and when they are flushed.
const BLOCK: usize = 64 << 10;

/// Lines on their way out.
#[derive(Debug, Default)]
struct Queue {
    blocks: VecDeque<Vec<u8>>,
    /// Of these and of the one that is being written.
    bytes: usize,
    /// The observation is over: lines wait for room.
    is_patient: bool,
    /// Nothing more will come.
    is_over: bool,
    /// Somebody will not wait any longer.
    is_given_up: bool,
    failed: Option<io::Error>,
}

impl Queue {
    fn has_room(&self, len: usize) -> bool {
        self.bytes == 0 || self.bytes + len <= MOST_BYTES
    }

    /// What the writer met, for each who asks.
    fn outcome(&self) -> io::Result<()> {
        match &self.failed {
            Some(error) => Err(error
                .raw_os_error()
                .map_or_else(|| error.kind().into(), io::Error::from_raw_os_error)),
            None if self.is_given_up => Err(io::Error::other("its reader did not take it")),
            None => Ok(()),
        }
    }
}

#[derive(Debug, Default)]
struct Shared {
    queue: Mutex<Queue>,
    changed: Condvar,
    dropped: Arc<AtomicU64>,
}

impl Shared {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait_until(&self, is_due: impl Fn(&Queue) -> bool) -> MutexGuard<'_, Queue> {
        let waited = self.changed.wait_while(self.queue(), |queue| !is_due(queue));
        waited.unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut Queue)) {
        change(&mut self.queue());
        self.changed.notify_all();
    }
}

/// The output as others than its writer see it.
#[derive(Clone, Debug)]
pub(super) struct Outlook(Arc<Shared>);

impl Outlook {
    /// Lines that were dropped so far.
    pub(super) fn dropped(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.0.dropped)
    }

    /// From now on lines wait for room.
    pub(super) fn be_patient(&self) {
        self.0.change(|queue| queue.is_patient = true);
    }

    /// Nobody waits for the reader of the output any longer; what it has not taken is lost.
    pub(super) fn give_up(&self) {
        self.0.change(|queue| queue.is_given_up = true);
    }
}

/// Takes text for the thread that writes it. While the observation goes on, neither writing nor
/// flushing waits; later flushing waits until all is written. Errors are those that the thread met.
#[derive(Debug)]
pub(super) struct Outbox {
    shared: Arc<Shared>,
    /// Not handed over yet; ends anywhere.
    begun: Vec<u8>,
}

impl Outbox {
    /// Starts a thread that writes to `out`.
    ///
    /// # Errors
    /// If no thread can be started.
    pub(super) fn new(out: File) -> io::Result<Self> {
        let shared = Arc::<Shared>::default();
        let of_thread = Arc::clone(&shared);
        let builder = thread::Builder::new().name("tracer-writer".into());
        builder.spawn(move || writer::run(&of_thread, out))?;
        Ok(Self { shared, begun: Vec::new() })
    }

    /// How it goes.
    pub(super) fn outlook(&self) -> Outlook {
        Outlook(Arc::clone(&self.shared))
    }

    /// Hands over the whole lines, or drops them.
    fn hand_over(&mut self) -> io::Result<()> {
        let len = self.begun.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1);
        let mut queue = self.shared.wait_until(|queue| {
            !queue.is_patient || queue.has_room(len) || queue.outcome().is_err()
        });
        queue.outcome()?;
        let rest = self.begun.split_off(len);
        let lines = std::mem::replace(&mut self.begun, rest);
        if queue.has_room(len) {
            queue.bytes += len;
            queue.blocks.push_back(lines);
            drop(queue);
            self.shared.changed.notify_all();
        } else {
            drop(queue);
            // Each ends with a newline, after which there is nothing.
            let count = lines.split(|byte| *byte == b'\n').count() - 1;
            self.shared.dropped.fetch_add(count as u64, Ordering::Relaxed);
        }
        Ok(())
    }
}

impl Write for Outbox {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        self.begun.extend_from_slice(text);
        if self.begun.len() >= BLOCK {
            self.hand_over()?;
        }
        Ok(text.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.hand_over()?;
        let is_over = |queue: &Queue| queue.bytes == 0 || queue.outcome().is_err();
        self.shared.wait_until(|queue| !queue.is_patient || is_over(queue)).outcome()
    }
}

impl Drop for Outbox {
    fn drop(&mut self) {
        self.shared.change(|queue| queue.is_over = true);
    }
}

#[cfg(test)]
mod tests;
