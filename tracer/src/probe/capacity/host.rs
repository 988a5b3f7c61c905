//! What of this host bounds the maps. What cannot be read bounds nothing.

use std::path::Path;

use procfs::process::Process;

/// What there is of what maps need.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Host {
    /// Memory there is for us: the host's, or what our control group may use.
    pub memory_bytes: u64,
    /// It is the limit of a control group: the kernel counts maps towards that of their maker.
    pub is_of_group: bool,
    /// CPUs that run.
    pub cpus: u64,
    /// CPUs that may ever run.
    pub possible_cpus: u64,
    /// Sockets that may be open at one time: open files of all processes, and what those that have
    /// been closed may leave. `net.ipv4.tcp_mem` bounds their buffers, of which idle ones have
    /// none, and `fs.nr_open` one process; neither bounds their number.
    pub sockets: Option<u64>,
}

impl Host {
    /// As it is now.
    #[must_use]
    pub fn read() -> Self {
        let system = rustix::system::sysinfo();
        let of_host = system.totalram.saturating_mul(u64::from(system.mem_unit));
        let of_group = group_limit().filter(|limit| *limit < of_host);
        let cpus = aya::util::online_cpus().map_or(1, |cpus| cpus.len() as u64);
        let files = number("/proc/sys/fs/file-max");
        let orphans = number("/proc/sys/net/ipv4/tcp_max_orphans").unwrap_or(0);
        Self {
            memory_bytes: of_group.unwrap_or(of_host),
            is_of_group: of_group.is_some(),
            cpus,
            possible_cpus: aya::util::nr_cpus().map_or(cpus, |cpus| cpus as u64),
            // Where there is no bound the kernel writes the largest number there is.
            sockets: files.filter(|most| *most < 1 << 40).map(|most| most.saturating_add(orphans)),
        }
    }

    /// The memory with whose it is.
    pub(super) fn memory(&self) -> String {
        let whose = if self.is_of_group { "of our control group's" } else { "of the host's" };
        format!("{} MiB {whose} memory", self.memory_bytes >> 20)
    }
}

fn number(path: impl AsRef<Path>) -> Option<u64> {
    std::fs::read_to_string(path).ok()?.trim().parse().ok()
}

/// The tightest limit of our control group and those above it, of either version.
fn group_limit() -> Option<u64> {
    let groups = Process::myself().ok()?.cgroups().ok()?;
    let limits = groups.0.iter().filter_map(|group| {
        if group.hierarchy == 0 {
            lowest("/sys/fs/cgroup", &group.pathname, "memory.max")
        } else if group.controllers.iter().any(|name| name == "memory") {
            lowest("/sys/fs/cgroup/memory", &group.pathname, "memory.limit_in_bytes")
        } else {
            None
        }
    });
    limits.min()
}

/// The lowest number in the file `name` of the group at `path` below `mount`, and of all above it.
/// A group without a limit says `max`, or (version 1) a number beyond all memory.
fn lowest(mount: &str, path: &str, name: &str) -> Option<u64> {
    let own = Path::new(mount).join(path.trim_start_matches('/'));
    let groups = own.ancestors().take_while(|group| group.starts_with(mount));
    groups.filter_map(|group| number(group.join(name))).min()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tightest_limit_above_counts() {
        let root = tempfile::tempdir().unwrap();
        let group = root.path().join("a/b");
        std::fs::create_dir_all(&group).unwrap();
        let limit = |of: &Path, text: &str| std::fs::write(of.join("memory.max"), text).unwrap();
        limit(&group, "max\n");
        limit(&root.path().join("a"), "1048576\n");
        let mount = root.path().to_str().unwrap();
        assert_eq!(lowest(mount, "/a/b", "memory.max"), Some(1_048_576));
        limit(&group, "4096\n");
        assert_eq!(lowest(mount, "/a/b", "memory.max"), Some(4096));
        assert_eq!(lowest(mount, "/", "memory.max"), None);
        assert_eq!(lowest(mount, "/gone", "memory.max"), None);
    }

    #[test]
    fn this_host_has_memory_and_cpus() {
        let host = Host::read();
        assert!(host.memory_bytes >= 64 << 20, "{host:?}");
        assert!((1..=host.possible_cpus).contains(&host.cpus), "{host:?}");
    }
}
