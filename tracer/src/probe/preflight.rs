//! What can be said before the kernel is asked: capabilities, and the lockdown state for messages.

use rustix::process::{Resource, getrlimit};
use rustix::thread::CapabilitySet;

use super::Error;
use crate::privileges::{self, NEEDS};

/// Checks that this process may load tracing programs.
///
/// # Errors
/// [`Error::Capability`] naming those that are missing.
pub(super) fn check() -> Result<(), Error> {
    // If it is not told the kernel will say.
    let Ok(held) = privileges::held() else { return Ok(()) };
    missing(held).map_or(Ok(()), |names| Err(Error::Capability { names }))
}

/// Names of those that are missing. `CAP_SYS_ADMIN` stands in for all.
fn missing(held: CapabilitySet) -> Option<String> {
    if held.contains(CapabilitySet::SYS_ADMIN) {
        return None;
    }
    let missing = privileges::missing(held, NEEDS).into_iter().filter(|need| need.is_required);
    let names: Vec<_> = missing.map(|need| need.name).collect();
    (!names.is_empty()).then(|| names.join(" and "))
}

/// Whether the kernel keeps tracepoints from us by `perf_event_paranoid`: above 2, which Debian and
/// Ubuntu have added, capabilities other than `CAP_SYS_ADMIN` do not count.
pub(super) fn is_paranoid() -> bool {
    let level = std::fs::read_to_string("/proc/sys/kernel/perf_event_paranoid");
    let level = level.ok().and_then(|level| level.trim().parse::<i32>().ok());
    let is_admin = privileges::held().is_ok_and(|held| held.contains(CapabilitySet::SYS_ADMIN));
    level.is_some_and(|level| level > 2) && !is_admin
}

/// What to do where maps may not be made for want of locked memory.
pub(super) fn locked_memory() -> Option<String> {
    let kernel = rustix::system::uname();
    let limit = getrlimit(Resource::Memlock).current?;
    is_before_5_11(&kernel.release().to_string_lossy()).then(|| {
        format!(
            "before Linux 5.11 maps are locked memory, of which {} KiB are allowed: set LimitMEMLOCK=infinity \
             in the unit (`ulimit -l unlimited`), or grant CAP_SYS_RESOURCE",
            limit / 1024
        )
    })
}

fn is_before_5_11(release: &str) -> bool {
    let mut numbers = release.split(['.', '-']).map_while(|number| number.parse::<u32>().ok());
    let version = (numbers.next(), numbers.next());
    matches!(version, (Some(major), Some(minor)) if (major, minor) < (5, 11))
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
    fn locked_memory_is_told_of_only_where_maps_are_locked() {
        assert!(is_before_5_11("5.10.0-32-cloud-amd64"));
        assert!(!is_before_5_11("5.11-rc1") && !is_before_5_11("6.1.0"));
        assert!(!is_before_5_11("of nobody"));
    }

    #[test]
    fn those_that_are_missing_are_named() {
        let both = CapabilitySet::BPF | CapabilitySet::PERFMON;
        assert_eq!(missing(CapabilitySet::empty()).unwrap(), "CAP_BPF and CAP_PERFMON");
        assert_eq!(missing(CapabilitySet::BPF).unwrap(), "CAP_PERFMON");
        assert_eq!(missing(both), None);
        assert_eq!(missing(CapabilitySet::SYS_ADMIN), None);
    }
}
