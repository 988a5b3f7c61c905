//! The thread that moves all bytes to and from collectors. It runs all the time, so that a connection is
//! alive, and its end is noticed, while nothing is sent.

use std::io;
use std::thread;

use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;

use crate::privileges;

/// Ends with the last one who holds it.
#[derive(Debug)]
pub(super) struct Driver {
    handle: Handle,
    _end: oneshot::Sender<()>,
}

impl Driver {
    /// Starts the thread.
    pub(super) fn start() -> io::Result<Self> {
        // The name is that of threads which look up those of collectors.
        let runtime =
            Builder::new_current_thread().thread_name("tracer-resolve").enable_all().build()?;
        let handle = runtime.handle().clone();
        let (end, ended) = oneshot::channel();
        let builder = thread::Builder::new().name("tracer-otlp".into());
        builder.spawn(move || {
            privileges::keep_none();
            // Nobody sends: it is dropped.
            let _end: Result<(), _> = runtime.block_on(ended);
        })?;
        Ok(Self { handle, _end: end })
    }

    /// Waits for it on the thread of the caller.
    pub(super) fn block_on<T>(&self, work: impl Future<Output = T>) -> T {
        self.handle.block_on(work)
    }

    /// Has it done meanwhile.
    pub(super) fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        drop(self.handle.spawn(work));
    }
}
