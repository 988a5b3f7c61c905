//! What is known of which process, and what is not.

use super::*;

fn me() -> ProcessId {
    let stat = Process::myself().unwrap().stat().unwrap();
    ProcessId { pid: std::process::id(), start_ns: stat.starttime * USER_TICK_NS + 1 }
}

#[test]
fn a_living_process_is_found_with_its_executable() {
    let mut table = Table::new(Lookup::Proc { commands: false });
    let exe = std::env::current_exe().unwrap();
    assert_eq!(
        table.observe(me(), None, || "test".into()).unwrap().exe.as_deref(),
        Some(exe.as_path())
    );
    assert_eq!(table.observe(me(), None, || "test".into()), None, "known already");
    assert_eq!(table.get(me()).unwrap().comm, "test");
}

#[test]
fn a_command_line_is_kept_only_if_asked_for() {
    let command = |commands| {
        let mut table = Table::new(Lookup::Proc { commands });
        table.observe(me(), None, || "test".into()).unwrap().command.clone()
    };
    assert_eq!(command(false), None);
    let own: Vec<String> = std::env::args().collect();
    assert_eq!(command(true), Some(own.join(" ")));
}

#[test]
fn another_process_with_the_same_pid_is_not_mistaken_for_it() {
    let earlier = ProcessId { start_ns: USER_TICK_NS, ..me() };
    assert_eq!(
        Table::new(Lookup::Proc { commands: false })
            .observe(earlier, None, || "gone".into())
            .unwrap()
            .exe,
        None
    );
}

#[test]
fn replay_and_a_foreign_proc_look_nothing_up() {
    for lookup in [Lookup::Recorded, Lookup::Foreign] {
        let mut table = Table::new(lookup);
        let identity = table.observe(me(), None, || "test".into()).unwrap();
        assert_eq!((identity.exe.as_ref(), identity.cgroup.as_ref()), (None, None));
        assert_eq!(identity.comm, "test");
    }
}

#[test]
fn the_pid_within_is_kept_only_where_it_is_another() {
    let own = Process::myself().unwrap();
    let pid = innermost(&own).unwrap();
    let mut table = Table::new(Lookup::Proc { commands: false });
    let expected = (pid != std::process::id()).then_some(pid);
    assert_eq!(table.observe(me(), None, || "test".into()).unwrap().vpid, expected);
}

#[test]
fn the_table_is_bounded() {
    let mut table = Table::new(Lookup::Recorded);
    for pid in 1..=u32::try_from(CAPACITY).unwrap() + 5 {
        table.observe(ProcessId { pid, start_ns: 1 }, None, || "x".into());
    }
    assert_eq!((table.known.len(), table.order.len()), (CAPACITY, CAPACITY));
    assert!(table.get(ProcessId { pid: 1, start_ns: 1 }).is_none());
    assert_eq!(table.evicted().of(Evicted::Processes), 5);
}

#[test]
fn a_fork_storm_is_looked_up_up_to_a_bound_and_each_process_once() {
    let mut table = Table::new(Lookup::Proc { commands: false });
    let gone = |pid: u32| ProcessId { pid: 0x7000_0000 + pid, start_ns: 1 };
    for _ in 0..3 {
        for pid in 0..2_000 {
            table.observe(gone(pid), None, || "x".into());
        }
    }
    // Some come back while it goes on.
    let passed_over = table.evicted().of(Evicted::Lookups);
    assert!((1..=1_000).contains(&passed_over), "{passed_over}: what was not found is known too");
}

#[test]
fn nobody_sees_the_instance_of_a_unit_where_addresses_are_redacted() {
    let mut identity =
        Table::new(Lookup::Recorded).observe(me(), None, || "x".into()).unwrap().clone();
    identity.cgroup = Some("/sshd@1-10.0.0.5:22-192.0.2.7:512.service".into());
    let mut table = Table::new(Lookup::Recorded);
    assert_eq!(table.insert(identity.clone()).cgroup, identity.cgroup);
    table.redact();
    let told = table.insert(identity).cgroup.clone();
    assert_eq!(told.as_deref(), Some("/sshd@redacted.service"));
}

#[test]
fn a_command_line_is_cut_between_characters() {
    let long = "\u{e4}".repeat(COMMAND_BYTES);
    assert_eq!(shortened(format!("x{long}")).len(), COMMAND_BYTES - 1);
    assert_eq!(shortened("short".into()), "short");
}
