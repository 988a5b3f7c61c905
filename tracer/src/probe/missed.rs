//! Events that the kernel did not show us: since 6.1 it skips a program that is already running on
//! the CPU, for instance when a softirq interrupts it.

use std::os::fd::{AsFd as _, AsRawFd as _};

use aya::programs::ProgramFd;

use super::hook;
use super::loader::Attached;

impl Attached {
    /// Events missed so far. Of a program that is there twice the other copy saw what one did not.
    /// Kernels that do not count them do not skip them either.
    #[must_use]
    pub fn missed(&self) -> u64 {
        self.programs
            .programs()
            .filter(|(name, _)| hook::twins().all(|twin| twin != *name))
            .filter_map(|(_, program)| program.fd().ok())
            .map(skipped)
            .sum()
    }
}

/// `recursion_misses` of a program.
fn skipped(fd: &ProgramFd) -> u64 {
    let path = format!("/proc/self/fdinfo/{}", fd.as_fd().as_raw_fd());
    std::fs::read_to_string(path).map_or(0, |text| parse(&text))
}

fn parse(text: &str) -> u64 {
    let value = text.lines().find_map(|line| line.strip_prefix("recursion_misses:"));
    value.and_then(|value| value.trim().parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn misses_are_read_where_the_kernel_tells_them() {
        assert_eq!(parse("pos:\t0\nrun_cnt:\t0\nrecursion_misses:\t42\nverified_insns:\t7\n"), 42);
        assert_eq!(parse("pos:\t0\n"), 0);
    }
}
