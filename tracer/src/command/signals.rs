//! SIGINT and SIGTERM. Owns that they were heard; what they end is the caller's.

use std::io;
use std::time::Duration;

use tokio::runtime::Runtime;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::sleep;

/// SIGINT and SIGTERM, which end an observation as its deadline does.
pub(super) struct Signals {
    interrupt: Signal,
    terminate: Signal,
    heard: Option<SignalKind>,
}

impl Signals {
    /// From now on.
    pub(super) fn listen(runtime: &Runtime) -> io::Result<Self> {
        let _context = runtime.enter();
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            heard: None,
        })
    }

    /// The next of them.
    pub(super) async fn next(&mut self) -> SignalKind {
        let kind = tokio::select! {
            _ = self.interrupt.recv() => SignalKind::interrupt(),
            _ = self.terminate.recv() => SignalKind::terminate(),
        };
        self.heard = Some(kind);
        kind
    }

    /// The last that came so far.
    pub(super) const fn heard(&self) -> Option<SignalKind> {
        self.heard
    }

    /// Ends at the deadline, or at the first signal.
    pub(super) async fn stop(&mut self, duration: Option<Duration>) {
        let deadline = async {
            match duration {
                Some(duration) => sleep(duration).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = self.next() => {}
            () = deadline => {}
        }
    }
}
