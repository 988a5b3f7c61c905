//! Histories of a server, told tick by tick.

use super::*;
use crate::aggregate::support::{Build, MILLI, SECOND, ticks};
use crate::connection::CloseCause;

const END: u64 = 10 * SECOND;

fn folded(history: &[Connection], limit: usize) -> Vec<PeerTotals> {
    let mut peers = Peers::new(0, limit);
    for tick in ticks(history, END) {
        peers.fold(&tick);
    }
    peers.totals()
}

fn accepted(peer: &str, opened_ns: u64) -> Build {
    Build::server().to(peer).at(opened_ns, opened_ns + MILLI).by_peer()
}

fn addresses(totals: &[PeerTotals]) -> Vec<String> {
    let address = |row: &PeerTotals| row.peer.map_or("other".into(), |p| p.address.to_string());
    totals.iter().map(address).collect()
}

#[test]
fn a_peer_that_redials_is_told_from_one_that_reuses() {
    let mut history: Vec<_> =
        (1..=20).map(|n| accepted("10.0.0.2:1", n * 100 * MILLI).end()).collect();
    history.push(Build::server().to("10.0.0.3:1").at(SECOND, 0).exchanges(20).live());
    let totals = folded(&history, MOST_PEERS);
    assert_eq!(addresses(&totals), ["10.0.0.2", "10.0.0.3"]);
    let [redials, reuses] = [&totals[0], &totals[1]];
    assert_eq!((redials.redials, redials.totals.opened, redials.totals.closed), (Some(19), 20, 20));
    assert_eq!(redials.totals.reuse_ratio(), Some(0.0));
    assert_eq!(redials.totals.closes, [(CloseCause::PeerClose, 20)].into());
    assert_eq!((reuses.redials, reuses.totals.opened, reuses.totals.open), (Some(0), 1, 1));
    assert_eq!(reuses.totals.reuse_ratio(), Some(0.95));
}

#[test]
fn ports_of_a_peer_and_processes_of_the_server_are_one_row() {
    let history = [
        accepted("10.0.0.2:1", SECOND).pid(1).end(),
        accepted("10.0.0.2:2", 2 * SECOND).pid(2).end(),
    ];
    let totals = folded(&history, MOST_PEERS);
    assert_eq!((totals.len(), totals[0].totals.opened), (1, 2));
    assert_eq!(totals[0].served_by.as_deref(), Some("app"));
}

#[test]
fn addresses_and_namespaces_of_the_server_are_rows_of_their_own() {
    let one = accepted("10.0.0.2:1", SECOND);
    let elsewhere = Connection { netns: 2, ..one.clone().end() };
    let other_address = one.clone().from("10.0.0.9").end();
    let totals = folded(&[one.end(), elsewhere, other_address], MOST_PEERS);
    assert_eq!(totals.len(), 3);
    assert!(totals.iter().all(|row| row.totals.opened == 1 && row.redials == Some(0)));
}

#[test]
fn what_serves_an_address_is_named_only_where_all_that_is_known_agrees() {
    let first = accepted("10.0.0.2:1", SECOND).comm("nginx").end();
    let nobody = accepted("10.0.0.3:1", SECOND).nobody().end();
    let totals = folded(&[first.clone(), nobody], MOST_PEERS);
    assert!(totals.iter().all(|row| row.served_by.as_deref() == Some("nginx")), "{totals:?}");
    let other = accepted("10.0.0.3:1", SECOND).comm("haproxy").end();
    let totals = folded(&[first, other], MOST_PEERS);
    assert!(totals.iter().all(|row| row.served_by.is_none()), "{totals:?}");
}

#[test]
fn what_this_host_dialled_or_may_have_is_not_counted() {
    let history = [Build::client().at(SECOND, 2 * SECOND).end(), Build::preexisting().live()];
    assert_eq!(folded(&history, MOST_PEERS), []);
}

#[test]
fn one_that_was_there_before_is_counted_as_such() {
    let mut before = Build::preexisting().live();
    before.role = Some(Role::Server);
    let totals = folded(&[before], MOST_PEERS);
    assert_eq!((totals[0].totals.preexisting, totals[0].totals.opened), (1, 0));
    assert_eq!(totals[0].totals.open, 1, "once, whatever the number of ticks");
}

#[test]
fn peers_beyond_the_bound_are_counted_together_and_their_redials_are_not_known() {
    let peer = |n: u64| format!("10.0.0.{}:1", n + 1);
    let mut history: Vec<_> = (1..=6).map(|n| accepted(&peer(n), n * 10 * MILLI).end()).collect();
    history.push(accepted(&peer(2), 100 * MILLI).end());
    let totals = folded(&history, 4);
    assert_eq!(addresses(&totals), ["10.0.0.2", "10.0.0.3", "10.0.0.4", "10.0.0.5", "other"]);
    assert_eq!((totals[1].totals.opened, totals[1].redials), (2, Some(1)));
    assert_eq!((totals[4].totals.opened, totals[4].redials), (2, None));
}

#[test]
fn every_accepted_connection_is_counted_once() {
    let history: Vec<_> = (1..=500_u64)
        .map(|n| {
            let peer = format!("10.0.{}.2:1", n % 23);
            let build = Build::server().to(&peer).at(n * 19 * MILLI, n * 19 * MILLI + n * MILLI);
            if n % 7 == 0 { build.live() } else { build.end() }
        })
        .collect();
    for limit in [1, 5, 100] {
        let totals = folded(&history, limit);
        let sum = |of: fn(&Totals) -> u64| totals.iter().map(|row| of(&row.totals)).sum::<u64>();
        assert_eq!(sum(|totals| totals.opened), 500, "{limit}");
        assert_eq!(sum(Totals::connections), 500, "{limit}");
    }
}
