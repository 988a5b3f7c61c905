//! SIGHUP: counted on a thread of its own from the first moment on, so that one that comes while the
//! agent starts does not end it. What it leads to is up to those who look at the count.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use tokio::runtime::Builder;
use tokio::signal::unix::{SignalKind, signal};

use crate::privileges;

/// A file would become larger than a limit allows.
const SIGXFSZ: i32 = 25;

/// How often SIGHUP came.
#[derive(Clone, Debug, Default)]
pub(super) struct Hangups(Arc<AtomicU64>);

impl Hangups {
    /// Counts from now on, as long as the process lives.
    ///
    /// # Errors
    /// If signals or threads cannot be had.
    pub(super) fn listen() -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let mut signals = {
            let _context = runtime.enter();
            // Without a handler the kernel ends who writes beyond a limit on the size of files; with one
            // the write fails, which the output tells.
            let _beyond = signal(SignalKind::from_raw(SIGXFSZ))?;
            signal(SignalKind::hangup())?
        };
        let hangups = Self::default();
        let of_thread = hangups.clone();
        thread::Builder::new().name("tracer-hangup".into()).spawn(move || {
            privileges::keep_none();
            while runtime.block_on(signals.recv()).is_some() {
                of_thread.0.fetch_add(1, Ordering::Relaxed);
            }
        })?;
        Ok(hangups)
    }

    /// One more.
    #[cfg(test)]
    pub(super) fn hear(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// As of now.
    pub(super) fn count(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
