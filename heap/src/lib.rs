//! Has the heap give memory back once a burst is over: two settings of glibc's `malloc`.
//!
//! Left alone, glibc takes the largest block that was freed so far, up to 32 MiB, as the size below which
//! blocks are kept for later, and keeps twice as much at the end of the heap. An interval of a burst has
//! such blocks, so that the process would stay as large as its busiest second for ever. The setting is
//! not safe Rust, and `tracer` itself forbids what is not: hence a crate of its own, which must do
//! nothing else.

/// Larger blocks are taken from the kernel one by one, and given back when they are freed; as much may lie
/// unused at the end of the heap. Intervals of a few thousand connections stay below it.
pub const KEPT: i32 = 1 << 20;

/// Sets it, for the whole process. Whether the C library took it: one that is not glibc has no such
/// setting.
#[must_use]
pub fn give_back() -> bool {
    #[cfg(target_env = "gnu")]
    {
        // SAFETY: `mallopt` takes two numbers, is safe to be called at any time, and refuses what it does
        // not know.
        let set = |what| unsafe { libc::mallopt(what, KEPT) } == 1;
        set(libc::M_MMAP_THRESHOLD) & set(libc::M_TRIM_THRESHOLD)
    }
    #[cfg(not(target_env = "gnu"))]
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Resident memory of this process, bytes.
    fn resident() -> usize {
        let text = std::fs::read_to_string("/proc/self/statm").expect("it is Linux");
        let pages = text.split(' ').nth(1).and_then(|pages| pages.parse::<usize>().ok());
        pages.expect("a number") * 4096
    }

    /// What is resident more after a burst of so many large blocks than before it. Something small is
    /// made beside each, and lives on.
    fn left_behind(blocks: usize) -> usize {
        let before = resident();
        let block = |number| (vec![1_u8; (2 + number % 4) << 20], vec![number; 500]);
        let (burst, kept): (Vec<_>, Vec<_>) = (0..blocks).map(block).unzip();
        drop(std::hint::black_box(burst));
        let after = resident();
        // What lives on is not where the next burst could put its own.
        std::mem::forget(kept);
        after.saturating_sub(before)
    }

    #[test]
    fn what_a_burst_took_goes_back() {
        // glibc learns to keep them.
        (2..8).for_each(|mib| drop(std::hint::black_box(vec![1_u8; mib << 20])));
        let unset = left_behind(40);
        assert!(unset > 32 << 20, "nothing to mend: {unset}");
        assert!(give_back());
        // Of twice as much only half could lie where the first burst was.
        let set = left_behind(80);
        assert!(set < 8 << 20, "{set} after {unset}");
    }
}
