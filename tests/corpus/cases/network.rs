//! What goes wrong below the program: hosts that are not there, ports that run out. Each is played in a
//! network of its own, because it sets that network up.

use std::fs;
use std::process::Command;

use super::Case;
use crate::program::{Run, go};
use crate::scene::Scene;
use crate::servers::http::{Habits, Server};
use crate::support::expectation::Party;
use crate::support::{port, tool, wait};

pub(super) fn cases() -> Vec<Case> {
    vec![
        Case::new("go-host-is-gone", &["connect-unreachable"], host_is_gone).apart(),
        Case::new("go-ports-run-out", &["one-shot>port-pressure"], ports_run_out).apart(),
        Case::new("go-ports-taken-again", &["one-shot"], ports_are_taken_again).apart(),
        Case::new("go-ports-suffice", &["one-shot"], ports_suffice).apart(),
    ]
}

/// Runs `ip` with these words.
fn ip(words: &str) {
    let status = Command::new(tool::path("ip")).args(words.split_whitespace()).status();
    assert!(status.expect("ip starts").success(), "ip {words}");
}

/// Nobody answers the question for its Ethernet address, as when a host of the same network is down.
fn host_is_gone(scene: &mut Scene) {
    ip("link add near type veth peer name far");
    ip("address add 192.0.2.1/24 dev near");
    ip("link set near up");
    ip("link set far up");
    let port = port::closed();
    scene.watch(port);
    let mut client = Run::start(&go("dial -to 192.0.2.2:PORT -times 2 -parallel 6"), port);
    let pid = client.pid;
    scene.begin();
    client.go();
    let did = client.done();
    client.end();
    wait::quiet(port);
    scene.end();
    assert_eq!((did.dials, did.connected), (Some(12), Some(0)));
    let client = Party { address: "192.0.2.2".into(), ..Party::client(pid, port) };
    scene.expect(client.found(&["connect-unreachable"]).connections(12).exchanges(0..=0));
}

/// Sets a value below `net/ipv4` of this network.
fn set(name: &str, value: &str) {
    fs::write(format!("/proc/sys/net/ipv4/{name}"), value).expect(name);
}

/// A client that dials for each request, where there are so many ports to dial from.
fn dials_from(scene: &mut Scene, ports: &str, reuse: &str, codes: &[&str]) {
    const DIALS: u64 = 90;
    set("ip_local_port_range", ports);
    // 2 is what hosts have: on loopback a port in TIME_WAIT is taken again after a second.
    set("tcp_tw_reuse", reuse);
    let server = Server::start(Habits::KEEPS);
    scene.watch(server.port);
    let words = go("get -url http://127.0.0.1:PORT/ -client each-closed -rounds 90 -every 30ms");
    let mut client = Run::start(&words, server.port);
    let pid = client.pid;
    scene.begin();
    client.go();
    let did = client.done();
    client.end();
    wait::quiet(server.port);
    scene.end();
    assert_eq!((did.dials, did.answers, server.accepted()), (Some(DIALS), DIALS, DIALS));
    let client = Party::client(pid, server.port).found(codes);
    scene.expect(client.connections(DIALS).exchanges(DIALS..=DIALS));
    let side = Party::server(server.port).connections(DIALS);
    scene.expect(side.exchanges(DIALS..=DIALS));
}

fn ports_run_out(scene: &mut Scene) {
    dials_from(scene, "40000 40099", "0", &["one-shot>port-pressure"]);
}

fn ports_suffice(scene: &mut Scene) {
    dials_from(scene, "40000 49999", "0", &["one-shot"]);
}

fn ports_are_taken_again(scene: &mut Scene) {
    dials_from(scene, "40000 40099", "2", &["one-shot"]);
}
