//! What the kernel has in its general slabs (`kmalloc-*`), of which elements of BPF maps are taken in
//! sizes that are powers of two: what the kernel says of a map does not show the rest of each.

use anyhow::{Context as _, Result};
use std::fs;
use std::thread;
use std::time::{Duration, Instant};

/// Pages of this many bytes are counted; wherever this runs, they are the smallest there are.
const PAGE: u64 = 4096;
/// Elements of a map that is gone are freed after a while.
const PATIENCE: Duration = Duration::from_mins(1);
const APART: Duration = Duration::from_secs(1);
/// So many looks in a row differ by no more than [`STEADY`]. A single second says little: with a
/// million sockets the figure is of what comes in more than a minute, in which a drift adds up.
const LOOKS: usize = 6;
/// What others may take or give meanwhile, bytes: in that minute 4 MiB, 1 % of what is measured.
const STEADY: u64 = 1 << 18;

/// Bytes of all of them.
pub(super) fn bytes() -> Result<u64> {
    let text = fs::read_to_string("/proc/slabinfo").context("/proc/slabinfo")?;
    general(&text).context("/proc/slabinfo has no kmalloc caches")
}

/// The same, and whether it does not change any more; if it always does, as it is after some time.
pub(super) fn steady_bytes() -> Result<(u64, bool)> {
    let begun = Instant::now();
    let mut seen = vec![bytes()?];
    loop {
        thread::sleep(APART);
        let now = bytes()?;
        seen.push(now);
        let is_steady = is_steady(&seen);
        if is_steady || begun.elapsed() > PATIENCE {
            return Ok((now, is_steady));
        }
    }
}

fn is_steady(seen: &[u64]) -> bool {
    let Some(looks) = seen.last_chunk::<LOOKS>() else { return false };
    let least = looks.iter().min().copied().unwrap_or(0);
    looks.iter().all(|bytes| bytes - least <= STEADY)
}

/// `name <active> <objects> <size> <per slab> <pages per slab> : tunables … : slabdata <active> <slabs> …`
fn general(text: &str) -> Option<u64> {
    let caches = text.lines().filter(|line| line.starts_with("kmalloc-"));
    let mut bytes = None;
    for cache in caches {
        let words: Vec<&str> = cache.split_whitespace().collect();
        let pages = words.get(5)?.parse::<u64>().ok()?;
        let at = words.iter().position(|word| *word == "slabdata")?;
        let slabs = words.get(at + 2)?.parse::<u64>().ok()?;
        *bytes.get_or_insert(0) += slabs * pages * PAGE;
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_slabs_of_the_general_caches_are_counted() {
        let text = "slabinfo - version: 2.1\n\
            TCP 9 9 2368 13 8 : tunables 0 0 0 : slabdata 9 9 0\n\
            kmalloc-cg-512 1 32 512 16 2 : tunables 0 0 0 : slabdata 2 2 0\n\
            kmalloc-64 1 64 64 64 1 : tunables 0 0 0 : slabdata 3 3 0\n";
        assert_eq!(general(text), Some(7 * 4096));
        assert_eq!(general("TCP 9 9\n"), None);
    }

    #[test]
    fn what_changes_by_little_in_each_second_is_not_steady() {
        let drift = |each: u64| (0..20).map(|second| second * each).collect::<Vec<_>>();
        assert!(!is_steady(&drift(1 << 20)) && !is_steady(&drift(1 << 16)));
        assert!(is_steady(&drift(1 << 15)));
        assert!(!is_steady(&drift(0)[..LOOKS - 1]), "too few to tell");
        let gone = [9 << 20, 5 << 20, 7, 7, 7, 7, 7, 7];
        assert!(is_steady(&gone) && !is_steady(&gone[..7]));
    }
}
