//! What the kernel has in its general slabs (`kmalloc-*`), of which elements of BPF maps are taken in
//! sizes that are powers of two: what the kernel says of a map does not show the rest of each.

use anyhow::{Context as _, Result};
use std::fs;
use std::thread;
use std::time::{Duration, Instant};

/// Pages of this many bytes are counted; wherever this runs, they are the smallest there are.
const PAGE: u64 = 4096;
/// Elements of a map that is gone are freed after a while.
const PATIENCE: Duration = Duration::from_secs(30);
const APART: Duration = Duration::from_secs(1);
/// What others may take or give meanwhile, bytes.
const STEADY: u64 = 1 << 20;

/// Bytes of all of them.
pub(super) fn bytes() -> Result<u64> {
    let text = fs::read_to_string("/proc/slabinfo").context("/proc/slabinfo")?;
    general(&text).context("/proc/slabinfo has no kmalloc caches")
}

/// The same, once it does not change any more, or as it is after some time.
pub(super) fn steady_bytes() -> Result<u64> {
    let begun = Instant::now();
    let mut last = bytes()?;
    loop {
        thread::sleep(APART);
        let now = bytes()?;
        if now.abs_diff(last) <= STEADY || begun.elapsed() > PATIENCE {
            return Ok(now);
        }
        last = now;
    }
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
    use super::general;

    #[test]
    fn whole_slabs_of_the_general_caches_are_counted() {
        let text = "slabinfo - version: 2.1\n\
            TCP 9 9 2368 13 8 : tunables 0 0 0 : slabdata 9 9 0\n\
            kmalloc-cg-512 1 32 512 16 2 : tunables 0 0 0 : slabdata 2 2 0\n\
            kmalloc-64 1 64 64 64 1 : tunables 0 0 0 : slabdata 3 3 0\n";
        assert_eq!(general(text), Some(7 * 4096));
        assert_eq!(general("TCP 9 9\n"), None);
    }
}
