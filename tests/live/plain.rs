//! The plain tier on this host, with the kernel's types hidden in a mount namespace of the tracer's
//! own: causes and owners of both ends, and the verdict that matters most.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpStream};
use std::process;

use serde_json::Value;

use crate::support::nginx::Nginx;
use crate::support::peer::{self, FullListener, Script, Server};
use crate::support::report::{all_are, int, real, tally, text};
use crate::support::scene::{LOOPBACK, ended};
use crate::support::tracer::Tracer;
use crate::support::workload::Workload;
use crate::support::{port, wait};

/// Both records of one connection of this process.
fn play(script: impl FnOnce(TcpStream, TcpStream)) -> (Value, Value) {
    let tracer = Tracer::start_without_types();
    let (client, server) = peer::pair(LOOPBACK, LOOPBACK);
    let port = server.local_addr().expect("server address").port();
    script(client, server);
    wait::quiet(port);
    let report = tracer.finish();
    assert_eq!(text(report.opening_health(), "tracer.tier"), "plain");
    let (dialled, accepted) = (report.dialled(port), report.accepted(port));
    assert_eq!((dialled.len(), accepted.len()), (1, 1), "one record a side");
    for record in [dialled[0], accepted[0]] {
        assert_eq!(int(record, "process.pid"), u64::from(process::id()), "{record}");
        assert_eq!(int(record, "tracer.exchanges"), 1, "{record}");
        assert!(int(record, "tracer.socket_cookie") > 0, "{record}");
        for unknown in ["tracer.netns", "process.creation.time", "tracer.unread_bytes"] {
            assert!(record.get(unknown).is_none(), "{unknown} is not told there: {record}");
        }
    }
    (dialled[0].clone(), accepted[0].clone())
}

#[test]
#[ignore = "needs root"]
fn either_end_may_close_first() {
    let (client, server) = play(|client, mut server| {
        drop(client);
        assert_eq!(server.read(&mut [0]).expect("FIN"), 0);
    });
    ended(&client, "local_close", "local", "absent");
    ended(&server, "peer_close", "peer", "absent");
    for record in [&client, &server] {
        assert_eq!(int(record, "tracer.bytes_sent"), 1, "payload only: {record}");
        assert_eq!(int(record, "tracer.bytes_received"), 1, "payload only: {record}");
        assert!(real(record, "tracer.idle_before_close_s") < 1.0, "{record}");
    }
    let (client, server) = play(|mut client, server| {
        drop(server);
        assert_eq!(client.read(&mut [0]).expect("FIN"), 0);
    });
    ended(&client, "peer_close", "peer", "absent");
    ended(&server, "local_close", "local", "absent");
}

#[test]
#[ignore = "needs root"]
fn a_shutdown_is_told_from_a_close() {
    let (client, server) = play(|client, mut server| {
        client.shutdown(Shutdown::Write).expect("half-close");
        assert_eq!(server.read(&mut [0]).expect("FIN"), 0);
    });
    assert_eq!(text(&client, "tracer.close.how"), "shutdown");
    assert!(server.get("tracer.close.how").is_none(), "close() or the like: {server}");
}

#[test]
#[ignore = "needs root"]
fn the_two_kinds_of_aborts_are_told_apart() {
    let (client, server) = play(|mut client, server| {
        peer::reset(server);
        let error = client.read(&mut [0]).expect_err("the reset");
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    });
    ended(&client, "reset_by_peer", "peer", "received");
    assert_eq!(int(&client, "tracer.close.errno"), 104);
    ended(&server, "local_abort_linger0", "local", "sent");

    let (client, server) = play(|client, mut server| {
        server.write_all(&[b'x'; 1000]).expect("more than asked for");
        let mut room = [0; 1001];
        wait::until("the data", || {
            (client.peek(&mut room).expect("no reset") == 1000).then_some(())
        });
        drop(client);
        server.read(&mut [0]).expect_err("the reset");
    });
    ended(&client, "local_abort_unread", "local", "sent");
    ended(&server, "reset_by_peer", "peer", "received");
}

#[test]
#[ignore = "needs root"]
fn a_write_on_a_connection_the_server_closed_is_stale_reuse() {
    let (client, server) = play(|mut client, server| {
        drop(server);
        wait::until("the FIN", || (client.peek(&mut [0]).expect("no reset") == 0).then_some(()));
        client.write_all(&[b'x'; 100]).expect("the kernel takes the first write");
        let error = client.write_all(b"x").expect_err("the second one meets the reset");
        assert_eq!(error.kind(), ErrorKind::BrokenPipe);
    });
    ended(&client, "reset_after_peer_fin", "peer", "received");
    assert_eq!(int(&client, "tracer.close.errno"), 32);
    assert_eq!(text(&server, "tracer.close.cause"), "local_close");
}

#[test]
#[ignore = "needs root"]
fn a_refused_dial_is_a_record() {
    let port = port::closed();
    let tracer = Tracer::start_without_types();
    TcpStream::connect((Ipv4Addr::LOCALHOST, port)).expect_err("nobody listens");
    let report = tracer.finish();
    let dialled = report.dialled(port);
    all_are(&dialled, 1, "process.pid", &process::id().to_string());
    all_are(&dialled, 1, "tracer.close.cause", "connect_refused");
    all_are(&dialled, 1, "tracer.close.errno", "111");
}

#[test]
#[ignore = "needs root"]
fn a_cancelled_dial_and_one_that_nobody_answers_are_told_apart() {
    let silent = FullListener::new();
    let port = silent.port.to_string();
    let [cancel, timeout] =
        ["cancel", "timeout"].map(|how| Workload::python("dial.py", &[how, &port, "1"]));
    let tracer = Tracer::start_without_types();
    assert_eq!((cancel.run().dials, timeout.run().dials), (1, 1));
    wait::in_state(silent.port, wait::SYN_SENT, 0);
    let report = tracer.finish();
    let causes = tally(&report.dialled(silent.port), "tracer.close.cause");
    assert_eq!((causes["dial_cancelled"], causes["connect_timeout"]), (1, 1), "{causes:?}");
}

#[test]
#[ignore = "needs root"]
fn a_killed_process_is_told_as_such_without_its_signal() {
    let server = Server::start(Script::KeepAlive);
    let port = server.port;
    let tracer = Tracer::start_without_types();
    let mut holder = Workload::python("hold.py", &[&port.to_string(), "0"]);
    let pid = holder.pid;
    holder.go_on();
    holder.hear();
    holder.kill();
    wait::quiet(port);
    let report = tracer.finish();
    let dialled = report.dialled(port);
    all_are(&dialled, 1, "process.pid", &pid.to_string());
    all_are(&dialled, 1, "tracer.close.how", "exit:unknown");
    all_are(&dialled, 1, "tracer.close.cause", "local_close");
}

/// Requests of each client: well above the ten connections that `one-shot` asks for.
const REQUESTS: u64 = 30;

#[test]
#[ignore = "needs root"]
fn the_client_that_redials_is_found_and_the_one_that_reuses_is_not() {
    for (mode, codes) in [("new", &["one-shot"][..]), ("persistent", &[])] {
        let nginx = Nginx::keep_alive();
        let port = nginx.port;
        let tracer = Tracer::start_without_types();
        let args = [mode, &port.to_string(), "/small", &REQUESTS.to_string()];
        let client = Workload::python("fetch.py", &args);
        let pid = client.pid;
        let did = client.run();
        wait::quiet(port);
        let report = tracer.finish();
        assert_eq!(report.codes(pid, port), codes, "{mode}");
        for (pid, role) in [(pid, "client"), (nginx.worker(), "server")] {
            let summary = report.summary(pid, role, port);
            assert_eq!(int(summary, "tracer.connections_opened"), did.dials, "{summary}");
            assert_eq!(int(summary, "tracer.exchanges"), did.requests, "{summary}");
            assert_eq!(text(summary, "tracer.exchanges_basis"), "measured", "{summary}");
        }
    }
}
