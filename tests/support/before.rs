//! A connection that is open before the tracer: what its records owe.

use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process;

use serde_json::Value;

use super::report::{int, text};
use super::tracer::Tracer;
use super::{peer, wait};

/// Opens a connection, starts the tracer, makes one more exchange, and closes as the client.
///
/// # Panics
/// If a record is not as it must be.
pub(crate) fn a_connection_that_was_there_before() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a loopback port");
    let port = listener.local_addr().expect("bound").port();
    let mut client = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).expect("the dial succeeds");
    let (mut server, _) = listener.accept().expect("the accept succeeds");
    peer::exchange(&mut client, &mut server);
    let ephemeral = client.local_addr().expect("an address").port();
    let tracer = Tracer::start();
    peer::exchange(&mut client, &mut server);
    drop(client);
    drop(server);
    wait::quiet(port);
    let report = tracer.finish();

    let all = report.connections();
    let of = |local: u16| {
        let mut of = all.iter().filter(|line| int(line, "network.local.port") == u64::from(local));
        let record = of.next().unwrap_or_else(|| panic!("no record of port {local}"));
        assert!(of.next().is_none(), "one record an end");
        *record
    };
    for (record, role) in [(of(ephemeral), "client"), (of(port), "server")] {
        assert_eq!(int(record, "process.pid"), u64::from(process::id()), "{record}");
        assert_eq!(record["tracer.start_known"], false, "{record}");
        assert_eq!(text(record, "tracer.open.cause"), "preexisting");
        assert_eq!(record.get("tracer.bytes_sent"), None, "not seen whole: {record}");
        let seeded = text(&report.opening_health()["tracer.hooks"], "iter/task_file");
        // Without the walk over open files it is known from its next event on, and which end we are
        // only if the port is listened on.
        let is_seeded = seeded == "attached:iter";
        let expected = (is_seeded || role == "server").then(|| Value::from(role));
        assert_eq!(record.get("tracer.role"), expected.as_ref(), "hook {seeded}: {record}");
        if is_seeded {
            assert_eq!(int(record, "tracer.exchanges"), 1, "since the start: {record}");
        }
    }
    assert_eq!(text(of(ephemeral), "tracer.close.cause"), "local_close");
    assert_eq!(text(of(port), "tracer.close.cause"), "peer_close");
}
