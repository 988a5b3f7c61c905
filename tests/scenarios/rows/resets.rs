//! Rows 9, 9b and 24: resets and FINs that come while the application looks elsewhere.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;

use super::{Row, row};
use crate::expect::Record;
use crate::stage::{Stage, abort, accept, acknowledged_fin, arrived, dial, end_of, port_of};
use crate::support::wait;

pub(super) fn rows() -> Vec<Row> {
    vec![
        row("9", "a_write_on_a_connection_the_server_closed", stale_at_once),
        row("9", "a_write_long_after_the_server_closed", stale_later),
        row("9b", "a_reset_while_idle_that_a_later_write_meets", reset_while_idle),
        row("24", "a_fin_before_the_accept", fin_before_accept),
        row("24", "a_reset_before_the_accept", reset_before_accept),
    ]
}

fn stale_at_once(stage: &Stage) -> Vec<Record> {
    // The server's FIN is there but its acknowledgement is delayed: its socket is FIN_WAIT1.
    stale_reuse(stage, |client| arrived(client, 0), "tcp_abort_on_data")
}

fn stale_later(stage: &Stage) -> Vec<Record> {
    // Its socket is gone and a timewait socket answers.
    stale_reuse(stage, acknowledged_fin, "tcp_timewait_socket")
}

fn stale_reuse(stage: &Stage, ready: impl FnOnce(&TcpStream), reason: &str) -> Vec<Record> {
    let (mut client, server, ends) = stage.pair();
    drop(server);
    ready(&client);
    client.write_all(&[b'x'; 100]).expect("the kernel takes the first write");
    let error = client.write_all(b"x").expect_err("the second one meets the reset");
    assert_eq!(error.kind(), ErrorKind::BrokenPipe);
    drop(client);
    vec![
        ends.client.record().reset_after_peer_fin(100).unanswered(),
        ends.server.record().local_close("close").late_data(reason),
    ]
}

fn reset_while_idle(stage: &Stage) -> Vec<Record> {
    let (mut client, server, ends) = stage.pair();
    abort(server);
    wait::quiet(ends.server.local.port());
    let error = client.write_all(b"x").expect_err("the reset is known");
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    drop(client);
    vec![
        ends.client.record().reset_by_peer(),
        ends.server
            .record()
            .ended("local_abort_linger0", "local")
            .by_owner("close")
            .reset_sent("tcp_state"),
    ]
}

fn fin_before_accept(stage: &Stage) -> Vec<Record> {
    let listener = stage.listen();
    let (mut client, facts) = dial(listener.local_addr().expect("bound"));
    client.write_all(b"?").expect("request");
    drop(client);
    wait::in_state(port_of(&listener), wait::CLOSE_WAIT, 1);
    let (mut server, served) = accept(&listener);
    server.read_exact(&mut [0]).expect("the request is there");
    end_of(&mut server);
    drop(server);
    vec![
        facts.record().carried(1, 0, 0).unanswered().local_close("close"),
        served.record().carried(0, 1, 0).peer_close("close"),
    ]
}

fn reset_before_accept(stage: &Stage) -> Vec<Record> {
    let listener = stage.listen();
    let (client, facts) = dial(listener.local_addr().expect("bound"));
    wait::queued(port_of(&listener), 1);
    abort(client);
    // The address of a socket that was reset is asked for by accept4 all the same.
    let (mut server, _) = listener.accept().expect("it is still handed out");
    let error = server.read(&mut [0]).expect_err("the reset");
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    drop(server);
    vec![
        facts
            .record()
            .carried(0, 0, 0)
            .ended("local_abort_linger0", "local")
            .by_owner("close")
            .reset_sent("tcp_state"),
        facts.other_end().of_nobody().record().carried(0, 0, 0).reset_by_peer(),
    ]
}
