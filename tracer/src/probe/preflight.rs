//! What can be said before the kernel is asked: capabilities, and the lockdown state for messages.

use procfs::process::Process;

use super::Error;

/// A capability by its number in `linux/capability.h`.
const CAP_SYS_ADMIN: u32 = 21;
const CAP_PERFMON: u32 = 38;
const CAP_BPF: u32 = 39;

/// Checks that this process may load tracing programs.
///
/// # Errors
/// [`Error::Capability`] naming the first one that is missing.
pub(super) fn check() -> Result<(), Error> {
    let Ok(effective) = Process::myself().and_then(|me| me.status()).map(|status| status.capeff)
    else {
        // Without /proc nothing is known; the kernel will say.
        return Ok(());
    };
    missing(effective).map_or(Ok(()), |name| Err(Error::Capability { name }))
}

/// The first missing capability. `CAP_SYS_ADMIN` stands in for both.
fn missing(effective: u64) -> Option<&'static str> {
    let has = |capability: u32| effective & (1 << capability) != 0;
    if has(CAP_SYS_ADMIN) {
        None
    } else if !has(CAP_BPF) {
        Some("CAP_BPF")
    } else if !has(CAP_PERFMON) {
        Some("CAP_PERFMON")
    } else {
        None
    }
}

/// The active lockdown mode, if the kernel tells.
#[must_use]
pub fn lockdown() -> Option<String> {
    let modes = std::fs::read_to_string("/sys/kernel/security/lockdown").ok()?;
    let (_, rest) = modes.split_once('[')?;
    Some(rest.split_once(']')?.0.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_missing_capability_is_named() {
        assert_eq!(missing(0), Some("CAP_BPF"));
        assert_eq!(missing(1 << CAP_BPF), Some("CAP_PERFMON"));
        assert_eq!(missing(1 << CAP_BPF | 1 << CAP_PERFMON), None);
        assert_eq!(missing(1 << CAP_SYS_ADMIN), None);
    }
}
