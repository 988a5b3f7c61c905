//! Metrics against a history whose connections are known one by one.

use std::collections::BTreeMap;

use super::*;
use crate::aggregate::support::{Build, SECOND, running, ticks};
use crate::process::Identity;

const CONTRACT: &str = include_str!("../../../fleet/metrics.txt");
const DOCUMENT: &str = include_str!("../../../docs/agent.md");

fn folded(history: &[Connection], until_s: u64) -> Metrics {
    let identities: BTreeMap<ProcessId, Identity> = running("/usr/bin/app", [100, 200]);
    let mut metrics = Metrics::since(0, Ports::default());
    for tick in ticks(history, until_s * SECOND) {
        metrics.fold(&tick, &identities);
    }
    metrics.set_health(crate::sink::testing::health());
    metrics.set_findings(&[crate::sink::testing::finding()]);
    metrics
}

/// Value of the one sample whose name and labels contain all of `words`.
fn value(metrics: &Metrics, words: &[&str]) -> f64 {
    let mut text = Vec::new();
    prometheus::write(&metrics.families(), &mut text).unwrap();
    let text = String::from_utf8(text).unwrap();
    let mut found = text
        .lines()
        .filter(|line| !line.starts_with('#') && words.iter().all(|word| line.contains(word)));
    let line = found.next().unwrap_or_else(|| panic!("{words:?} in {text}"));
    assert_eq!(found.next(), None, "{words:?}");
    line.rsplit(' ').next().unwrap().parse().unwrap()
}

fn history() -> Vec<Connection> {
    let mut history: Vec<_> = (0..10)
        .map(|n| Build::client().at(n * SECOND / 2 + 1, n * SECOND / 2 + 1_000).end())
        .collect();
    // Another process of the same program, and a server.
    history.push(Build::client().pid(200).at(SECOND / 3, 9 * SECOND).live());
    history.push(Build::server().at(SECOND / 3, 2 * SECOND).close_wait(Some(2 * SECOND)).live());
    history
}

#[test]
fn each_connection_counts_once_and_those_of_a_program_together() {
    let metrics = folded(&history(), 6);
    let client = "role=\"client\"";
    assert!((value(&metrics, &["connections_opened_total{", client]) - 11.0).abs() < 1e-9);
    assert!(
        (value(&metrics, &["connections_closed_total{", client, "\"local_close\""]) - 10.0).abs()
            < 1e-9
    );
    assert!((value(&metrics, &["tcp_connections_open{", client]) - 1.0).abs() < 1e-9);
    assert!((value(&metrics, &["exchanges_total{", client]) - 11.0).abs() < 1e-9);
    assert!((value(&metrics, &["duration_seconds_count{", client]) - 10.0).abs() < 1e-9);
    assert!((value(&metrics, &["close_wait_oldest_seconds{"]) - 4.0).abs() < 1e-9);
}

#[test]
fn counters_never_fall_when_connections_go() {
    let history = history();
    let mut before: BTreeMap<String, f64> = BTreeMap::new();
    let mut metrics = Metrics::since(0, Ports::default());
    let identities: BTreeMap<ProcessId, Identity> = running("/usr/bin/app", [100, 200]);
    for tick in ticks(&history, 12 * SECOND) {
        metrics.fold(&tick, &identities);
        for family in metrics.families().into_iter().filter(|family| family.kind == Kind::Counter) {
            for Sample { labels, value } in family.samples {
                let Value::Number(now) = value else { panic!("{}", family.name) };
                let was = before.insert(format!("{} {labels:?}", family.name), now);
                assert!(was.is_none_or(|was| was <= now), "{} {labels:?}", family.name);
            }
        }
    }
    assert!(before.len() == 7, "{before:?}");
}

#[test]
fn ports_in_time_wait_are_held_for_a_minute_and_not_longer() {
    let far = SocketAddr::from(([10, 0, 0, 9], 443));
    let history: Vec<_> = (0..2_823)
        .map(|n| {
            let build = Build::client().at(SECOND + n, SECOND + n + 1);
            let mut connection = build.end();
            (connection.local, connection.peer) = (([10, 0, 0, 1], 40_000).into(), far);
            connection
        })
        .collect();
    let share = |until_s| {
        let metrics = folded(&history, until_s);
        metrics.used_ports.shares(&Ports::default()).get(&far).copied()
    };
    assert!((share(5).unwrap() - 0.1).abs() < 1e-3, "a tenth of 28,232: {:?}", share(5));
    assert!((share(60).unwrap() - 0.1).abs() < 1e-3);
    assert_eq!(share(70), None);
}

#[test]
fn what_is_told_is_what_the_contract_lists() {
    let expected: Vec<_> = CONTRACT
        .lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty())
        .map(|line| {
            let words: Vec<_> = line.split_whitespace().collect();
            let labels = words[2].split(',').filter(|label| *label != "-").collect::<Vec<_>>();
            (words[0], words[1].to_owned(), labels)
        })
        .collect();
    let mut history = history();
    let refused = CloseCause::ConnectRefused;
    let mut failed = Build::client().at(SECOND, SECOND + 5).end();
    if let Phase::Closed(close) = &mut failed.phase {
        close.cause = refused;
    }
    history.push(failed);
    let families = folded(&history, 6).families();
    for family in &families {
        assert!(!family.samples.is_empty(), "{} has a sample here", family.name);
    }
    let told: Vec<_> = families
        .iter()
        .map(|family| {
            let labels = family.samples[0].labels.iter().map(|(name, _)| *name).collect();
            (family.name, format!("{:?}", family.kind).to_lowercase(), labels)
        })
        .collect();
    assert_eq!(told, expected);
}

#[test]
fn the_document_says_what_each_metric_is() {
    for family in folded(&history(), 6).families() {
        let line =
            DOCUMENT.lines().find(|line| line.starts_with(&format!("| `{}` |", family.name)));
        let line = line.unwrap_or_else(|| panic!("{} is not in docs/agent.md", family.name));
        assert!(line.ends_with(&format!("| {} |", family.help)), "{line}");
        let kind = format!("{:?}", family.kind).to_lowercase();
        let labels = family.samples.first().map(|sample| sample.labels.len());
        let told = line.split('|').nth(3).map(|labels| labels.matches('`').count() / 2);
        assert!(line.contains(&format!("| {kind} |")), "{line}");
        assert!(labels.is_none() || labels == told, "{line}: {labels:?}");
    }
}
