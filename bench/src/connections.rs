//! Many descriptors: how many a process may have, and may be given.

use anyhow::{Context as _, Result, ensure};
use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// Descriptors besides connections.
const OTHERS: u64 = 64;

/// How many sockets of `wanted` one process can have.
pub(crate) fn most(wanted: u32) -> Result<u32> {
    if allow(wanted).is_ok() {
        return Ok(wanted);
    }
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).context("RLIMIT_NOFILE")?;
    let most = u32::try_from(hard.saturating_sub(OTHERS)).unwrap_or(u32::MAX);
    ensure!(most > 0, "the limit of open files is {hard}");
    Ok(most.min(wanted))
}

/// Lets this process have `connections` sockets.
pub(crate) fn allow(connections: u32) -> Result<()> {
    let wanted = u64::from(connections) + OTHERS;
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).context("RLIMIT_NOFILE")?;
    if soft >= wanted {
        return Ok(());
    }
    let raised = setrlimit(Resource::RLIMIT_NOFILE, wanted, hard.max(wanted));
    ensure!(
        raised.is_ok(),
        "{connections} sockets in a process take a limit of open files of {wanted}; the hard limit \
         is {hard}, and raising it takes CAP_SYS_RESOURCE"
    );
    Ok(())
}
