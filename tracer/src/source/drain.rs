//! The thread that reads the ring, and does nothing else: neither judging nor a slow output nor a
//! snapshot keeps it from that. It sleeps between drains, and takes no more than one ring at a time.

use std::io;
use std::sync::Arc;
use std::sync::mpsc;
use std::thread::{self, JoinHandle};

use super::pace::Pace;
use super::queue::{Queue, Wish};
use super::{Chunk, Input, Priority};
use crate::privileges;
use crate::probe::Records;

/// A chunk is handed over when it holds so many bytes, or when the ring is empty.
const CHUNK: usize = 256 << 10;
/// A record takes a header of so many bytes in the ring, and is padded to as many.
const HEADER: usize = 8;

/// How the reader reads.
#[derive(Clone, Copy, Debug)]
pub struct Reading {
    /// Size of the ring.
    pub ring_bytes: usize,
    /// Most bytes that wait to be judged.
    pub queue_bytes: usize,
    /// Raise its priority if the kernel allows it.
    pub real_time: bool,
}

/// The thread. Dropping it ends it.
#[derive(Debug)]
pub(super) struct Drain {
    queue: Arc<Queue>,
    priority: Priority,
    thread: Option<JoinHandle<()>>,
}

impl Drain {
    /// Starts it.
    pub(super) fn start(mut ring: Records, reading: Reading) -> io::Result<Self> {
        let queue = Arc::new(Queue::new(reading.queue_bytes));
        let (tell, told) = mpsc::channel();
        let of_thread = Arc::clone(&queue);
        let thread = thread::Builder::new().name("tracer-reader".into()).spawn(move || {
            let _leaves = Leaves(&of_thread);
            let raised = if reading.real_time { Priority::raise() } else { Priority::Normal };
            // The ring is mapped already.
            privileges::keep_none();
            // Nobody is told only if starting failed.
            let _unheard = tell.send(raised);
            read(&mut ring, &of_thread, reading.ring_bytes);
        })?;
        let priority = told.recv().unwrap_or(Priority::Normal);
        Ok(Self { queue, priority, thread: Some(thread) })
    }

    /// What it hands over.
    pub(super) fn queue(&self) -> &Queue {
        &self.queue
    }

    /// What it runs at.
    pub(super) const fn priority(&self) -> &Priority {
        &self.priority
    }

    /// Ends it; a defect that ended it goes on here, as if there were one thread.
    pub(super) fn end(&mut self) {
        self.queue.end();
        if let Some(Err(panic)) = self.thread.take().map(JoinHandle::join) {
            std::panic::resume_unwind(panic);
        }
    }
}

impl Drop for Drain {
    fn drop(&mut self) {
        self.queue.end();
        if let Some(thread) = self.thread.take() {
            let _panicked = thread.join();
        }
    }
}

/// Tells the judge that the reader is gone, even if it panicked.
struct Leaves<'a>(&'a Queue);

impl Drop for Leaves<'_> {
    fn drop(&mut self) {
        self.0.leave();
    }
}

fn read(ring: &mut Records, queue: &Queue, ring_bytes: usize) {
    let mut pace = Pace::new(ring_bytes);
    let mut chunk = Chunk::default();
    let mut wish = Wish::None;
    while wish != Wish::Over {
        let mut drained = 0;
        // Programs that fill it as fast must not keep us here.
        while drained < ring_bytes
            && let Some(record) = ring.next()
        {
            drained += HEADER + record.len().next_multiple_of(HEADER);
            chunk.push(Input::Record(&record));
            drop(record);
            if chunk.len() >= CHUNK {
                chunk = queue.put(chunk);
            }
        }
        chunk = queue.put(chunk);
        if let Wish::All(number) = wish {
            queue.give(number);
        }
        wish = queue.pause(pace.after(drained));
    }
}
