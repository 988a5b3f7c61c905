//! Chunks on their way from the thread that reads the ring to the one that judges: bounded in bytes,
//! in order. The reader never waits for the judge here; what does not fit is counted and dropped.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tracer_ebpf::KIND_CONN;

use super::{Chunk, Dropped, Input};

/// Emptied chunks kept for use again. More of them only give memory back once a burst is over.
const SPARE: usize = 4;

/// The queue, and what both ends tell each other. Its lock is held for a few instructions at a time,
/// and whoever waits for it sleeps: a reader of real-time priority cannot spin against the judge.
#[derive(Debug)]
pub(super) struct Queue {
    most_bytes: usize,
    state: Mutex<State>,
    to_reader: Condvar,
    to_judge: Condvar,
    filled: Notify,
}

#[derive(Debug, Default)]
struct State {
    chunks: VecDeque<Chunk>,
    bytes: usize,
    spare: Vec<Chunk>,
    dropped: Dropped,
    /// How often the judge asked for all that is in the ring, and how often it was given.
    asked: u64,
    given: u64,
    is_over: bool,
    is_reader_gone: bool,
}

/// What the judge wants of the reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    /// As before.
    None,
    /// All that is in the ring by now: its number.
    All(u64),
    /// No more.
    Over,
}

impl Queue {
    /// Takes in up to `most_bytes`.
    pub(super) fn new(most_bytes: usize) -> Self {
        Self {
            most_bytes,
            state: Mutex::default(),
            to_reader: Condvar::new(),
            to_judge: Condvar::new(),
            filled: Notify::new(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing that can fail is done while it is held.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reader: appends a chunk, and gives an empty one. One that does not fit is counted and dropped,
    /// unless the queue is empty.
    pub(super) fn put(&self, mut chunk: Chunk) -> Chunk {
        if chunk.is_empty() {
            return chunk;
        }
        let mut state = self.state();
        if state.bytes > 0 && state.bytes + chunk.len() > self.most_bytes {
            // Off the lock: it takes as long as reading them did.
            drop(state);
            let dropped = dropped(&chunk);
            chunk.clear();
            self.state().dropped.add(dropped);
            return chunk;
        }
        state.bytes += chunk.len();
        state.chunks.push_back(chunk);
        let spare = state.spare.pop();
        drop(state);
        self.filled.notify_one();
        spare.unwrap_or_default()
    }

    /// Reader: sleeps for `pause`, or until the judge wants something.
    pub(super) fn pause(&self, pause: Duration) -> Wish {
        let is_idle = |state: &mut State| !state.is_over && state.asked == state.given;
        let state = self.state();
        let waited = self.to_reader.wait_timeout_while(state, pause, is_idle);
        let (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        match (state.is_over, state.asked) {
            (true, _) => Wish::Over,
            (false, asked) if asked == state.given => Wish::None,
            (false, asked) => Wish::All(asked),
        }
    }

    /// Reader: all that was in the ring when wish `number` came is in the queue.
    pub(super) fn give(&self, number: u64) {
        self.state().given = number;
        self.to_judge.notify_one();
    }

    /// Reader: it reads no more, for whatever reason.
    pub(super) fn leave(&self) {
        self.state().is_reader_gone = true;
        self.to_judge.notify_one();
        self.filled.notify_one();
    }

    /// Judge: waits until there may be chunks.
    pub(super) async fn filled(&self) {
        self.filled.notified().await;
    }

    /// Judge: has all that is in the ring by now put into the queue. Whether the reader still reads.
    pub(super) fn all(&self) -> bool {
        let mut state = self.state();
        state.asked += 1;
        self.to_reader.notify_one();
        let is_due = |state: &mut State| !state.is_reader_gone && state.given < state.asked;
        let waited = self.to_judge.wait_while(state, is_due);
        !waited.unwrap_or_else(PoisonError::into_inner).is_reader_gone
    }

    /// Judge: how many chunks there are now.
    pub(super) fn len(&self) -> usize {
        self.state().chunks.len()
    }

    /// Judge: the oldest chunk; `used` is an earlier one.
    pub(super) fn take(&self, used: Option<Chunk>) -> Option<Chunk> {
        let mut state = self.state();
        if let Some(mut used) = used.filter(|_| state.spare.len() < SPARE) {
            used.clear();
            state.spare.push(used);
        }
        let chunk = state.chunks.pop_front()?;
        state.bytes -= chunk.len();
        Some(chunk)
    }

    /// Judge: what did not fit so far.
    pub(super) fn dropped(&self) -> Dropped {
        self.state().dropped
    }

    /// Judge: ends the reader.
    pub(super) fn end(&self) {
        self.state().is_over = true;
        self.to_reader.notify_one();
    }
}

/// What is lost with a chunk.
fn dropped(chunk: &Chunk) -> Dropped {
    let mut dropped = Dropped::default();
    for input in chunk.inputs() {
        let is_connection = matches!(input, Input::Record([a, b, ..])
            if u16::from_ne_bytes([*a, *b]) == KIND_CONN);
        if is_connection { dropped.connections += 1 } else { dropped.late += 1 }
    }
    dropped
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::thread;

    use super::*;

    fn chunk(records: usize) -> Chunk {
        let mut chunk = Chunk::default();
        let kind = KIND_CONN.to_ne_bytes();
        (0..records).for_each(|_| chunk.push(Input::Record(&kind)));
        chunk
    }

    fn taken(queue: &Queue) -> Vec<usize> {
        let mut used = None;
        let mut counts = Vec::new();
        while let Some(chunk) = queue.take(used.take()) {
            counts.push(chunk.inputs().count());
            used = Some(chunk);
        }
        counts
    }

    #[test]
    fn what_does_not_fit_is_counted_and_the_oldest_stay() {
        let queue = Queue::new(chunk(10).len());
        for records in [4, 5, 3, 1] {
            assert!(queue.put(chunk(records)).is_empty());
        }
        assert_eq!(taken(&queue), [4, 5, 1]);
        assert_eq!(queue.dropped(), Dropped { connections: 3, late: 0 });
        queue.put(chunk(20));
        assert_eq!(taken(&queue), [20], "one that is larger than the queue fits if it is alone");
        assert_eq!(queue.dropped().connections, 3);
    }

    #[test]
    fn late_facts_are_not_counted_as_connections() {
        let queue = Queue::new(1);
        let mut late = chunk(1);
        late.push(Input::Record(&tracer_ebpf::KIND_LATE.to_ne_bytes()));
        queue.put(chunk(1));
        queue.put(late);
        assert_eq!(queue.dropped(), Dropped { connections: 1, late: 1 });
    }

    #[test]
    fn chunks_are_used_again_but_few_are_kept() {
        let queue = Queue::new(1 << 20);
        for _ in 0..10 {
            queue.put(chunk(7));
        }
        taken(&queue);
        assert_eq!(queue.state().spare.len(), SPARE);
        queue.put(chunk(1));
        assert_eq!(queue.state().spare.len(), SPARE - 1);
    }

    #[test]
    fn the_judge_waits_until_all_is_given_and_the_reader_until_it_is_wanted() {
        let queue = Arc::new(Queue::new(1 << 20));
        assert_eq!(queue.pause(Duration::from_millis(1)), Wish::None);
        let reader = thread::spawn({
            let queue = Arc::clone(&queue);
            move || {
                let wish = queue.pause(Duration::from_mins(1));
                queue.put(chunk(3));
                if let Wish::All(number) = wish {
                    queue.give(number);
                }
                queue.pause(Duration::from_mins(1))
            }
        });
        assert!(queue.all());
        assert_eq!(taken(&queue), [3]);
        queue.end();
        assert_eq!(reader.join().unwrap(), Wish::Over);
    }

    #[test]
    fn nobody_waits_for_a_reader_that_is_gone() {
        let queue = Queue::new(1);
        queue.leave();
        assert!(!queue.all());
    }
}
