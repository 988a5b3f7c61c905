//! curl: a process for each request, and one process for many.

use super::Case;
use crate::scene::Scene;
use crate::support::curl::curl;
use crate::support::expectation::Party;
use crate::support::nginx::Nginx;
use crate::support::wait;

const REQUESTS: u64 = 15;

pub(super) fn cases() -> Vec<Case> {
    vec![
        Case::new("curl-loop", &["short-lived-process"], each),
        Case::new("curl-many-urls", &[], one),
    ]
}

fn each(scene: &mut Scene) {
    let nginx = Nginx::keep_alive();
    scene.watch(nginx.port);
    scene.begin();
    let url = format!("http://127.0.0.1:{}/small", nginx.port);
    let runs: Vec<(u32, u64)> = (0..REQUESTS).map(|_| curl(&url)).collect();
    wait::quiet(nginx.port);
    scene.end();
    assert!(runs.iter().all(|(_, dials)| *dials == 1), "{runs:?}");
    nginx.served(REQUESTS, REQUESTS);
    let clients = Party::clients(runs.iter().map(|(pid, _)| *pid).collect(), nginx.port)
        .found(&["short-lived-process"])
        .connections(REQUESTS);
    scene.expect(clients.exchanges(REQUESTS..=REQUESTS));
    let server = Party::server(nginx.port).connections(REQUESTS);
    scene.expect(server.exchanges(REQUESTS..=REQUESTS));
}

fn one(scene: &mut Scene) {
    let nginx = Nginx::keep_alive();
    scene.watch(nginx.port);
    scene.begin();
    let (pid, dials) = curl(&format!("http://127.0.0.1:{}/small?[1-{REQUESTS}]", nginx.port));
    wait::quiet(nginx.port);
    scene.end();
    assert_eq!(dials, 1);
    nginx.served(1, REQUESTS);
    let client = Party::client(pid, nginx.port).connections(1);
    scene.expect(client.exchanges(REQUESTS..=REQUESTS));
    let server = Party::server(nginx.port).connections(1);
    scene.expect(server.exchanges(REQUESTS..=REQUESTS));
}
