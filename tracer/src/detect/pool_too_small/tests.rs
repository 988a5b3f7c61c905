//! Pools that are too small, and their healthy twins.

use crate::aggregate::support::{Build, MILLI, SECOND};
use crate::connection::{Connection, OpenCause};
use crate::detect::support::{codes, measure, only};
use crate::detect::{Code, Confidence};

/// Every second `width` requests at a time over ten seconds; `kept` connections serve a part of each
/// burst, the rest is dialled for it and dropped `idle_ms` after the answer.
fn bursts(width: u64, kept: u64, idle_ms: u64) -> Vec<Connection> {
    let rounds = 10;
    let pool = (0..kept).map(|n| {
        let exchanges = u32::try_from(rounds).unwrap();
        Build::client()
            .at(1 + n, 0)
            .exchanges(exchanges)
            .last_read((rounds - 1) * SECOND + 20 * MILLI)
            .live()
    });
    let surplus = (0..rounds).flat_map(|round| {
        (kept..width).map(move |n| {
            let opened_ns = round * SECOND + n * 1_000 + 1;
            Build::client()
                .at(opened_ns, opened_ns + (20 + idle_ms) * MILLI)
                .idle_s(idle_ms as f64 / 1e3)
                .open_cause(OpenCause::Parallel)
                .end()
        })
    });
    pool.chain(surplus).collect()
}

#[test]
fn a_pool_of_two_under_bursts_of_twenty_is_too_small() {
    let finding = only(&bursts(20, 2, 0), 10);
    assert_eq!((finding.code, finding.confidence), (Code::PoolTooSmall, Confidence::Medium));
    assert_eq!(finding.connections, 180);
    for (name, value) in [("dropped", 180.0), ("peak_open", 20.0), ("fewest_open", 2.0)] {
        assert!((measure(&finding, name) - value).abs() < 1e-9, "{name}: {finding:#?}");
    }
    assert_eq!(finding.ruled_out.len(), 4);
}

#[test]
fn a_client_that_keeps_nothing_is_one_shot_instead() {
    assert!(!codes(&bursts(20, 0, 0), 10).contains(&Code::PoolTooSmall));
}

#[test]
fn one_burst_is_silent() {
    let burst: Vec<_> = bursts(20, 2, 0)
        .into_iter()
        .filter(|c| c.opened_ns.is_some_and(|opened_ns| opened_ns < SECOND))
        .collect();
    assert_eq!(codes(&burst, 10), []);
}

#[test]
fn a_pool_that_shrinks_after_a_while_is_silent() {
    assert!(!codes(&bursts(20, 2, 400), 10).contains(&Code::PoolTooSmall));
}

#[test]
fn one_that_drops_each_after_the_same_number_of_requests_recycles() {
    let history: Vec<_> = (0..100)
        .map(|n| {
            let opened_ns = n * 100 * MILLI + 1;
            Build::client()
                .at(opened_ns, opened_ns + 400 * MILLI)
                .exchanges(4)
                .open_cause(OpenCause::Parallel)
                .end()
        })
        .chain([Build::client().at(1, 0).exchanges(50).live()])
        .collect();
    assert!(!codes(&history, 10).contains(&Code::PoolTooSmall));
}

#[test]
fn a_second_client_that_dials_while_the_pool_lies_idle_is_not_the_pool() {
    let history: Vec<_> = bursts(4, 2, 0)
        .into_iter()
        .map(|connection| match connection.close() {
            Some(_) => Connection { open_cause: OpenCause::IdleAvailable, ..connection },
            None => connection,
        })
        .collect();
    assert!(!codes(&history, 10).contains(&Code::PoolTooSmall));
}
