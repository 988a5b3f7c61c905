//! Tells the service manager that the agent observes: what depends on it may start. Where none asked
//! (`NOTIFY_SOCKET`) nothing happens.

use libsystemd::daemon::{NotifyState, notify};

/// Tells it.
pub(super) fn tell() {
    if let Err(error) = notify(false, &[NotifyState::Ready]) {
        tracing::warn!(%error, "the service manager was not told that the agent is ready");
    }
}
