//! When `short-lived-process` speaks and when it must not.

use std::collections::BTreeMap;

use crate::aggregate::Limits;
use crate::aggregate::support::{Build, MILLI, SECOND, running, ticks};
use crate::connection::Connection;
use crate::detect::support::{codes, judge, measure, only};
use crate::detect::{Code, Confidence, Judge, Thresholds};
use crate::process::{Identity, ProcessId};

/// `count` processes one after another, a new one every `every_ms`, one connection each.
fn commands(count: u32, every_ms: u64, shape: impl Fn(Build) -> Build) -> Vec<Connection> {
    (0..count)
        .map(|n| {
            let at = u64::from(n) * every_ms * MILLI + 1;
            let build = Build::client().pid(n + 1).at(at, at + every_ms * MILLI / 2);
            just_started(shape(build).end())
        })
        .collect()
}

/// The process dials at once.
fn just_started(mut connection: Connection) -> Connection {
    let opened_ns = connection.opened_ns.unwrap_or(0);
    connection.owner = connection.owner.map(|id| ProcessId { start_ns: opened_ns, ..id });
    connection
}

#[test]
fn curl_in_a_loop_is_found_and_nothing_else() {
    let history = commands(60, 200, |build| build);
    let mut identities = BTreeMap::new();
    for (identity, connection) in running("/usr/bin/curl", 1..=60).into_values().zip(&history) {
        let id = connection.owner.unwrap_or(identity.id);
        identities.insert(id, Identity { id, ..identity });
    }
    let findings = judge(&history, 13, &identities).findings(0);
    assert_eq!(findings.len(), 1);
    let finding = &findings[0];
    assert_eq!((finding.code, finding.processes), (Code::ShortLivedProcess, 60));
    assert_eq!(finding.confidence, Confidence::High);
    assert!(finding.summary.contains("/usr/bin/curl"), "{}", finding.summary);
    assert!((0.19..0.21).contains(&measure(finding, "median_start_gap_s")));
}

#[test]
fn the_exit_of_the_process_counts_as_its_close() {
    let finding = only(&commands(60, 200, |build| build.how("exit:0")), 13);
    assert_eq!(finding.code, Code::ShortLivedProcess);
    assert_eq!(measure(&finding, "ended_by_exit").to_string(), "60");
}

#[test]
fn two_requests_per_process_are_one_finding() {
    let mut history = commands(30, 200, |build| build);
    let second = |build: Build| build.closed_at(0);
    for (n, _) in commands(30, 200, second).iter().enumerate() {
        let at = n as u64 * 200 * MILLI + 110 * MILLI;
        let pid = u32::try_from(n).unwrap_or(0) + 1;
        let mut second = Build::client().pid(pid).at(at, at + 50 * MILLI).end();
        second.owner = history[n].owner;
        history.push(second);
    }
    assert_eq!(codes(&history, 13), [Code::ShortLivedProcess]);
}

#[test]
fn a_storm_is_counted_whole() {
    let finding = only(&commands(2_000, 5, |build| build), 11);
    assert_eq!((finding.code, finding.processes), (Code::ShortLivedProcess, 2_000));
}

#[test]
fn a_few_commands_are_silent() {
    assert_eq!(codes(&commands(9, 200, |build| build), 5), []);
}

#[test]
fn a_health_check_command_is_silent() {
    assert_eq!(codes(&commands(20, 2_000, |build| build), 40), []);
}

#[test]
fn workers_side_by_side_are_silent() {
    let history: Vec<_> = (1..=16)
        .map(|pid| {
            let at = u64::from(pid) * 10 * MILLI;
            Build::client().pid(pid).at(at, 8 * SECOND + at).exchanges(40).how("exit:0").end()
        })
        .collect();
    assert_eq!(codes(&history, 10), []);
}

#[test]
fn old_workers_that_end_in_a_restart_are_silent() {
    let history: Vec<_> = (1..=40)
        .map(|pid| Build::preexisting().pid(pid).closed_at(SECOND).how("exit:0").end())
        .collect();
    assert_eq!(codes(&history, 5), []);
}

#[test]
fn a_server_that_closes_each_is_not_the_commands_doing() {
    assert_eq!(codes(&commands(60, 200, Build::by_peer), 13), []);
}

#[test]
fn different_programs_are_not_a_loop() {
    let mut identities = BTreeMap::new();
    for pid in 1..=40 {
        identities.extend(running(&format!("/bin/tool{pid}"), [pid]));
    }
    let mut history = commands(40, 200, |build| build);
    for (tool, connection) in history.iter_mut().enumerate() {
        connection.owner_comm = format!("tool{tool}").into();
    }
    assert!(judge(&history, 10, &identities).findings(0).is_empty());
}

#[test]
fn few_processes_with_two_connections_each_are_silent() {
    let mut history = commands(9, 200, |build| build);
    history.extend(commands(9, 200, |build| build));
    assert_eq!(codes(&history, 5), []);
}

#[test]
fn refused_dials_are_not_requests() {
    let mut history = commands(20, 200, |build| build);
    history.splice(..11, commands(11, 200, Build::refused));
    assert_eq!(codes(&history, 9), [Code::ConnectRefused]);
}

#[test]
fn a_server_that_closes_half_of_them_is_not_the_commands_doing() {
    let mut history = commands(60, 200, |build| build);
    history.splice(..30, commands(30, 200, Build::by_peer));
    assert_eq!(codes(&history, 13), []);
}

#[test]
fn commands_that_say_goodbye_may_meet_the_servers_fin() {
    let mut history = commands(60, 200, |build| build);
    history.splice(..40, commands(40, 200, |build| build.by_peer().waiting()));
    assert_eq!(codes(&history, 13), [Code::ShortLivedProcess]);
}

#[test]
fn a_server_that_forks_for_each_connection_is_silent() {
    let history: Vec<_> = (1..=60)
        .map(|pid| (pid, u64::from(pid) * 200 * MILLI))
        .map(|(pid, at)| Build::server().pid(pid).at(at, at + MILLI).end())
        .collect();
    assert_eq!(codes(&history, 13), []);
}

#[test]
fn workers_that_take_turns_are_silent() {
    let at = |n: u64| 100 * SECOND + n * 500 * MILLI;
    let turns = |start_ns: u64| {
        (0..20).map(move |n| {
            let mut connection = Build::client().at(at(n), at(n) + 50 * MILLI).end();
            let pid = u32::try_from(n).unwrap_or(0) + 1;
            connection.owner = Some(ProcessId { pid, start_ns });
            connection
        })
    };
    let workers: Vec<_> = turns(SECOND).collect();
    assert_eq!(codes(&workers, 112), []);
    // By the clock of boot they began after 101 s; the host was suspended for 100 s of them.
    let late: Vec<_> = turns(101 * SECOND).collect();
    let mut judge = Judge::new(0, Limits::default(), Thresholds::default())
        .with_boot_offset((100 * SECOND).cast_signed());
    for tick in ticks(&late, 112 * SECOND) {
        judge.fold(&tick, &BTreeMap::new());
    }
    assert!(judge.findings(0).is_empty());
    let unknown: Vec<_> = turns(0).collect();
    let found = only(&unknown, 112);
    assert_eq!((found.code, found.confidence), (Code::ShortLivedProcess, Confidence::Medium));
    assert!(found.doubts.iter().any(|doubt| doubt.contains("is not known")));
}
