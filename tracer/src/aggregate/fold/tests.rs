//! What must hold of the table as a whole.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::aggregate::support::{Build, MILLI, SECOND, process, running, ticks};
use crate::connection::OpenCause;
use crate::process::{ProcessId, Runtime};

type Nobody = BTreeMap<ProcessId, crate::process::Identity>;

fn folded(ticks: &[Tick], identities: &dyn Identities, keys: usize) -> Aggregate<()> {
    let mut aggregate = Aggregate::new(0, Limits { keys });
    for tick in ticks {
        aggregate.fold(tick, identities, &());
    }
    aggregate
}

fn only(aggregate: &Aggregate<()>) -> (Key, Totals) {
    let totals = aggregate.totals();
    assert_eq!(totals.len(), 1, "{totals:?}");
    totals.into_iter().next().unwrap_or_else(|| unreachable!())
}

#[test]
fn a_live_connection_is_counted_once_over_all_ticks() {
    let connection = Build::client().at(SECOND / 2, 0).exchanges(3).live();
    let (_, totals) = only(&folded(&ticks(&[connection], 5 * SECOND), &Nobody::new(), 10));
    assert_eq!((totals.opened, totals.open, totals.exchanges, totals.peak), (1, 1, 3, 1));
}

#[test]
fn a_connection_that_ends_moves_from_open_to_closed() {
    let connection = Build::client().at(SECOND / 2, 3 * SECOND).exchanges(2).end();
    let (_, totals) = only(&folded(&ticks(&[connection], 5 * SECOND), &Nobody::new(), 10));
    assert_eq!((totals.opened, totals.open, totals.closed, totals.exchanges), (1, 0, 1, 2));
    assert!((2.5..2.7).contains(&totals.duration_p50_s.unwrap_or_default()));
}

#[test]
fn what_was_there_before_is_preexisting() {
    let unknown = Build::preexisting().closed_at(SECOND / 2).end();
    let (_, totals) = only(&folded(&ticks(&[unknown], SECOND), &Nobody::new(), 10));
    assert_eq!((totals.opened, totals.preexisting, totals.closed), (0, 1, 1));
    let mut aggregate = Aggregate::<()>::new(10 * SECOND, Limits::default());
    let ended = vec![Build::client().at(9 * SECOND, 11 * SECOND).end()];
    aggregate.fold(&Tick { now_ns: 11 * SECOND, ended, live: vec![] }, &Nobody::new(), &());
    assert_eq!((only(&aggregate).1.opened, only(&aggregate).1.preexisting), (0, 1));
}

#[test]
fn redials_and_failed_dials_are_counted_by_cause() {
    let history = [
        Build::client().at(1, 2).open_cause(OpenCause::AfterLocalClose).end(),
        Build::client().at(3, 4).open_cause(OpenCause::IdleAvailable).end(),
        Build::client().at(5, 6).refused().end(),
    ];
    let (_, totals) = only(&folded(&ticks(&history, SECOND), &Nobody::new(), 10));
    assert_eq!((totals.redials, totals.failed, totals.used), (2, 1, 2));
}

#[test]
fn keys_beyond_the_bound_go_into_other() {
    let history: Vec<_> =
        (1..=9).map(|n| Build::client().port(n).at(u64::from(n), SECOND / 2).end()).collect();
    let aggregate = folded(&ticks(&history, SECOND), &Nobody::new(), 4);
    let totals = aggregate.totals();
    assert_eq!(totals.len(), 5);
    assert_eq!(aggregate.evicted(), 5);
    assert_eq!(totals.values().map(|totals| totals.closed).sum::<u64>(), 9);
}

#[test]
fn few_small_processes_stay_on_their_own() {
    let history: Vec<_> = (1..=4).map(|pid| Build::client().pid(pid).at(1, 2).end()).collect();
    let aggregate = folded(&ticks(&history, SECOND), &running("/bin/curl", 1..=4), 100);
    assert!(aggregate.totals().keys().all(|key| matches!(key.who, Who::Process(_))));
}

#[test]
fn many_small_processes_fold_and_a_busy_one_stays() {
    let mut history: Vec<_> =
        (1..=5).map(|pid| Build::client().pid(pid).at(u64::from(pid), 9).end()).collect();
    history.extend((0..3).map(|n| Build::client().pid(9).at(10 + n, 20).end()));
    let aggregate = folded(&ticks(&history, SECOND), &running("/bin/curl", 1..=9), 100);
    let totals = aggregate.totals();
    assert_eq!(totals.len(), 2);
    for (key, totals) in totals {
        match key.who {
            Who::Executable { name, cgroup } => {
                assert_eq!((name.as_str(), cgroup.as_deref()), ("/bin/curl", Some("/a.slice")));
                assert_eq!((totals.processes, totals.closed, totals.peak), (5, 5, 5));
            }
            who => {
                assert_eq!(who, Who::Process(process(9)));
                assert_eq!((totals.processes, totals.closed), (1, 3));
            }
        }
    }
}

#[test]
fn different_programs_are_not_folded_together() {
    let mut identities = running("/bin/curl", 1..=3);
    identities.extend(running("/bin/wget", 4..=6));
    let comm = |pid| if pid <= 3 { "curl" } else { "wget" };
    let history: Vec<_> =
        (1..=6).map(|pid| Build::client().pid(pid).comm(comm(pid)).at(1, 2).end()).collect();
    assert_eq!(folded(&ticks(&history, SECOND), &identities, 100).totals().len(), 6);
}

#[test]
fn processes_that_were_gone_before_they_were_looked_up_fold_with_the_others() {
    let history: Vec<_> = (1..=6).map(|pid| Build::client().pid(pid).at(1, 2).end()).collect();
    let (key, totals) = only(&folded(&ticks(&history, SECOND), &running("/bin/curl", 2..=3), 100));
    assert_eq!(totals.processes, 6);
    assert!(matches!(key.who, Who::Executable { name, .. } if name == "/bin/curl"));
}

#[test]
fn one_name_on_two_executables_is_called_by_the_name() {
    let mut identities = running("/bin/curl", 1..=3);
    identities.extend(running("/opt/curl", 4..=6));
    let history: Vec<_> = (1..=6).map(|pid| Build::client().pid(pid).at(1, 2).end()).collect();
    let (key, _) = only(&folded(&ticks(&history, SECOND), &identities, 100));
    assert!(matches!(key.who, Who::Executable { name, .. } if name == "app"));
}

#[test]
fn folded_processes_have_the_runtime_that_all_known_ones_share() {
    let history: Vec<_> = (1..=6).map(|pid| Build::client().pid(pid).at(1, 2).end()).collect();
    let runtime = |second: &str, version: &str| {
        let mut identities = running("/bin/x", 1..=3);
        for (pid, name, version) in [(1, "go", "1.22.5"), (2, second, version)] {
            if let Some(identity) = identities.get_mut(&process(pid)) {
                identity.runtime = Runtime::named(name, Some(version.into()));
            }
        }
        only(&folded(&ticks(&history, SECOND), &identities, 100)).1.runtime
    };
    assert_eq!(runtime("go", "1.22.5"), Runtime::named("go", Some("1.22.5".into())));
    assert_eq!(runtime("go", "1.21.0"), Runtime::named("go", None));
    assert_eq!(runtime("jvm", "17"), None);
}

#[test]
fn a_fork_storm_stays_within_bounds_and_is_counted_whole() {
    let mut aggregate = Aggregate::<()>::new(0, Limits { keys: 1_000 });
    let mut most = 0;
    for second in 0..20_u64 {
        let ended = (0..5_000_u64)
            .map(|n| {
                let at = second * SECOND + 1 + n * SECOND / 5_000;
                let pid = u32::try_from(second * 5_000 + n).unwrap_or(0) + 1;
                Build::client().pid(pid).at(at, at + SECOND / 3_000).end()
            })
            .collect();
        let tick = Tick { now_ns: (second + 1) * SECOND, ended, live: vec![] };
        aggregate.fold(&tick, &Nobody::new(), &());
        most = most.max(aggregate.keys);
    }
    assert!(most <= 2 * 64 + 1, "{most}");
    assert_eq!(aggregate.evicted(), 0);
    let (key, totals) = only(&aggregate);
    assert!(matches!(key.who, Who::Executable { .. }));
    assert_eq!((totals.closed, totals.processes, totals.peak), (100_000, 100_000, 2));
}

#[test]
fn the_peak_of_folded_processes_counts_those_merged_for_good() {
    let all = (1..=500).map(|pid| Build::client().pid(pid).at(u64::from(pid), 1_000).end());
    let tick = Tick { now_ns: SECOND, ended: all.collect(), live: vec![] };
    let (_, totals) = only(&folded(&[tick], &Nobody::new(), 1_000));
    assert_eq!((totals.processes, totals.peak), (500, 500));
}

#[test]
fn a_storm_of_processes_with_open_connections_overflows_into_other() {
    let live = (1..=3_000).map(|pid| Build::client().pid(pid).at(1, 0).live()).collect();
    let tick = Tick { now_ns: SECOND, ended: vec![], live };
    let aggregate = folded(&[tick], &Nobody::new(), 1_000);
    assert_eq!(aggregate.evicted(), 2_000);
    assert_eq!(aggregate.totals().values().map(|totals| totals.open).sum::<u64>(), 3_000);
}

#[test]
fn a_connection_that_finds_its_owner_late_is_not_counted_twice() {
    let nobody = Build::server().nobody().at(1, 0).live();
    let owned = Build::server().at(1, 0).live();
    let ticks = [(SECOND, nobody), (2 * SECOND, owned)].map(|(now_ns, connection)| Tick {
        now_ns,
        ended: vec![],
        live: vec![connection],
    });
    let (key, totals) = only(&folded(&ticks, &Nobody::new(), 10));
    assert_eq!((key.who, totals.opened), (Who::Process(process(100)), 1));
}

prop_compose! {
    fn any_connection()(
        pid in 1..40_u32,
        port in 1..4_u16,
        opened_ms in 0..9_000_u64,
        life_ms in 0..5_000_u64,
        exchanges in 0..4_u32,
        kind in 0..6_u8,
    ) -> Connection {
        let (opened_ns, end_ns) = (opened_ms * MILLI + 1, (opened_ms + life_ms) * MILLI + 1);
        let build = Build::client().pid(pid).port(port).at(opened_ns, end_ns).exchanges(exchanges);
        match kind {
            0 => build.live(),
            1 => build.refused().end(),
            2 => Build::preexisting().closed_at(end_ns).end(),
            3 => Build::server().nobody().at(opened_ns, end_ns).end(),
            _ => build.end(),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_keys_add_up_to_what_was_seen(
        history in prop::collection::vec(any_connection(), 0..300),
        keys in 1..60_usize,
    ) {
        let aggregate = folded(&ticks(&history, 10 * SECOND), &running("/bin/x", 1..20), keys);
        let totals = aggregate.totals();
        prop_assert!(totals.len() <= keys + 1);
        let seen: Vec<_> = history
            .iter()
            .filter(|c| c.opened_ns.is_none_or(|opened_ns| opened_ns <= 10 * SECOND))
            .collect();
        let sum = |count: fn(&Totals) -> u64| totals.values().map(count).sum::<u64>();
        prop_assert_eq!(sum(Totals::connections), seen.len() as u64);
        let exchanges: u64 = seen.iter().map(|c| u64::from(c.exchanges)).sum();
        prop_assert_eq!(sum(|totals| totals.exchanges), exchanges);
        for (key, totals) in &totals {
            prop_assert_eq!(totals.opened + totals.preexisting, totals.closed + totals.open);
            prop_assert_eq!(totals.closes.values().sum::<u64>(), totals.closed);
            // A live connection leaves the overflow once its key finds room.
            prop_assert!(key.who == Who::Other || totals.peak <= totals.connections());
        }
    }

    #[test]
    fn the_order_within_a_tick_does_not_matter(
        history in prop::collection::vec(any_connection(), 0..100),
        keys in 1..60_usize,
    ) {
        let forward = ticks(&history, 10 * SECOND);
        let mut backward = forward.clone();
        for tick in &mut backward {
            tick.ended.reverse();
            tick.live.reverse();
        }
        let identities = running("/bin/x", 1..20);
        prop_assert_eq!(
            folded(&forward, &identities, keys).totals(),
            folded(&backward, &identities, keys).totals()
        );
    }
}
