//! Connections that are open before the tracer: what their records owe.

use std::io::{ErrorKind, Read as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process;

use serde_json::Value;

use super::report::{Report, int, text};
use super::tracer::Tracer;
use super::{peer, wait};

/// Both ends of a connection that carried one exchange, and their ports.
struct Before {
    client: TcpStream,
    server: TcpStream,
    ephemeral: u16,
    port: u16,
    _listener: TcpListener,
}

impl Before {
    fn open() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a loopback port");
        let port = listener.local_addr().expect("bound").port();
        let mut client =
            TcpStream::connect((Ipv4Addr::LOCALHOST, port)).expect("the dial succeeds");
        let (mut server, _) = listener.accept().expect("the accept succeeds");
        peer::exchange(&mut client, &mut server);
        let ephemeral = client.local_addr().expect("an address").port();
        Self { client, server, ephemeral, port, _listener: listener }
    }
}

/// The one record with this local port.
fn of(report: &Report, local: u16) -> &Value {
    let all = report.connections();
    let mut of = all.iter().filter(|line| int(line, "network.local.port") == u64::from(local));
    let record = of.next().unwrap_or_else(|| panic!("no record of port {local}"));
    assert!(of.next().is_none(), "one record an end");
    record
}

/// Whether the kernel walked over open files. Else a connection is followed from its next event on,
/// and /proc tells who held it at the start.
fn is_walked(report: &Report) -> bool {
    text(&report.opening_health()["tracer.hooks"], "iter/task_file") == "attached:iter"
}

/// What every such record owes, by whichever way the connection was found.
fn owed(record: &Value, role: &str) {
    assert_eq!(int(record, "process.pid"), u64::from(process::id()), "{record}");
    assert_eq!(record["tracer.start_known"], false, "{record}");
    assert_eq!(text(record, "tracer.open.cause"), "preexisting");
    assert_eq!(record.get("tracer.bytes_sent"), None, "not seen whole: {record}");
    assert_eq!(text(record, "tracer.role"), role, "{record}");
}

/// Opens a connection, starts the tracer, makes one more exchange, and closes as the client.
///
/// # Panics
/// If a record is not as it must be.
pub(crate) fn a_connection_that_was_there_before() {
    let Before { mut client, mut server, ephemeral, port, _listener } = Before::open();
    let tracer = Tracer::start();
    peer::exchange(&mut client, &mut server);
    drop(client);
    drop(server);
    wait::quiet(port);
    let report = tracer.finish();

    for (local, role) in [(ephemeral, "client"), (port, "server")] {
        let record = of(&report, local);
        owed(record, role);
        if is_walked(&report) {
            assert_eq!(int(record, "tracer.exchanges"), 1, "since the start: {record}");
        }
    }
    assert_eq!(text(of(&report, ephemeral), "tracer.close.cause"), "local_close");
    assert_eq!(text(of(&report, port), "tracer.close.cause"), "peer_close");
}

/// Opens a connection, starts the tracer, and resets it as the server: nobody uses the client's end
/// any more, so only who held it at the start tells whose it was.
///
/// # Panics
/// If a record is not as it must be.
pub(crate) fn a_connection_that_was_there_before_and_is_not_used_since() {
    let Before { mut client, server, ephemeral, port, _listener } = Before::open();
    let tracer = Tracer::start();
    peer::reset(server);
    let error = client.read(&mut [0]).expect_err("the reset");
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    wait::quiet(port);
    let report = tracer.finish();

    owed(of(&report, ephemeral), "client");
    owed(of(&report, port), "server");
    // A reset that is the first event is not seen to come.
    let cause = if is_walked(&report) { "reset_by_peer" } else { "unknown" };
    assert_eq!(text(of(&report, ephemeral), "tracer.close.cause"), cause);
    assert_eq!(text(of(&report, port), "tracer.close.cause"), "local_abort_linger0");
}
