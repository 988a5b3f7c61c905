//! Row 16: who lets go of a socket that several descriptors, threads or processes hold.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::os::fd::{FromRawFd as _, IntoRawFd as _, OwnedFd};
use std::os::unix::net::UnixStream;
use std::thread;

use super::{Row, row};
use crate::expect::{Record, Want};
use crate::stage::{Stage, dial, end_of, exchange};
use crate::support::wait;
use crate::{fds, sys};

pub(super) fn rows() -> Vec<Row> {
    vec![
        row("16a", "the_last_of_two_descriptors", duplicate),
        row("16b", "a_forked_child_that_closes_last", fork_child_last).actors(1),
        row("16b", "a_forking_parent_that_closes_last", fork_parent_last).actors(1),
        row("16c", "a_descriptor_passed_to_another_process", passed).actors(1),
        row("16d", "a_descriptor_lost_in_flight", lost_in_flight),
        row("16e", "a_descriptor_the_kernel_collects", collected),
        row("16f", "a_close_while_another_thread_reads", last_reference),
        row("16g", "another_descriptor_put_in_its_place", replaced),
        row("16g", "a_close_of_a_range", close_range),
        row("16g", "a_connection_of_io_uring", uring),
        row("16h", "a_thread_that_closes_what_another_dialled", threads),
    ]
}

fn duplicate(stage: &Stage) -> Vec<Record> {
    let (client, mut server, ends) = stage.pair();
    let mut second = client.try_clone().expect("dup");
    drop(client);
    exchange(&mut second, &mut server);
    drop(second);
    end_of(&mut server);
    drop(server);
    vec![
        ends.client.record().carried(2, 2, 2).local_close("close"),
        ends.server.record().carried(2, 2, 2).peer_close("close"),
    ]
}

fn fork_child_last(stage: &Stage) -> Vec<Record> {
    let (mut client, mut server, ends) = stage.pair_with_actor();
    // The parent closes its copy and waits; from now on the child listens to us.
    let child: u32 = client.ask("fork close").parse().expect("a pid");
    client.tell("write 0 1");
    server.read_exact(&mut [0]).expect("request");
    client.hear();
    client.ask("close 0");
    end_of(&mut server);
    drop(server);
    vec![
        ends.client
            .record()
            .carried(2, 1, 1)
            .ended("local_close", "local")
            .by("close", child)
            .unanswered(),
        ends.server.record().carried(1, 2, 1).peer_close("close"),
    ]
}

fn fork_parent_last(stage: &Stage) -> Vec<Record> {
    let (mut client, mut server, ends) = stage.pair_with_actor();
    client.ask("fork keep");
    client.ask("close 0");
    // The child ends, and the parent goes on.
    assert_eq!(client.ask("exit 0"), "child ended");
    exchange_with(&mut client, &mut server);
    client.ask("close 0");
    end_of(&mut server);
    drop(server);
    vec![
        ends.client.record().carried(2, 2, 2).local_close("close"),
        ends.server.record().carried(2, 2, 2).peer_close("close"),
    ]
}

fn exchange_with(client: &mut crate::actor::Actor, server: &mut TcpStream) {
    client.tell("write 0 1");
    server.read_exact(&mut [0]).expect("request");
    server.write_all(b"!").expect("answer");
    client.hear();
    client.ask("read 0 1");
}

fn passed(stage: &Stage) -> Vec<Record> {
    let (client, mut server, ends) = stage.pair();
    let mut actor = stage.actor();
    actor.give(&client);
    drop(client);
    exchange_with(&mut actor, &mut server);
    actor.ask("close 0");
    end_of(&mut server);
    drop(server);
    vec![
        ends.client
            .record()
            .carried(2, 2, 2)
            .ended("local_close", "local")
            .by("close", actor.pid()),
        ends.server.record().carried(2, 2, 2).peer_close("close"),
    ]
}

fn lost_in_flight(stage: &Stage) -> Vec<Record> {
    let (client, mut server, ends) = stage.pair();
    let (sender, receiver) = UnixStream::pair().expect("a pair");
    fds::send(&sender, &client);
    drop(client);
    drop(receiver);
    end_of(&mut server);
    drop(server);
    vec![ends.client.record().local_close("close"), ends.server.record().peer_close("close")]
}

fn collected(stage: &Stage) -> Vec<Record> {
    let (client, mut server, ends) = stage.pair();
    let (one, other) = UnixStream::pair().expect("a pair");
    // Each end lies in the queue of the other, and with one of them the connection.
    fds::send(&one, &one);
    fds::send(&other, &other);
    fds::send(&other, &client);
    drop(client);
    drop((one, other));
    // Any further unix socket that is closed makes old kernels look for such circles.
    wait::until("the kernel's collection", || {
        drop(UnixStream::pair().expect("a pair"));
        let state = wait::sockets(ends.server.local.port());
        state.iter().any(|socket| socket.state == wait::CLOSE_WAIT).then_some(())
    });
    end_of(&mut server);
    drop(server);
    let client = ends.client.record();
    let client = if sys::has_symbol("__unix_gc") || sys::has_symbol("unix_gc_work") {
        // A kernel worker collects.
        client
            .ended("local_close", "local")
            .is("tracer.close.how", "kernel")
            .want("tracer.close.pid", Want::Count(1..=u64::from(u32::MAX)))
    } else {
        client.local_close("close")
    };
    vec![client, ends.server.record().peer_close("close")]
}

fn last_reference(stage: &Stage) -> Vec<Record> {
    let (client, mut server, ends) = stage.pair();
    let number = client.into_raw_fd();
    let reader = sys::reading_thread(number);
    // SAFETY: nobody else owns it; the reader holds a reference of its own while it waits.
    drop(unsafe { OwnedFd::from_raw_fd(number) });
    server.write_all(b"!").expect("the connection is still there");
    assert_eq!(reader.join().expect("the reader"), 1);
    end_of(&mut server);
    drop(server);
    vec![
        ends.client.record().carried(1, 2, 1).local_close("lastref:recvfrom"),
        ends.server.record().carried(2, 1, 1).peer_close("close"),
    ]
}

fn replaced(stage: &Stage) -> Vec<Record> {
    let (client, mut server, ends) = stage.pair();
    let mut client = OwnedFd::from(client);
    let null = std::fs::File::open("/dev/null").expect("/dev/null");
    nix::unistd::dup2(&null, &mut client).expect("dup2");
    end_of(&mut server);
    drop(server);
    vec![ends.client.record().local_close("dup2"), ends.server.record().peer_close("close")]
}

fn close_range(stage: &Stage) -> Vec<Record> {
    let (client, mut server, ends) = stage.pair();
    sys::close_range_of(client);
    end_of(&mut server);
    drop(server);
    vec![ends.client.record().local_close("close"), ends.server.record().peer_close("close")]
}

fn uring(stage: &Stage) -> Vec<Record> {
    let listener = stage.listen();
    let address = listener.local_addr().expect("bound");
    let mut ring = crate::uring::Ring::new();
    let client = ring.dial(address);
    let facts = crate::facts::Facts::of(&client, "client");
    let (mut server, served) = crate::stage::accept(&listener);
    ring.write(&client, b"?");
    server.read_exact(&mut [0]).expect("request");
    server.write_all(b"!").expect("answer");
    ring.read(&client, &mut [0]);
    ring.close(client);
    end_of(&mut server);
    drop(server);
    vec![facts.record().local_close("close"), served.record().peer_close("close")]
}

fn threads(stage: &Stage) -> Vec<Record> {
    let listener = stage.listen();
    let address = listener.local_addr().expect("bound");
    let named = |name: &str| thread::Builder::new().name(name.to_owned());
    let dialled = named("dialler").spawn(move || dial(address)).expect("a thread").join();
    let (mut client, facts) = dialled.expect("the dialler");
    let (mut server, served) = crate::stage::accept(&listener);
    exchange(&mut client, &mut server);
    named("closer").spawn(move || drop(client)).expect("a thread").join().expect("the closer");
    end_of(&mut server);
    drop(server);
    vec![facts.record().local_close("close"), served.record().peer_close("close")]
}
