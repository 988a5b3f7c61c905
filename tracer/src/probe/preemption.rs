//! Whether the kernel may preempt a task within a tracepoint: programs then need a copy more.
//!
//! Nothing but the version tells it. Up to 6.18 tracepoints run their programs with preemption
//! disabled, so that only a softirq can come between; 7.x runs them preemptible. A copy too many costs
//! its call, one too few shows in the count of missed events.

/// Copies that tell nothing where only a softirq can interrupt a task within a program: a state may
/// change in both, so that two copies are needed; applications read in tasks.
const FOR_PREEMPTED: [&str; 2] = ["set_state_again", "read_again"];

/// The first version that is not known to disable preemption.
const FIRST: (u32, u32) = (6, 19);

/// Those of `programs` that are attached on the running kernel.
pub fn needed(programs: &'static [&'static str]) -> impl Iterator<Item = &'static str> {
    programs.iter().copied().filter(|program| needs(program))
}

/// Whether this program must be attached on the running kernel.
fn needs(program: &str) -> bool {
    let system = rustix::system::uname();
    !FOR_PREEMPTED.contains(&program)
        || may_preempt(&system.release().to_string_lossy(), &system.version().to_string_lossy())
}

/// A version that cannot be read, and a real-time kernel, are not known to be without.
fn may_preempt(release: &str, version: &str) -> bool {
    let mut numbers = release.split(['.', '-', '+']).map(str::parse::<u32>);
    let Some((Ok(major), Ok(minor))) = numbers.next().zip(numbers.next()) else { return true };
    (major, minor) >= FIRST || version.contains("PREEMPT_RT")
}

#[cfg(test)]
mod tests {
    use super::may_preempt;

    #[test]
    fn only_versions_that_are_known_to_disable_preemption_do_with_a_copy_less() {
        let usual = "#1 SMP PREEMPT_DYNAMIC Debian 6.12.9-1 (2025-01-10)";
        assert!(!may_preempt("5.10.0-33-cloud-amd64", usual));
        assert!(!may_preempt("6.18.3", usual));
        assert!(!may_preempt("6.18-rc1", usual));
        assert!(may_preempt("6.19.0", usual));
        assert!(may_preempt("7.2.4+deb14-cloud-amd64", usual));
        assert!(may_preempt("6.12.9", "#1 SMP PREEMPT_RT Debian"));
        assert!(may_preempt("custom", usual), "not readable");
    }
}
