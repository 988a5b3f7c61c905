//! Ports that run out, and those that do not.

use std::collections::BTreeMap;

use crate::aggregate::Limits;
use crate::aggregate::support::{Build, MILLI, SECOND, ticks};
use crate::connection::{CloseCause, Connection, Initiator};
use crate::detect::support::measure;
use crate::detect::{Code, Finding, Judge, Severity, Thresholds};
use crate::probe::{Ports, Reuse};
use crate::process::{Identity, ProcessId};

/// Connections of `pid` that live for a millisecond, one every `every_ms` over `seconds`.
fn churn(pid: u32, every_ms: u64, seconds: u64) -> Vec<Connection> {
    (0..seconds * 1000 / every_ms)
        .map(|n| {
            let at_ns = n * every_ms * MILLI + 1;
            Build::client()
                .pid(pid)
                .to("10.0.0.9:80")
                .from("10.0.0.1")
                .at(at_ns, at_ns + MILLI)
                .end()
        })
        .collect()
}

fn findings(history: &[Connection], until_s: u64, usable: u64, reuse: Reuse) -> Vec<Finding> {
    let nobody = BTreeMap::<ProcessId, Identity>::new();
    let ports = Ports { netns: Some(1), usable, reuse };
    let mut judge = Judge::new(0, Limits::default(), Thresholds::default()).with_ports(ports);
    for tick in ticks(history, until_s * SECOND) {
        judge.fold(&tick, &nobody);
    }
    judge.findings(0)
}

#[test]
fn a_redialling_client_uses_up_its_ports_and_says_when() {
    // 100 a second hold 6,000 after a minute; 1,000 are held after ten seconds, 900 are left.
    let found = findings(&churn(100, 10, 10), 10, 1_900, Reuse::Loopback);
    assert_eq!(found.len(), 1, "{found:#?}");
    assert_eq!((found[0].code, found[0].severity), (Code::OneShot, Severity::Error));
    let after = &found[0].consequences[0];
    assert_eq!((after.code, after.severity), (Code::PortPressure, Severity::Error));
    let of = |name: &str| after.evidence.iter().find(|e| e.name == name).map(|e| e.value);
    assert_eq!(of("ports_held"), Some(1_000.0));
    let left_s = of("exhausted_in_s").unwrap();
    assert!((8.0..10.0).contains(&left_s), "{left_s}");
}

#[test]
fn ports_enough_for_that_rate_are_no_pressure() {
    // 6,000 are held after a minute, for good: less than four fifths of 10,000.
    let found = findings(&churn(100, 10, 10), 10, 10_000, Reuse::Loopback);
    assert!(found.iter().all(|finding| finding.consequences.is_empty()), "{found:#?}");
}

#[test]
fn ports_that_the_kernel_takes_again_are_no_pressure() {
    let found = findings(&churn(100, 10, 10), 10, 1_900, Reuse::Always);
    assert!(found.iter().all(|finding| finding.consequences.is_empty()), "{found:#?}");
}

#[test]
fn connections_that_were_reset_or_closed_by_the_peer_hold_nothing() {
    let by_peer: Vec<_> = (0..1_000)
        .map(|n| {
            let at_ns = n * 10 * MILLI + 1;
            let build = Build::client().to("10.0.0.9:80").from("10.0.0.1");
            build.at(at_ns, at_ns + MILLI).by_peer().end()
        })
        .collect();
    let found = findings(&by_peer, 10, 1_100, Reuse::Loopback);
    let codes: Vec<_> = found.iter().map(|finding| finding.code).collect();
    assert!(!codes.contains(&Code::PortPressure), "{codes:?}");
    assert!(found.iter().all(|finding| finding.consequences.is_empty()), "{found:#?}");
}

#[test]
fn processes_share_the_ports_and_the_largest_holder_is_told() {
    // 20 and 80 a second, slow enough in themselves to be no one-shot at that turnover.
    let mut history = churn(7, 50, 10);
    history.extend(churn(8, 12, 10));
    let found = findings(&history, 10, 1_500, Reuse::Never);
    let with: Vec<_> = found.iter().filter(|f| !f.consequences.is_empty()).collect();
    assert_eq!(with.len(), 1, "{found:#?}");
    assert_eq!(
        with[0].key.who,
        crate::aggregate::Who::Process(crate::aggregate::support::process(8))
    );
    let evidence = &with[0].consequences[0].evidence;
    let holders = evidence.iter().find(|e| e.name == "holders").map(|e| e.value);
    assert_eq!(holders, Some(2.0));
}

#[test]
fn open_connections_that_pile_up_hold_ports_too() {
    let open: Vec<_> = (0..1_000)
        .map(|n| {
            let at_ns = n * 10 * MILLI + 1;
            let build = Build::client().to("10.0.0.9:80").from("10.0.0.1").exchanges(0);
            build.at(at_ns, 0).live()
        })
        .collect();
    let found = findings(&open, 10, 2_000, Reuse::Loopback);
    assert_eq!(found.len(), 1, "{found:#?}");
    assert_eq!((found[0].code, found[0].severity), (Code::PortPressure, Severity::Error));
    assert!((measure(&found[0], "open") - 1_000.0).abs() < 1.0);
}

#[test]
fn dials_without_a_free_port_are_an_error_by_themselves() {
    let failed: Vec<_> = (1..=5)
        .map(|n| {
            let build = Build::client()
                .to("10.0.0.9:80")
                .refused()
                .cause(CloseCause::ConnectNoPort, Initiator::Kernel);
            build.at(n * SECOND, n * SECOND + 1).end()
        })
        .collect();
    let found = findings(&failed, 6, 28_232, Reuse::Loopback);
    assert_eq!(found.len(), 1, "{found:#?}");
    assert_eq!((found[0].code, found[0].severity), (Code::PortPressure, Severity::Error));
    assert!((measure(&found[0], "dials_without_port") - 5.0).abs() < 1e-9);
}
