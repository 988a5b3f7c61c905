//! nginx and HAProxy as clients of an upstream: with and without kept connections, and probing it. How
//! they are asked is healthy or not, which their own clients have to answer for; it is not watched.

use std::thread;
use std::time::Duration;

use super::Case;
use crate::program::{Run, library};
use crate::scene::Scene;
use crate::servers::http::{Habits, Server};
use crate::servers::proxy::Proxy;
use crate::support::expectation::{Count, Party};
use crate::support::nginx::Nginx;
use crate::support::wait;

const REQUESTS: u64 = 20;
/// A connection to the proxy for each request.
const EACH: &str = "with_requests.py each http://127.0.0.1:PORT/small 20";
/// One connection to the proxy.
const SESSION: &str = "with_requests.py session http://127.0.0.1:PORT/small 20";

pub(super) fn cases() -> Vec<Case> {
    vec![
        // Told to close, nginx as the upstream is first to do so.
        Case::new("nginx-upstream-plain", &["peer-closes-each"], |scene| {
            let start = |port| Proxy::nginx(port, "", "");
            asked(scene, start, SESSION, &["peer-closes-each"], REQUESTS..=REQUESTS);
        }),
        Case::new("nginx-upstream-left-open", &["one-shot"], left_open),
        Case::new("nginx-upstream-kept", &[], |scene| {
            let kept = "proxy_http_version 1.1; proxy_set_header Connection '';";
            asked(scene, |port| Proxy::nginx(port, "keepalive 32;", kept), EACH, &[], 1..=2);
        }),
        // HAProxy ends what it does not keep with SO_LINGER 0.
        Case::new("haproxy-reuse-never", &["abortive-close"], |scene| {
            let start = |port| Proxy::haproxy(port, "http-reuse never", "");
            asked(scene, start, EACH, &["abortive-close"], REQUESTS..=REQUESTS);
        }),
        Case::new("haproxy-reuse-always", &[], |scene| {
            asked(scene, |port| Proxy::haproxy(port, "http-reuse always", ""), EACH, &[], 1..=2);
        }),
        Case::new("haproxy-server-close", &["peer-closes-each"], |scene| {
            let start = |port| Proxy::haproxy(port, "option http-server-close", "");
            asked(scene, start, SESSION, &["peer-closes-each"], REQUESTS..=REQUESTS);
        }),
        Case::new("haproxy-check-tcp", &[], |scene| {
            checked(scene, |port| Proxy::haproxy(port, "", "check inter 1s"), false);
        }),
        Case::new("haproxy-check-http", &[], |scene| {
            let check = "option httpchk GET /small";
            checked(scene, |port| Proxy::haproxy(port, check, "check inter 1s"), true);
        }),
    ]
}

/// Lets a client make its requests of the proxy at `port`.
fn ask(port: u16, words: &'static str) {
    let mut client = Run::start(&library(words), port);
    client.go();
    assert_eq!(client.done().answers, REQUESTS);
    client.end();
}

/// A proxy before nginx, asked; `dials` is how often it dials.
fn asked(
    scene: &mut Scene,
    start: impl FnOnce(u16) -> Proxy,
    words: &'static str,
    codes: &[&str],
    dials: Count,
) {
    let nginx = Nginx::keep_alive();
    scene.watch(nginx.port);
    scene.begin();
    let proxy = start(nginx.port);
    ask(proxy.port, words);
    // What it keeps is open then.
    if !codes.is_empty() {
        wait::quiet(nginx.port);
    }
    scene.end();
    let accepted = nginx.accepted();
    assert!(dials.contains(&accepted), "{accepted} connections, meant {dials:?}");
    nginx.served(accepted, REQUESTS);
    let client = Party::client(proxy.pid, nginx.port).found(codes).connections(accepted);
    scene.expect(client.exchanges(REQUESTS..=REQUESTS));
    let server = Party::server(nginx.port).connections(accepted);
    scene.expect(server.exchanges(REQUESTS..=REQUESTS));
}

/// An upstream that closes nothing, whatever it is told: the proxy is first.
fn left_open(scene: &mut Scene) {
    let server = Server::start(Habits::KEEPS);
    scene.watch(server.port);
    scene.begin();
    let proxy = Proxy::nginx(server.port, "", "");
    ask(proxy.port, SESSION);
    wait::quiet(server.port);
    scene.end();
    assert_eq!((server.accepted(), server.answered()), (REQUESTS, REQUESTS));
    let client = Party::client(proxy.pid, server.port).found(&["one-shot"]).connections(REQUESTS);
    scene.expect(client.exchanges(REQUESTS..=REQUESTS));
    let accepted = Party::server(server.port).connections(REQUESTS);
    scene.expect(accepted.exchanges(REQUESTS..=REQUESTS));
}

/// A proxy that nobody asks, which asks each second whether its upstream is well.
fn checked(scene: &mut Scene, start: impl FnOnce(u16) -> Proxy, is_request: bool) {
    // More checks than any verdict asks for.
    const SECONDS: u64 = 13;
    let nginx = Nginx::keep_alive();
    scene.watch(nginx.port);
    scene.begin();
    let proxy = start(nginx.port);
    let pid = proxy.pid;
    thread::sleep(Duration::from_secs(SECONDS));
    drop(proxy);
    wait::quiet(nginx.port);
    scene.end();
    let (accepted, requests) = (nginx.accepted(), nginx.requests());
    let mut client = Party::client(pid, nginx.port).exchanges(requests..=requests);
    if is_request {
        assert!((10..=15).contains(&accepted), "{accepted} checks");
        assert_eq!(requests, accepted);
        client = client.connections(accepted);
        let server = Party::server(nginx.port).connections(accepted);
        scene.expect(server.exchanges(requests..=requests));
    } else {
        // HAProxy resets once the SYN is answered, so that nothing is ever accepted.
        assert_eq!((accepted, requests), (0, 0));
        client.connections = Some(10..=15);
    }
    scene.expect(client);
}
