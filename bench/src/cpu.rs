//! CPU time of the load: user and system, of this process and of those it started that have ended.

use anyhow::{Context as _, Result};
use nix::sys::resource::{UsageWho, getrusage};

pub(crate) fn seconds() -> Result<f64> {
    let mut micros = 0;
    for who in [UsageWho::RUSAGE_SELF, UsageWho::RUSAGE_CHILDREN] {
        let usage = getrusage(who).context("cannot read the CPU time")?;
        for time in [usage.user_time(), usage.system_time()] {
            micros += time.tv_sec() * 1_000_000 + time.tv_usec();
        }
    }
    Ok(micros as f64 / 1e6)
}
