//! Output on a thread of its own: whoever reads it may be slow, blocked or stopped, or the disk full,
//! and neither judging nor counting waits for that.
//!
//! Lines wait in a queue that is bounded in bytes. While the observation goes on, what does not fit, and
//! will not within a moment, is dropped in whole lines and counted; once it is over there is nothing
//! left to stall, and lines wait for room. A line that was begun is finished first, or taken back; only a
//! pipe whose reader was given up may end within one. A reader that takes nothing then is told of on
//! stderr, once, and how to give it up. However the end comes about, what is queued is written first,
//! if its reader takes it within seconds.

mod destination;
mod patience;
mod writer;

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::terminal;
use crate::privileges;
pub(super) use destination::Destination;
use patience::Patience;

/// Most bytes of lines that wait: more than ten thousand connections.
const MOST_BYTES: usize = 8 << 20;
/// Lines are handed over when there are so many bytes of them, and when they are flushed.
const BLOCK: usize = 64 << 10;
/// A reader that takes nothing for so long is told of: nobody knows what is waited for otherwise.
const SILENCE: Duration = Duration::from_secs(2);
/// How long a reader may take nothing once a signal has come while the report is written: one that is
/// reading gets all of it.
const HURRY: Duration = Duration::from_secs(1);
/// How long what is queued may keep an end that comes with an error.
const LAST_WAIT: Duration = Duration::from_secs(3);

/// Lines on their way out.
#[derive(Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
struct Queue {
    blocks: VecDeque<Vec<u8>>,
    /// Of these and of the one that is being written, as far as they are not written yet.
    bytes: usize,
    /// The same in lines.
    lines: u64,
    /// Bytes written so far.
    taken: u64,
    /// The observation is over: lines wait for room.
    is_patient: bool,
    /// How long its reader may take nothing then.
    limit: Option<Duration>,
    /// It was told that the reader takes nothing.
    is_told: bool,
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
        self.outcome_with(0)
    }

    /// The same, by one who has so many lines more.
    fn outcome_with(&self, more: u64) -> io::Result<()> {
        match &self.failed {
            Some(error) => Err(error
                .raw_os_error()
                .map_or_else(|| error.kind().into(), io::Error::from_raw_os_error)),
            None if self.is_given_up => {
                let lines = counted(self.lines + more);
                Err(io::Error::other(format!(
                    "its reader did not take it, {lines} or more are lost"
                )))
            }
            None => Ok(()),
        }
    }

    /// That the reader of `name` takes nothing, and how long that goes on.
    fn stalled(&self, name: &str) -> String {
        let how = match self.limit.map(|limit| limit.saturating_sub(SILENCE).as_secs()) {
            Some(left) => format!("they are given up in {left} s, or now with"),
            None => "to give them up, press".to_owned(),
        };
        format!(
            "{name} is not being read, {} wait for that: {how} Ctrl-C (SIGINT, SIGTERM)",
            counted(self.lines)
        )
    }

    /// Takes in whole lines.
    fn push(&mut self, lines: Vec<u8>) {
        self.bytes += lines.len();
        self.lines += count(&lines);
        self.blocks.push_back(lines);
    }
}

#[derive(Debug, Default)]
struct Shared {
    name: &'static str,
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

    /// The same where it is the reader of the output that is waited for: tells if it takes nothing, and
    /// gives up where that has a limit.
    fn await_reader(&self, is_due: impl Fn(&Queue) -> bool) -> MutexGuard<'_, Queue> {
        let mut queue = self.queue();
        let (mut taken, mut since) = (queue.taken, Instant::now());
        while !is_due(&queue) {
            if std::mem::replace(&mut taken, queue.taken) != queue.taken {
                since = Instant::now();
            }
            let waited = since.elapsed();
            if queue.limit.is_some_and(|limit| waited >= limit) {
                queue.is_given_up = true;
                continue;
            }
            if waited >= SILENCE && !std::mem::replace(&mut queue.is_told, true) {
                let text = queue.stalled(self.name);
                drop(queue);
                terminal::say(&text);
                queue = self.queue();
                continue;
            }
            let due = [queue.limit, Some(SILENCE).filter(|_| !queue.is_told)];
            let due = due.into_iter().flatten().map(|due| due.saturating_sub(waited)).min();
            let waited = self.changed.wait_timeout(queue, due.unwrap_or(LAST_WAIT));
            queue = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        queue
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
    /// What it is called.
    pub(super) fn name(&self) -> &str {
        self.0.name
    }

    /// Lines that were dropped so far.
    pub(super) fn dropped(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.0.dropped)
    }

    /// The same, as of now.
    pub(super) fn dropped_lines(&self) -> u64 {
        self.0.dropped.load(Ordering::Relaxed)
    }

    /// Counts lines as dropped that were never handed over.
    pub(super) fn drop_lines(&self, lines: &[u8]) {
        self.0.dropped.fetch_add(count(lines), Ordering::Relaxed);
    }

    /// Whether as many lines as are handed over at once would fit now.
    pub(super) fn has_room(&self) -> bool {
        let queue = self.0.queue();
        // Of one that has failed it is told at the next write.
        queue.outcome().is_err() || queue.has_room(BLOCK)
    }

    /// From now on lines wait for room.
    pub(super) fn be_patient(&self) {
        self.0.change(|queue| queue.is_patient = true);
    }

    /// The same, until the reader has taken nothing for `limit`.
    pub(super) fn be_patient_for(&self, limit: Duration) {
        self.0.change(|queue| (queue.is_patient, queue.limit) = (true, Some(limit)));
    }

    /// Its reader must take something each second from now on.
    pub(super) fn hurry(&self) {
        self.0.change(|queue| queue.limit = Some(HURRY));
    }

    /// Nobody waits for the reader of the output any longer; what it has not taken is lost.
    pub(super) fn give_up(&self) {
        self.0.change(|queue| queue.is_given_up = true);
    }
}

/// Takes text for the thread that writes it. While the observation goes on, neither writing nor
/// flushing waits for longer than a moment; later flushing waits until all is written. Errors are those that the thread met.
#[derive(Debug)]
pub(super) struct Outbox {
    shared: Arc<Shared>,
    /// Not handed over yet; ends anywhere.
    begun: Vec<u8>,
    patience: Patience,
}

impl Outbox {
    /// Starts a thread that writes to `out`.
    ///
    /// # Errors
    /// If no thread can be started.
    pub(super) fn new(out: File) -> io::Result<Self> {
        Self::to("the output", out)
    }

    /// The same for a destination with this `name`: as the subject of a sentence.
    ///
    /// # Errors
    /// If no thread can be started.
    pub(super) fn to(name: &'static str, mut out: impl Destination + 'static) -> io::Result<Self> {
        let shared = Arc::new(Shared { name, ..Shared::default() });
        let of_thread = Arc::clone(&shared);
        let builder = thread::Builder::new().name("tracer-writer".into());
        let write = move || {
            privileges::keep_none();
            writer::run(&of_thread, &mut out);
        };
        builder.spawn(write)?;
        Ok(Self { shared, begun: Vec::new(), patience: Patience::new() })
    }

    /// How it goes.
    pub(super) fn outlook(&self) -> Outlook {
        Outlook(Arc::clone(&self.shared))
    }

    /// Counts what waits as dropped, once its writer has failed.
    pub(super) fn drop_queued(&mut self) {
        let begun = count(&std::mem::take(&mut self.begun));
        let lines = begun + std::mem::take(&mut self.shared.queue().lines);
        self.shared.dropped.fetch_add(lines, Ordering::Relaxed);
    }

    /// Hands over the whole lines, or drops them.
    fn hand_over(&mut self) -> io::Result<()> {
        let len = self.whole();
        let mut queue = self.shared.await_reader(|queue| {
            !queue.is_patient || queue.has_room(len) || queue.outcome().is_err()
        });
        if !queue.has_room(len) {
            let (began, taken) = (Instant::now(), queue.taken);
            let is_full = |queue: &mut Queue| !queue.has_room(len) && queue.outcome().is_ok();
            let most = self.patience.left(taken);
            let waited = self.shared.changed.wait_timeout_while(queue, most, is_full);
            queue = waited.unwrap_or_else(PoisonError::into_inner).0;
            self.patience.spend(began.elapsed(), taken, queue.taken);
        }
        queue.outcome_with(count(&self.begun))?;
        let lines = split(&mut self.begun, len);
        if queue.has_room(len) {
            queue.push(lines);
            drop(queue);
            self.shared.changed.notify_all();
        } else {
            drop(queue);
            self.shared.dropped.fetch_add(count(&lines), Ordering::Relaxed);
        }
        Ok(())
    }

    fn whole(&self) -> usize {
        self.begun.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1)
    }

    /// Waits until what is queued is written, for `most` and no longer: how many lines are not.
    fn end(&mut self, most: Duration) -> u64 {
        let len = self.whole();
        let lines = split(&mut self.begun, len);
        let mut queue = self.shared.queue();
        if queue.outcome().is_err() {
            // Whoever was told has said so.
            return 0;
        }
        queue.is_patient = true;
        queue.push(lines);
        self.shared.changed.notify_all();
        let is_open = |queue: &mut Queue| queue.bytes > 0 && queue.outcome().is_ok();
        let waited = self.shared.changed.wait_timeout_while(queue, most, is_open);
        waited.unwrap_or_else(PoisonError::into_inner).0.lines
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
        self.shared.await_reader(|queue| !queue.is_patient || is_over(queue)).outcome()
    }
}

impl Drop for Outbox {
    /// Nothing is left to write where all went well. Else whoever tells the error ends the process next.
    fn drop(&mut self) {
        let lost = self.end(LAST_WAIT);
        if lost > 0 {
            let lines = counted(lost);
            terminal::say(&format!(
                "{lines} for {} were not written: they were not read in time",
                self.shared.name
            ));
        }
        self.shared.change(|queue| queue.is_over = true);
    }
}

/// Whole lines in a text.
fn count(text: &[u8]) -> u64 {
    memchr::memchr_iter(b'\n', text).count() as u64
}

/// Takes the first `len` bytes out.
fn split(text: &mut Vec<u8>, len: usize) -> Vec<u8> {
    // With as much room: what follows is as long, and need not be moved as it grows.
    let mut rest = Vec::with_capacity(text.capacity());
    rest.extend_from_slice(&text[len..]);
    text.truncate(len);
    std::mem::replace(text, rest)
}

fn counted(lines: u64) -> String {
    format!("{lines} line{}", if lines == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests;
