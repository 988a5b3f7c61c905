//! Row 17: whose an accepted connection is.

use std::io::{ErrorKind, Read as _, Write as _};

use super::{Row, row};
use crate::expect::Record;
use crate::stage::{Stage, abort, accept, accept_quietly, acknowledged_fin, dial, end_of};
use crate::support::wait;
use crate::uring::Ring;

pub(super) fn rows() -> Vec<Row> {
    vec![
        row("17", "an_accepted_connection_that_nobody_reads_and_the_peer_closes", peer_closes),
        row("17", "an_accepted_connection_that_nobody_reads_and_we_close", we_close),
        row("17", "an_accepted_connection_that_nobody_uses_and_the_peer_resets", peer_resets),
        row("17", "a_connection_accepted_by_io_uring", accepted_by_uring),
        row("17", "a_connection_accepted_by_another_process_than_the_listener", other_process)
            .actors(1),
    ]
}

fn peer_closes(stage: &Stage) -> Vec<Record> {
    let listener = stage.listen();
    let (client, facts) = dial(listener.local_addr().expect("bound"));
    let (server, served) = accept_quietly(&listener);
    drop(client);
    acknowledged_fin(&server.try_clone().expect("dup"));
    drop(server);
    vec![
        facts.record().carried(0, 0, 0).local_close("close"),
        served.record().carried(0, 0, 0).peer_close("close"),
    ]
}

fn we_close(stage: &Stage) -> Vec<Record> {
    let listener = stage.listen();
    let (mut client, facts) = dial(listener.local_addr().expect("bound"));
    let (server, served) = accept_quietly(&listener);
    drop(server);
    end_of(&mut client);
    drop(client);
    vec![
        facts.record().carried(0, 0, 0).peer_close("close"),
        served.record().carried(0, 0, 0).local_close("close"),
    ]
}

fn peer_resets(stage: &Stage) -> Vec<Record> {
    let listener = stage.listen();
    let (client, facts) = dial(listener.local_addr().expect("bound"));
    let (mut server, served) = accept_quietly(&listener);
    abort(client);
    wait::quiet(facts.peer.port());
    let error = server.read(&mut [0]).expect_err("the reset");
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    vec![
        facts
            .record()
            .carried(0, 0, 0)
            .ended("local_abort_linger0", "local")
            .by_owner("close")
            .reset_sent("tcp_state"),
        served.record().carried(0, 0, 0).reset_by_peer().never_used(),
    ]
}

fn accepted_by_uring(stage: &Stage) -> Vec<Record> {
    let listener = stage.listen();
    let mut ring = Ring::new();
    let (mut client, facts) = dial(listener.local_addr().expect("bound"));
    let server = ring.accept(&listener);
    let served = crate::facts::Facts::of(&server, "server");
    client.write_all(b"?").expect("request");
    ring.read(&server, &mut [0]);
    ring.write(&server, b"!");
    client.read_exact(&mut [0]).expect("answer");
    ring.close(server);
    end_of(&mut client);
    drop(client);
    vec![facts.record().peer_close("close"), served.record().local_close("close")]
}

fn other_process(stage: &Stage) -> Vec<Record> {
    let listener = stage.listen();
    let mut actor = stage.actor();
    actor.give(&listener);
    let (mut client, facts) = dial(listener.local_addr().expect("bound"));
    let served = actor.ask("accept 0");
    let served = actor.facts(&served, "server", facts.local);
    client.write_all(b"?").expect("request");
    actor.ask("read 1 1");
    actor.ask("write 1 1");
    client.read_exact(&mut [0]).expect("answer");
    drop(client);
    actor.ask("eof 1");
    actor.ask("close 1");
    // One that is closed unread is the actor's as well.
    let (second, unread) = dial(listener.local_addr().expect("bound"));
    let (server, own) = accept(&listener);
    drop(second);
    acknowledged_fin(&server);
    drop(server);
    vec![
        facts.record().local_close("close"),
        served.record().peer_close("close"),
        unread.record().opened("after_local_close").carried(0, 0, 0).local_close("close"),
        own.record().carried(0, 0, 0).peer_close("close"),
    ]
}
