//! Stage 1: the kernel. Finds field offsets, loads the BPF object, attaches what this kernel lets
//! us attach, and says what became of each hook.

mod attach;
mod attempt;
pub mod btf;
mod capacity;
mod cgroup;
mod format;
pub mod hook;
mod loader;
mod missed;
mod offsets;
pub mod plain;
mod ports;
mod preemption;
mod preflight;
mod sockets;
mod status;
mod walk;

pub use capacity::{Capacity, Host};
pub use loader::{Attached, HookStatus, Records, Settings, Survey, Table, attach, survey};
pub use ports::{Ports, Reuse};
pub use preemption::needed as programs_needed;
pub use preflight::lockdown;
pub use sockets::tcp_sockets;
pub use status::Status;
pub use walk::Seeding;

/// Why tracing cannot start. Each message says what to do next.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Capabilities are missing.
    #[error(
        "tracer needs {names} to load its BPF programs and this process does not have that: run it \
         with sudo, or grant CAP_BPF and CAP_PERFMON by AmbientCapabilities= in a unit, by \
         capabilities.add in a manifest (plus CAP_SYS_PTRACE to name other users' executables)"
    )]
    Capability {
        /// Their names.
        names: String,
    },
    /// The kernel's types cannot be read.
    #[error(transparent)]
    Types(#[from] btf::Error),
    /// A field is not where it should be.
    #[error(transparent)]
    Offsets(#[from] offsets::Error),
    /// The attach library could not read the kernel's types.
    #[error("the kernel's BTF cannot be used: {0}")]
    Btf(#[source] Box<aya::BtfError>),
    /// Neither types nor tracepoints.
    #[error(
        "{0}; without types tracer needs classic tracepoints, and there are none: mount tracefs \
         (`mount -t tracefs tracefs /sys/kernel/tracing`); where that is empty, kernel lockdown \
         forbids them; to read it takes root, or CAP_DAC_READ_SEARCH"
    )]
    Nothing(#[source] Box<Self>),
    /// The object could not be loaded.
    #[error(
        "the kernel refused the BPF maps or types of tracer: {0}; {advice}",
        advice = preflight::locked_memory()
            .unwrap_or_else(|| "`tracer check` shows what this kernel allows".into())
    )]
    Load(#[source] Box<aya::EbpfError>),
    /// A required hook was refused.
    #[error(
        "the kernel refused the hook {hook} (EPERM) although this process has the capabilities; {}",
        refusal(lockdown.as_deref(), *is_paranoid)
    )]
    Refused {
        /// Which hook.
        hook: &'static str,
        /// Lockdown mode, if known.
        lockdown: Option<String>,
        /// `perf_event_paranoid` forbids it.
        is_paranoid: bool,
    },
    /// This kernel has no such hook.
    #[error(
        "this kernel has no {hook} that a program of tracer can use: it needs 5.10 or later; \
         `tracer check` shows what this kernel allows"
    )]
    Unsupported {
        /// Which hook.
        hook: &'static str,
    },
    /// A required hook could not be attached: most likely a defect of ours.
    #[error(
        "the hook {hook} could not be attached ({why}): please report this as a bug, with the \
         kernel version"
    )]
    Hook {
        /// Which hook.
        hook: &'static str,
        /// What the kernel said.
        why: String,
    },
    /// A map of the object is missing: a build error.
    #[error("the BPF object has no map {0}: rebuild it with `cargo xtask ebpf`")]
    NoMap(&'static str),
    /// A map is not of the expected kind: a build error.
    #[error("a map of the BPF object is not usable: {0}; rebuild it with `cargo xtask ebpf`")]
    Map(#[from] aya::maps::MapError),
    /// The kernel log cannot be read.
    #[error("kernel-side diagnostics cannot be read: {0}; run without --kernel-log")]
    KernelLog(#[source] Box<aya_log::Error>),
    /// This build has no BPF object.
    #[error("this build of tracer carries no BPF object: run `cargo xtask ebpf` and build again")]
    NoObject,
}

fn refusal(lockdown: Option<&str>, is_paranoid: bool) -> String {
    match lockdown {
        Some("none") | None if is_paranoid => "kernel.perf_event_paranoid is above 2, which keeps \
             tracepoints from all but root: `sysctl kernel.perf_event_paranoid=2`, or grant CAP_SYS_ADMIN"
            .into(),
        Some("none") | None => "a security policy of this host (an LSM, seccomp, or a container \
             runtime) forbids it: run tracer on the host itself, or ask for BPF to be allowed"
            .into(),
        Some(mode) => format!(
            "kernel lockdown is in {mode} mode: tracer does not work around it, ask whoever set it \
             for BTF tracepoints to be allowed"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_names_the_lockdown_mode_or_says_that_policy_forbids_it() {
        let said = |lockdown: Option<&str>| {
            let lockdown = lockdown.map(str::to_owned);
            let (hook, is_paranoid) = ("inet_sock_set_state", false);
            Error::Refused { hook, lockdown, is_paranoid }.to_string()
        };
        assert!(said(Some("confidentiality")).contains("lockdown is in confidentiality mode"));
        for text in [said(None), said(Some("none"))] {
            assert!(text.contains("security policy") && text.contains("EPERM"), "{text}");
        }
        assert_eq!(said(None).lines().count(), 1);
    }

    #[test]
    fn a_refusal_by_perf_event_paranoid_names_it_unless_lockdown_says_more() {
        assert!(refusal(None, true).contains("`sysctl kernel.perf_event_paranoid=2`"));
        assert!(refusal(Some("confidentiality"), true).contains("lockdown is in confidentiality"));
    }

    #[test]
    fn a_missing_capability_is_named_with_what_to_do() {
        let text = Error::Capability { names: "CAP_BPF".into() }.to_string();
        assert!(text.starts_with("tracer needs CAP_BPF") && text.contains("sudo"), "{text}");
    }
}
