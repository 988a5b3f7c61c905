//! Events that the kernel did not show us: since 6.1 it skips a program that is already running on
//! the CPU, for instance when a softirq interrupts it.

use std::os::fd::{AsFd as _, AsRawFd as _};

use aya::programs::ProgramFd;

use super::hook::{HOOKS, Kind};
use super::loader::Attached;
use super::plain::PLAIN_HOOKS;

impl Attached {
    /// Events missed so far, at most: one of which several copies run is missed only if the kernel
    /// skipped each of them. Kernels that do not count skips do not skip either.
    #[must_use]
    pub fn missed(&self) -> u64 {
        let hooks = if self.is_plain { PLAIN_HOOKS } else { HOOKS };
        hooks
            .iter()
            .flat_map(|hook| hook.candidates)
            // What these tell is not needed where the kernel skips programs.
            .filter(|(kind, _)| *kind != Kind::Fentry)
            .map(|(kind, programs)| {
                let skipped = programs.iter().filter_map(|name| self.skipped(name));
                // A pair of probes is one at the entry and one at the return.
                let all: Vec<u64> = skipped.collect();
                let of_copies = all.iter().copied().min().unwrap_or(0);
                if *kind == Kind::Kprobe { all.iter().sum() } else { of_copies }
            })
            .sum()
    }

    /// Skipped runs of a program, if it is loaded.
    fn skipped(&self, name: &str) -> Option<u64> {
        let fd = self.programs.program(name)?.fd().ok()?;
        Some(skipped(fd))
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
