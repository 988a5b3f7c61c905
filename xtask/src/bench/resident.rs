//! Memory as the kernel tells it: of a process, now and at its highest, and of this host.

use anyhow::{Context as _, Result};
use std::fs;

/// What this host can still give away.
pub(super) fn available_bytes() -> Result<u64> {
    kib(&fs::read_to_string("/proc/meminfo")?, "MemAvailable:").context("no MemAvailable")
}

/// The highest resident memory of a process so far, maps of the kernel included. An error once it has
/// ended.
pub(super) fn highest(pid: u32) -> Result<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/status"))?;
    kib(&text, "VmHWM:").context("it has ended")
}

/// A line of KiB, in bytes.
fn kib(text: &str, key: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(key))?;
    Some(line.split_whitespace().next()?.parse::<u64>().ok()? << 10)
}

/// Resident memory of a process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Resident {
    pub(super) own: u64,
    /// Maps of the kernel that it has mapped.
    pub(super) mapped_maps: u64,
}

/// As it is now.
pub(super) fn resident(pid: u32) -> Result<Resident> {
    Ok(parse(&fs::read_to_string(format!("/proc/{pid}/smaps"))?))
}

/// Mappings begin with a line of addresses; the name is its last word.
fn parse(text: &str) -> Resident {
    let (mut found, mut is_map) = (Resident::default(), false);
    for line in text.lines() {
        let word = line.split_whitespace().next().unwrap_or_default();
        if !word.ends_with(':') {
            is_map = line.contains("anon_inode:bpf-map");
        } else if word == "Rss:" {
            let bytes = kib(line, "Rss:").unwrap_or(0);
            *(if is_map { &mut found.mapped_maps } else { &mut found.own }) += bytes;
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mapped_maps_are_not_memory_of_the_process() {
        let text = "55d0-55d1 r-xp 00000000 08:01 1 /usr/bin/tracer\n\
            Rss:                 100 kB\nPss:                  90 kB\n\
            7f00-7f01 rw-s 00001000 00:0e 1 anon_inode:bpf-map\nRss:               16384 kB\n\
            7f01-7f02 rw-p 00000000 00:00 0 \nRss:                   8 kB\n";
        assert_eq!(parse(text), Resident { own: 108 << 10, mapped_maps: 16 << 20 });
    }
}
