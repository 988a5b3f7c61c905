//! What the kernel asks of whoever traces, and how a thread gives up what it needs no more. Knows which
//! capability is for what; when they are given up is the verbs' to say.
//!
//! Capabilities are of a thread, and so is the promise to gain no new ones: a thread starts with those
//! of the one that starts it, and nobody can take them from another. So each thread gives up its own, or
//! is started by one that has.

use std::io;

use rustix::thread::{
    CapabilitySet, CapabilitySets, capabilities, capability_is_in_bounding_set,
    clear_ambient_capability_set, remove_capability_from_bounding_set, set_capabilities,
    set_no_new_privs,
};

/// How long a capability is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Term {
    /// To load and attach, then no more.
    Start,
    /// The same, and before 5.19 as long as maps are read.
    StartOrLonger,
    /// As long as it observes.
    Always,
}

/// A capability that tracer uses.
#[derive(Clone, Copy, Debug)]
pub struct Need {
    /// Its name.
    pub name: &'static str,
    /// The same as a set of one.
    pub set: CapabilitySet,
    /// How long.
    pub term: Term,
    /// Nothing works without it.
    pub is_required: bool,
    /// What it is for.
    pub gives: &'static str,
    /// It is in the unit of systemd and in the manifest for Kubernetes.
    pub is_granted: bool,
}

/// Every one of them. `CAP_SYS_ADMIN` stands in for the first three.
pub const NEEDS: &[Need] = &[
    Need {
        name: "CAP_BPF",
        set: CapabilitySet::BPF,
        term: Term::StartOrLonger,
        is_required: true,
        gives: "BPF programs and maps",
        is_granted: true,
    },
    Need {
        name: "CAP_PERFMON",
        set: CapabilitySet::PERFMON,
        term: Term::Start,
        is_required: true,
        gives: "programs that read what the kernel knows, attached to tracepoints",
        is_granted: true,
    },
    Need {
        name: "CAP_NET_ADMIN",
        set: CapabilitySet::NET_ADMIN,
        term: Term::Start,
        is_required: false,
        gives: "dials that end before their SYN; without the kernel's types also bytes, round-trip \
                times, and who closed",
        is_granted: true,
    },
    Need {
        name: "CAP_SYS_NICE",
        set: CapabilitySet::SYS_NICE,
        term: Term::Start,
        is_required: false,
        gives: "a reader that no load keeps from the records",
        is_granted: true,
    },
    Need {
        name: "CAP_SYS_PTRACE",
        set: CapabilitySet::SYS_PTRACE,
        term: Term::Always,
        is_required: false,
        gives: "executables and runtimes of the processes of other users",
        is_granted: true,
    },
    Need {
        name: "CAP_DAC_READ_SEARCH",
        set: CapabilitySet::DAC_READ_SEARCH,
        term: Term::Always,
        is_required: false,
        gives: "files and folders that are closed to others; tracepoints without the kernel's types",
        is_granted: true,
    },
    Need {
        name: "CAP_SYS_ADMIN",
        set: CapabilitySet::SYS_ADMIN,
        term: Term::Always,
        is_required: false,
        gives: "proof that open connections in other network namespaces are idle",
        is_granted: false,
    },
];

/// What this thread has now.
///
/// # Errors
/// If the kernel does not tell.
pub fn held() -> io::Result<CapabilitySet> {
    Ok(capabilities(None)?.effective)
}

/// Those of `all` that `held` lacks.
#[must_use]
pub fn missing(held: CapabilitySet, all: &[Need]) -> Vec<&Need> {
    all.iter().filter(|need| !held.contains(need.set)).collect()
}

/// Does without some for now: they can be had back as long as none was given up.
///
/// # Errors
/// If the kernel refuses.
pub fn act_with(some: CapabilitySet) -> io::Result<()> {
    let sets = capabilities(None)?;
    Ok(set_capabilities(None, CapabilitySets { effective: some & sets.permitted, ..sets })?)
}

/// Gives up all but `kept` for this thread and those that it will start, for good: nothing that
/// they might run gains any.
///
/// # Errors
/// If the kernel refuses.
pub fn keep(kept: CapabilitySet) -> io::Result<()> {
    // It is asked for to leave the bounding set, and is given up below.
    let may_bound = act_with(CapabilitySet::all()).and_then(|()| held())?;
    if may_bound.contains(CapabilitySet::SETPCAP) {
        for one in (0..u64::BITS).map(|bit| CapabilitySet::from_bits_retain(1 << bit)) {
            // What the kernel does not know ends the list.
            let Ok(is_in) = capability_is_in_bounding_set(one) else { break };
            if is_in && !kept.contains(one) {
                remove_capability_from_bounding_set(one)?;
            }
        }
    }
    clear_ambient_capability_set()?;
    let kept = kept & capabilities(None)?.permitted;
    let inheritable = CapabilitySet::empty();
    set_capabilities(None, CapabilitySets { effective: kept, permitted: kept, inheritable })?;
    Ok(set_no_new_privs(true)?)
}

/// Gives up all, in a thread that needs none. One that cannot goes on with what it has: whoever started
/// it looks at that.
pub fn keep_none() {
    if let Err(error) = keep(CapabilitySet::empty()) {
        tracing::debug!(%error, "a thread could not give up its capabilities");
    }
}

#[cfg(test)]
mod tests;
