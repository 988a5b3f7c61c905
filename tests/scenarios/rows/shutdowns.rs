//! Rows 3, 5, 26 and 32: one direction is closed before the other, or never.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::Shutdown;

use super::{Row, row};
use crate::expect::Record;
use crate::stage::{Stage, abort, end_of};
use crate::support::wait;

pub(super) fn rows() -> Vec<Row> {
    vec![
        row("3", "a_client_that_never_closes_what_its_server_closed", never_closed).actors(1),
        row("5", "a_half_close_answered_by_the_peers_close", half_close),
        row("5", "a_half_close_answered_after_it", answered_after_half_close),
        row("5b", "a_shutdown_of_both_directions", shutdown_both),
        row("26", "a_half_close_answered_by_a_reset", half_close_then_reset),
        row("32", "data_after_a_shutdown_of_both_directions", data_after_shutdown),
    ]
}

fn never_closed(stage: &Stage) -> Vec<Record> {
    let (mut client, server, ends) = stage.pair_with_actor();
    let port = ends.server.local.port();
    drop(server);
    wait::in_state(port, wait::CLOSE_WAIT, 1);
    wait::in_state(port, wait::FIN_WAIT2, 1);
    client.tell("exit 0");
    client.end();
    vec![
        ends.client.ends().record().peer_close("exit:0"),
        ends.server.record().local_close("close"),
    ]
}

fn half_close(stage: &Stage) -> Vec<Record> {
    let (mut client, mut server, ends) = stage.pair();
    client.shutdown(Shutdown::Write).expect("half-close");
    end_of(&mut server);
    drop(server);
    end_of(&mut client);
    vec![
        ends.client.record().local_close("shutdown").half(),
        ends.server.record().peer_close("close"),
    ]
}

fn shutdown_both(stage: &Stage) -> Vec<Record> {
    let (client, mut server, ends) = stage.pair();
    client.shutdown(Shutdown::Both).expect("shutdown");
    end_of(&mut server);
    drop(server);
    wait::quiet(ends.server.local.port());
    vec![ends.client.record().local_close("shutdown"), ends.server.record().peer_close("close")]
}

fn half_close_then_reset(stage: &Stage) -> Vec<Record> {
    let (mut client, mut server, ends) = stage.pair();
    client.shutdown(Shutdown::Write).expect("half-close");
    end_of(&mut server);
    wait::in_state(ends.server.local.port(), wait::FIN_WAIT2, 1);
    abort(server);
    assert_eq!(client.read(&mut [0]).expect_err("the reset").kind(), ErrorKind::ConnectionReset);
    vec![
        ends.client
            .record()
            .ended("local_close_then_reset", "local")
            .by_owner("shutdown")
            .half()
            .reset_received()
            .errno(104),
        ends.server
            .record()
            .ended("local_abort_linger0", "local")
            .by_owner("close")
            .after_peer_fin()
            .reset_sent("tcp_state"),
    ]
}

fn answered_after_half_close(stage: &Stage) -> Vec<Record> {
    let (mut client, mut server, ends) = stage.pair();
    client.write_all(b"?").expect("request");
    client.shutdown(Shutdown::Write).expect("half-close");
    server.read_exact(&mut [0]).expect("the request");
    end_of(&mut server);
    server.write_all(b"!!").expect("answer");
    drop(server);
    // The connection is over before anybody reads its last answer.
    wait::quiet(ends.server.local.port());
    client.read_exact(&mut [0; 2]).expect("the answer");
    end_of(&mut client);
    drop(client);
    vec![
        ends.client.record().carried(2, 3, 2).local_close("shutdown"),
        ends.server.record().carried(3, 2, 2).peer_close("close"),
    ]
}

fn data_after_shutdown(stage: &Stage) -> Vec<Record> {
    let (client, mut server, ends) = stage.pair();
    client.shutdown(Shutdown::Both).expect("shutdown");
    end_of(&mut server);
    wait::in_state(ends.server.local.port(), wait::FIN_WAIT2, 1);
    server.write_all(&[b'x'; 100]).expect("the kernel takes it");
    wait::in_state(ends.server.local.port(), wait::CLOSE_WAIT, 0);
    let error = server.write_all(b"x").expect_err("the reset");
    assert_eq!(error.kind(), ErrorKind::BrokenPipe);
    drop(client);
    vec![
        ends.client.record().local_close("shutdown").late_data("tcp_abort_on_data"),
        ends.server.record().reset_after_peer_fin(100),
    ]
}
