//! Connections that were there before the tracer.

use std::io::{Read as _, Write as _};

use super::{Row, row};
use crate::expect::Record;
use crate::stage::{Stage, connect, end_of, exchange};

pub(super) fn rows() -> Vec<Row> {
    vec![
        row("before", "a_connection_of_our_own", own).existing(),
        row("before", "a_connection_that_another_process_holds", held).existing().actors(1),
        row("before", "a_pool_that_is_used_again", pool).existing(),
        row("before", "a_connection_that_is_reset_before_anybody_uses_it", reset).existing(),
    ]
}

fn own(stage: &Stage) -> Vec<Record> {
    let listener = stage.listen();
    let (mut client, mut server, ends) = connect(&listener);
    exchange(&mut client, &mut server);
    stage.attach();
    exchange(&mut client, &mut server);
    drop(client);
    end_of(&mut server);
    drop(server);
    vec![
        ends.client.known_since_the_start().local_close("close"),
        ends.server.known_since_the_start().peer_close("close"),
    ]
}

fn held(stage: &Stage) -> Vec<Record> {
    let listener = stage.listen();
    let mut actor = stage.actor();
    let facts = actor.dial(listener.local_addr().expect("bound"));
    let (mut server, served) = crate::stage::accept(&listener);
    stage.attach();
    actor.tell("write 0 1");
    server.read_exact(&mut [0]).expect("request");
    server.write_all(b"!").expect("answer");
    actor.hear();
    actor.ask("read 0 1");
    actor.ask("close 0");
    end_of(&mut server);
    drop(server);
    vec![
        facts.known_since_the_start().local_close("close"),
        served.known_since_the_start().peer_close("close"),
    ]
}

fn pool(stage: &Stage) -> Vec<Record> {
    let listener = stage.listen();
    let mut pool: Vec<_> = (0..3).map(|_| connect(&listener)).collect();
    for (client, server, _) in &mut pool {
        exchange(client, server);
    }
    stage.attach();
    for (client, server, _) in &mut pool {
        exchange(client, server);
    }
    let mut records = Vec::new();
    for (client, mut server, ends) in pool {
        drop(client);
        end_of(&mut server);
        drop(server);
        records.push(ends.client.known_since_the_start().local_close("close"));
        records.push(ends.server.known_since_the_start().peer_close("close"));
    }
    // A dial after that is no first one, and none that a living connection could have spared.
    let (client, mut server, ends) = connect(&listener);
    drop(client);
    end_of(&mut server);
    drop(server);
    records.push(
        ends.client.record().carried(0, 0, 0).opened("after_local_close").local_close("close"),
    );
    records.push(ends.server.record().carried(0, 0, 0).peer_close("close"));
    records
}

fn reset(stage: &Stage) -> Vec<Record> {
    let listener = stage.listen();
    let (mut client, mut server, ends) = connect(&listener);
    exchange(&mut client, &mut server);
    stage.attach();
    crate::stage::abort(server);
    client.read(&mut [0]).expect_err("the reset");
    drop(client);
    vec![
        ends.client.known_since_the_start().is("tracer.exchanges", 0).reset_by_peer(),
        ends.server
            .known_since_the_start()
            .is("tracer.exchanges", 0)
            .ended("local_abort_linger0", "local")
            .by_owner("close")
            .reset_sent("tcp_state"),
    ]
}
