//! The tracer on a kernel of its own: run inside a guest that has nothing but this binary, the
//! tracer (`TRACER_BIN`) and loopback. It drives both ends itself and needs no other program, but
//! `/proc`, a writable `/tmp` and `lo` up. Waits are long, as an emulated guest is slow.

#![expect(clippy::expect_used, reason = "a test that cannot set its scene fails, with that reason")]

#[expect(dead_code, reason = "the live suite asks more of the same modules")]
#[path = "support"]
mod support {
    pub(crate) mod before;
    pub(crate) mod peer;
    pub(crate) mod port;
    pub(crate) mod report;
    pub(crate) mod scene;
    pub(crate) mod tracer;
    pub(crate) mod wait;
}

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process;
use std::thread;

use support::report::{all_are, int, real, text};
use support::scene::{ended, play};
use support::tracer::Tracer;
use support::{peer, port, wait};

/// Connections and exchanges on each.
const CONNECTIONS: u64 = 12;
const EXCHANGES: u64 = 5;

#[test]
#[ignore = "needs root"]
fn every_hook_is_attached_but_those_that_the_kernel_is_too_old_for() {
    let report = Tracer::start().finish();
    let health = report.opening_health();
    let hooks = health["tracer.hooks"].as_object().expect("hooks");
    assert_eq!(text(health, "tracer.tier"), "full");
    for (hook, verdict) in hooks {
        let verdict = verdict.as_str().expect("a verdict");
        let is_too_old =
            hook == "iter/task_file" && text(health, "tracer.kernel").starts_with("5.10");
        let wanted = if is_too_old { "unsupported" } else { "attached:" };
        assert!(verdict.starts_with(wanted), "{hook}: {hooks:#?}");
    }
}

#[test]
#[ignore = "needs root"]
fn without_fentry_kprobes_take_its_place_where_the_kernel_can_bear_them() {
    let report = Tracer::start_with(&["--no-fentry"]).finish();
    let hooks = &report.opening_health()["tracer.hooks"];
    // Before 6.1 a kprobe on our table makes the kernel warn, so there it is left out.
    let release = text(report.opening_health(), "tracer.kernel");
    let expected = if release.starts_with("5.") { "unsupported" } else { "attached:kprobe" };
    for hook in ["tcp_connect", "tcp_close"] {
        assert_eq!(text(hooks, hook), expected, "{hook} on {release}: {hooks}");
    }
}

#[test]
#[ignore = "needs root"]
fn connections_and_exchanges_are_counted_exactly_on_both_sides() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a loopback port");
    let port = listener.local_addr().expect("bound").port();
    let tracer = Tracer::start();
    let server = thread::spawn(move || (0..CONNECTIONS).map(|_| serve(&listener)).sum::<u64>());
    for _ in 0..CONNECTIONS {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).expect("connect");
        for _ in 0..EXCHANGES {
            stream.write_all(b"?").expect("request");
            stream.read_exact(&mut [0]).expect("answer");
        }
    }
    assert_eq!(server.join().expect("the server"), CONNECTIONS * EXCHANGES);
    wait::quiet(port);
    let report = tracer.finish();

    let own = process::id();
    let (dialled, accepted) = (report.dialled(port), report.accepted(port));
    for (role, records) in [("client", &dialled), ("server", &accepted)] {
        all_are(records, 12, "process.pid", &own.to_string());
        all_are(records, 12, "tracer.exchanges", "5");
        all_are(records, 12, "tracer.bytes_sent", "5");
        all_are(records, 12, "tracer.bytes_received", "5");
        let summary = report.summary(own, role, port);
        assert_eq!(int(summary, "tracer.connections_opened"), CONNECTIONS, "{summary}");
        assert_eq!(int(summary, "tracer.exchanges"), CONNECTIONS * EXCHANGES, "{summary}");
        assert!((real(summary, "tracer.reuse_ratio") - 0.8).abs() < 1e-6, "{summary}");
    }
    all_are(&dialled, 12, "tracer.close.cause", "local_close");
    all_are(&accepted, 12, "tracer.close.cause", "peer_close");
}

/// Answers each byte of one connection until its end; how many it answered.
fn serve(listener: &TcpListener) -> u64 {
    let (mut stream, _) = listener.accept().expect("accept");
    let mut answered = 0;
    while stream.read(&mut [0]).expect("request or FIN") == 1 {
        stream.write_all(b"!").expect("answer");
        answered += 1;
    }
    answered
}

#[test]
#[ignore = "needs root"]
fn a_connection_that_was_there_before_is_known_as_such() {
    support::before::a_connection_that_was_there_before();
}

#[test]
#[ignore = "needs root"]
fn a_connection_that_was_there_before_and_is_not_used_since_has_its_holder() {
    support::before::a_connection_that_was_there_before_and_is_not_used_since();
}

#[test]
#[ignore = "needs root"]
fn a_close_with_unread_bytes_is_an_abort() {
    let records = play(|client, mut server| {
        server.write_all(&[b'x'; 1000]).expect("more than asked for");
        let mut room = [0; 1001];
        wait::until("the data", || {
            (client.peek(&mut room).expect("no reset") == 1000).then_some(())
        });
        drop(client);
        let error = server.read(&mut [0]).expect_err("the reset");
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    });
    ended(&records.client, "local_abort_unread", "local", "sent");
    assert_eq!(int(&records.client, "tracer.unread_bytes"), 1000);
    ended(&records.server, "reset_by_peer", "peer", "received");
}

#[test]
#[ignore = "needs root"]
fn a_reset_is_told_on_both_sides() {
    let records = play(|mut client, server| {
        peer::reset(server);
        let error = client.read(&mut [0]).expect_err("the reset");
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    });
    ended(&records.client, "reset_by_peer", "peer", "received");
    ended(&records.server, "local_abort_linger0", "local", "sent");
}

#[test]
#[ignore = "needs root"]
fn a_refused_dial_is_a_record() {
    let port = port::closed();
    let tracer = Tracer::start();
    let error = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).expect_err("nobody listens");
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
    let report = tracer.finish();
    let dialled = report.dialled(port);
    all_are(&dialled, 1, "process.pid", &process::id().to_string());
    all_are(&dialled, 1, "tracer.close.cause", "connect_refused");
    all_are(&dialled, 1, "tracer.close.errno", "111");
    all_are(&dialled, 1, "tracer.connect_s", "-");
}
