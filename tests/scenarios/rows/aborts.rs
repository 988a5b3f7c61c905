//! Rows 6, 7, 8, 11d and 18: an end with a reset of our own.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;

use super::{Row, row};
use crate::expect::Record;
use crate::stage::{Stage, abort, acknowledged_fin, arrived, connect, dial, exchange, port_of};
use crate::support::wait;
use crate::sys;

pub(super) fn rows() -> Vec<Row> {
    vec![
        row("6", "a_close_with_unread_data", unread),
        row("6c", "a_close_with_unread_data_after_the_peers_fin", unread_after_fin),
        row("7+8", "a_close_with_linger_0", linger0),
        row("11d", "a_listener_that_goes_away", never_accepted),
        row("18", "a_disconnect", disconnect),
        row("18", "a_disconnect_and_a_dial_with_the_same_socket", disconnect_and_redial),
    ]
}

fn is_reset(stream: &mut TcpStream) {
    assert_eq!(stream.read(&mut [0]).expect_err("the reset").kind(), ErrorKind::ConnectionReset);
}

fn unread(stage: &Stage) -> Vec<Record> {
    let (client, mut server, ends) = stage.pair();
    server.write_all(&[b'x'; 1000]).expect("more than asked for");
    arrived(&client, 1000);
    drop(client);
    is_reset(&mut server);
    vec![
        ends.client
            .record()
            .carried(1, 1001, 1)
            .ended("local_abort_unread", "local")
            .by_owner("close")
            .reset_sent("tcp_abort_on_close")
            .unread(1000),
        ends.server.record().carried(1001, 1, 1).reset_by_peer(),
    ]
}

fn unread_after_fin(stage: &Stage) -> Vec<Record> {
    let (client, mut server, ends) = stage.pair();
    server.write_all(&[b'x'; 10]).expect("more than asked for");
    drop(server);
    acknowledged_fin(&client);
    drop(client);
    vec![
        ends.client
            .record()
            .carried(1, 11, 1)
            .ended("local_abort_unread", "local")
            .by_owner("close")
            .after_peer_fin()
            .reset_sent("tcp_abort_on_close")
            .unread(10),
        ends.server.record().carried(11, 1, 1).local_close("close"),
    ]
}

fn linger0(stage: &Stage) -> Vec<Record> {
    let (mut client, server, ends) = stage.pair();
    abort(server);
    is_reset(&mut client);
    vec![
        ends.client.record().reset_by_peer(),
        ends.server
            .record()
            .ended("local_abort_linger0", "local")
            .by_owner("close")
            .reset_sent("tcp_state"),
    ]
}

fn never_accepted(stage: &Stage) -> Vec<Record> {
    let listener = stage.listen();
    let port = port_of(&listener);
    let (mut client, facts) = dial((crate::stage::LOOPBACK, port).into());
    wait::queued(port, 1);
    drop(listener);
    is_reset(&mut client);
    let server = facts.other_end();
    vec![
        facts.record().carried(0, 0, 0).reset_by_peer(),
        server.record().carried(0, 0, 0).ended("never_accepted", "local").reset_sent("tcp_state"),
    ]
}

fn disconnect(stage: &Stage) -> Vec<Record> {
    let (client, mut server, ends) = stage.pair();
    sys::disconnect(&client);
    is_reset(&mut server);
    vec![
        ends.client
            .record()
            .ended("disconnect", "local")
            .by_owner("connect")
            .reset_sent("tcp_state"),
        ends.server.record().reset_by_peer(),
    ]
}

fn disconnect_and_redial(stage: &Stage) -> Vec<Record> {
    let listener = stage.listen();
    let (mut client, mut server, first) = connect(&listener);
    exchange(&mut client, &mut server);
    sys::disconnect(&client);
    is_reset(&mut server);
    sys::connect(&client, listener.local_addr().expect("bound"));
    let (mut server, _) = listener.accept().expect("accept");
    let second = crate::stage::Ends::of(&client, &server);
    exchange(&mut client, &mut server);
    drop(client);
    crate::stage::end_of(&mut server);
    vec![
        first
            .client
            .record()
            .ended("disconnect", "local")
            .by_owner("connect")
            .reset_sent("tcp_state"),
        first.server.record().reset_by_peer(),
        second.client.record().opened("reopen_same_socket").local_close("close"),
        second.server.record().peer_close("close"),
    ]
}
