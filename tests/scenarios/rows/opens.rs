//! Why a connection was opened: what its process had towards the same destination at that moment.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpListener;
use std::thread;
use std::time::Duration;

use socket2::{Domain, Socket, Type};

use super::{Row, row};
use crate::expect::Record;
use crate::facts::Facts;
use crate::stage::{
    Ends, LOOPBACK, Stage, abort, arrived, connect, connect_error, end_of, exchange,
};

pub(super) fn rows() -> Vec<Row> {
    vec![
        row("open", "a_dial_beside_a_busy_connection", parallel),
        row("open", "a_dial_although_a_connection_is_idle", idle_available),
        row("open", "a_dial_after_our_close", after_local_close),
        row("open", "a_dial_after_the_peers_close", after_peer_close),
        row("open", "a_dial_after_a_reset", after_reset),
        row("open", "a_dial_after_a_stale_reuse", after_stale_reuse),
        row("open", "a_dial_after_one_that_failed", after_failure),
        row("open", "a_dial_of_another_process", other_process).actors(1),
    ]
}

/// A further connection to this listener, opened for `cause`, that its client closes.
fn next(listener: &TcpListener, cause: &str) -> Vec<Record> {
    let (mut client, mut server, ends) = connect(listener);
    exchange(&mut client, &mut server);
    closed_by_client(&ends.client.record().opened(cause), (client, server, &ends))
}

fn closed_by_client(
    client_record: &Record,
    (client, mut server, ends): (std::net::TcpStream, std::net::TcpStream, &Ends),
) -> Vec<Record> {
    drop(client);
    end_of(&mut server);
    drop(server);
    vec![client_record.clone().local_close("close"), ends.server.record().peer_close("close")]
}

fn parallel(stage: &Stage) -> Vec<Record> {
    let listener = stage.listen();
    let (mut client, mut server, ends) = connect(&listener);
    client.write_all(b"?").expect("request");
    let mut records = next(&listener, "parallel");
    server.read_exact(&mut [0]).expect("request");
    server.write_all(b"!").expect("answer");
    client.read_exact(&mut [0]).expect("answer");
    records.extend(closed_by_client(&ends.client.record(), (client, server, &ends)));
    records
}

fn idle_available(stage: &Stage) -> Vec<Record> {
    let listener = stage.listen();
    let (mut client, mut server, ends) = connect(&listener);
    exchange(&mut client, &mut server);
    // Idleness is what is under test: it counts from 100 ms on.
    thread::sleep(Duration::from_millis(400));
    let mut records = next(&listener, "idle_available");
    records.extend(closed_by_client(&ends.client.record(), (client, server, &ends)));
    records
}

fn after_local_close(stage: &Stage) -> Vec<Record> {
    let listener = stage.listen();
    let mut records = next(&listener, "first");
    records.extend(next(&listener, "after_local_close"));
    records
}

fn after_peer_close(stage: &Stage) -> Vec<Record> {
    let listener = stage.listen();
    let (mut client, mut server, ends) = connect(&listener);
    exchange(&mut client, &mut server);
    drop(server);
    end_of(&mut client);
    drop(client);
    let mut records = next(&listener, "after_peer_close");
    records.push(ends.client.record().peer_close("close"));
    records.push(ends.server.record().local_close("close"));
    records
}

fn after_reset(stage: &Stage) -> Vec<Record> {
    let listener = stage.listen();
    let (mut client, mut server, ends) = connect(&listener);
    exchange(&mut client, &mut server);
    abort(server);
    assert_eq!(client.read(&mut [0]).expect_err("the reset").kind(), ErrorKind::ConnectionReset);
    drop(client);
    let mut records = next(&listener, "after_reset");
    records.push(ends.client.record().reset_by_peer());
    records.push(
        ends.server
            .record()
            .ended("local_abort_linger0", "local")
            .by_owner("close")
            .reset_sent("tcp_state"),
    );
    records
}

fn after_stale_reuse(stage: &Stage) -> Vec<Record> {
    let listener = stage.listen();
    let (mut client, mut server, ends) = connect(&listener);
    exchange(&mut client, &mut server);
    drop(server);
    arrived(&client, 0);
    client.write_all(b"x").expect("the kernel takes the first write");
    client.write_all(b"x").expect_err("the second one meets the reset");
    drop(client);
    let mut records = next(&listener, "after_stale_reuse");
    records.push(ends.client.record().reset_after_peer_fin(1).unanswered());
    records.push(ends.server.record().local_close("close").late_data("tcp_abort_on_data"));
    records
}

fn after_failure(stage: &Stage) -> Vec<Record> {
    let to = (LOOPBACK, stage.port()).into();
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    let failed = Facts::of_dial(&socket, to);
    connect_error(&socket, to);
    drop(socket);
    let listener = TcpListener::bind(to).expect("the port is free");
    let mut records = next(&listener, "retry_failed_dial");
    records.push(failed.failed_dial().ended("connect_refused", "peer").reset_received().errno(111));
    records
}

fn other_process(stage: &Stage) -> Vec<Record> {
    let listener = stage.listen();
    let mut records = next(&listener, "first");
    let mut actor = stage.actor();
    let facts = actor.dial(listener.local_addr().expect("bound"));
    let (mut server, served) = crate::stage::accept(&listener);
    actor.ask("close 0");
    end_of(&mut server);
    drop(server);
    records.push(facts.record().carried(0, 0, 0).opened("first").local_close("close"));
    records.push(served.record().carried(0, 0, 0).peer_close("close"));
    records
}
