//! Processes in namespaces of their own, and processes that are gone when their record comes.

use super::{Row, row};
use crate::expect::Record;
use crate::stage::{Stage, abort, accept, end_of};
use crate::support::wait;
use crate::sys;

pub(super) fn rows() -> Vec<Row> {
    vec![
        row("place", "a_connection_in_another_network_namespace", network),
        row("place", "a_process_in_another_pid_namespace", pids).actors(1),
        row("place", "a_process_that_is_gone_when_its_connection_ends", gone).slow().actors(1),
    ]
}

fn network(stage: &Stage) -> Vec<Record> {
    let outside = sys::netns();
    stage.apart();
    let (client, mut server, ends) = stage.pair();
    assert_ne!(ends.client.netns, outside);
    drop(client);
    end_of(&mut server);
    drop(server);
    vec![ends.client.record().local_close("close"), ends.server.record().peer_close("close")]
}

fn pids(stage: &Stage) -> Vec<Record> {
    let listener = stage.listen();
    let mut actor = stage.actor();
    actor.ask("unshare pids");
    // The first process of the new namespace is 1 there, and goes on in the actor's place.
    let child: u32 = actor.ask("fork keep").parse().expect("a pid");
    let mut facts = actor.dial(listener.local_addr().expect("bound"));
    facts.process = crate::facts::Process::of(child);
    let (mut server, served) = accept(&listener);
    actor.ask("close 0");
    end_of(&mut server);
    drop(server);
    vec![
        facts.record().carried(0, 0, 0).is("process.vpid", 1).local_close("close"),
        served.record().carried(0, 0, 0).peer_close("close"),
    ]
}

fn gone(stage: &Stage) -> Vec<Record> {
    let (mut client, server, ends) = stage.pair_with_actor();
    let port = ends.server.local.port();
    sys::deafen(&server);
    client.kill();
    // Its FIN is sent again and again; nobody holds the socket any more.
    wait::in_state(port, wait::FIN_WAIT1, 1);
    abort(server);
    wait::in_state(port, wait::FIN_WAIT1, 0);
    vec![
        ends.client
            .ends()
            .record()
            .ended("local_close_then_reset", "local")
            .by_owner("exit:SIGKILL")
            .reset_received()
            .errno(104),
        ends.server
            .record()
            .ended("local_abort_linger0", "local")
            .by_owner("close")
            .reset_sent("tcp_state"),
    ]
}
