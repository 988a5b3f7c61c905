//! The agent as the unit of systemd starts it, on kernels that ask for different capabilities.

use std::thread;

use rustix::process::{Gid, Resource, Rlimit, Uid, setrlimit};
use rustix::thread::{
    CapabilitySet, CapabilitySets, configure_capability_in_ambient_set, set_capabilities,
    set_keep_capabilities, set_thread_groups, set_thread_res_gid, set_thread_res_uid,
};
use tracer::privileges::{NEEDS, Term};

use crate::support::agent::{self, Agent};
use crate::support::report::text;
use crate::support::tracer::Tracer;

/// `nobody`.
const USER: u32 = 65_534;

/// Becomes nobody, with these capabilities for whatever this thread starts.
fn become_nobody(with: CapabilitySet) -> rustix::io::Result<()> {
    let (group, user) = (Gid::from_raw(USER), Uid::from_raw(USER));
    set_keep_capabilities(true)?;
    set_thread_groups(&[])?;
    set_thread_res_gid(group, group, group)?;
    set_thread_res_uid(user, user, user)?;
    let sets = CapabilitySets { effective: with, permitted: with, inheritable: with };
    set_capabilities(None, sets)?;
    with.iter().try_for_each(|one| configure_capability_in_ambient_set(one, true))
}

#[test]
#[ignore = "needs root"]
fn a_user_with_what_the_unit_grants_attaches_what_root_does_and_keeps_what_the_kernel_asks_for() {
    let report = Tracer::start().finish();
    let by_root = &report.opening_health()["tracer.hooks"];
    // In the matrix this is 5.10.
    let is_old = text(report.opening_health(), "tracer.kernel").starts_with("5.");
    if is_old {
        // As the unit has it: maps are locked memory.
        let unlimited = Rlimit { current: None, maximum: None };
        setrlimit(Resource::Memlock, unlimited).expect("root may");
    }
    let granted = NEEDS.iter().filter(|need| need.is_granted).map(|need| need.set).collect();
    let start = move || {
        become_nobody(granted).expect("root may become nobody");
        Agent::start(&mut agent::command()).attached()
    };
    let agent = thread::spawn(start).join().expect("it starts");
    assert_eq!(agent.health()["tracer.hooks"], *by_root);
    let kept = |term: Term| {
        let needs = NEEDS.iter().filter(|need| need.is_granted && need.term == term);
        needs.map(|need| need.set).collect::<CapabilitySet>()
    };
    let mut expected = kept(Term::Always);
    // With kernel.unprivileged_bpf_disabled as distributions set it.
    if is_old {
        expected |= kept(Term::StartOrLonger);
    }
    agent.gives_up_all_but(expected);
    agent.end();
}
