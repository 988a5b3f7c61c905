//! Rows 10, 11, 12 and 19: dials that do not become connections.

use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use socket2::{Domain, Socket, Type};

use super::{Row, row};
use crate::expect::{Record, Want};
use crate::facts::Facts;
use crate::raw::Unreachable;
use crate::stage::{LOOPBACK, Stage, connect_error, dial};
use crate::support::wait;
use crate::sys;

pub(super) fn rows() -> Vec<Row> {
    vec![
        row("10", "a_dial_that_is_refused", refused),
        row("10", "a_dial_that_is_refused_over_ipv6", refused_ipv6),
        row("11", "a_dial_that_nobody_answers", dropped).slow(),
        row("11", "a_dial_to_a_full_accept_queue", queue_full).slow(),
        row("11", "a_dial_that_nobody_answers_from_the_port_of_one_given_up", after_another).slow(),
        row("11c", "a_dial_answered_with_icmp_unreachable", unreachable).slow(),
        row("11c", "a_dial_without_a_route", no_route),
        row("12", "a_dial_closed_before_its_answer", cancelled),
        row("12", "a_dial_from_the_port_of_one_that_was_refused", from_the_same_port),
        row("12", "a_dial_that_reaches_its_time_limit", time_limit),
        row("12", "a_dial_whose_process_is_killed", killed).actors(1),
        row("12", "a_dial_that_is_shut_down", shut_down),
        row("19", "a_dial_without_a_free_port", no_port),
    ]
}

fn socket(to: SocketAddr) -> Socket {
    Socket::new(Domain::for_address(to), Type::STREAM, None).expect("a socket")
}

fn refused(stage: &Stage) -> Vec<Record> {
    refused_at(stage, LOOPBACK)
}

fn refused_ipv6(stage: &Stage) -> Vec<Record> {
    refused_at(stage, IpAddr::V6(Ipv6Addr::LOCALHOST))
}

fn refused_at(stage: &Stage, address: IpAddr) -> Vec<Record> {
    let to = SocketAddr::new(address, stage.port());
    let socket = socket(to);
    let facts = Facts::of_dial(&socket, to);
    assert_eq!(connect_error(&socket, to).kind(), ErrorKind::ConnectionRefused);
    vec![facts.failed_dial().ended("connect_refused", "peer").reset_received().errno(111)]
}

/// A listener that drops whatever is sent to it.
fn silent(stage: &Stage) -> (TcpListener, SocketAddr) {
    let listener = stage.listen();
    sys::deafen(&listener);
    let address = listener.local_addr().expect("bound");
    (listener, address)
}

/// Dials until the kernel gives up, after one retransmission or so.
fn timed_out(to: SocketAddr) -> Record {
    timed_out_by(&socket(to), to)
}

fn timed_out_by(socket: &Socket, to: SocketAddr) -> Record {
    sys::set_option(socket, libc::IPPROTO_TCP, libc::TCP_SYNCNT, 1);
    let facts = Facts::of_dial(socket, to);
    assert_eq!(connect_error(socket, to).kind(), ErrorKind::TimedOut);
    facts
        .failed_dial()
        .ended("connect_timeout", "kernel")
        .errno(110)
        // How many TCP_SYNCNT 1 allows differs between kernels.
        .want("tracer.retransmits", Want::Count(1..=8))
        .want("tracer.duration_s", Want::Seconds(Duration::from_millis(900)))
}

fn dropped(stage: &Stage) -> Vec<Record> {
    let (_listener, to) = silent(stage);
    vec![timed_out(to)]
}

/// Both ends are those of a dial that ended before without an error: this one's is its own.
fn after_another(stage: &Stage) -> Vec<Record> {
    let (_listener, to) = silent(stage);
    let from = SocketAddr::new(LOOPBACK, stage.port());
    let first = bound(from, to);
    let given_up = begun(&first, to);
    drop(first);
    vec![
        given_up.failed_dial().ended("dial_cancelled", "local").by_owner("close"),
        timed_out_by(&bound(from, to), to).opened_one_of(&["retry_failed_dial"]),
    ]
}

fn queue_full(stage: &Stage) -> Vec<Record> {
    let to = SocketAddr::new(LOOPBACK, stage.port());
    let listener = socket(to);
    listener.bind(&to.into()).expect("the port is free");
    // A backlog of 0 holds one connection: the kernel's test is "more than".
    listener.listen(0).expect("listen");
    let (filler, facts) = dial(to);
    wait::queued(to.port(), 1);
    let record = timed_out(to).opened_one_of(&["parallel", "idle_available"]);
    drop(filler);
    wait::in_state(to.port(), wait::CLOSE_WAIT, 1);
    wait::in_state(to.port(), wait::FIN_WAIT2, 1);
    // An acknowledgement that comes while somebody (a walk over all sockets) holds the closed one leaves
    // it there for a minute: then the listener's end resets it.
    let is_gone = wait::sockets(to.port()).iter().any(|socket| socket.is_timewait);
    drop(listener);
    let filler = facts.record().carried(0, 0, 0);
    vec![
        record,
        if is_gone {
            filler.local_close("close")
        } else {
            filler
                .ended("local_close_then_reset", "local")
                .by_owner("close")
                .reset_received()
                .errno(104)
        },
        facts
            .other_end()
            .record()
            .carried(0, 0, 0)
            .ended("never_accepted", "local")
            .after_peer_fin()
            .reset_sent("tcp_state"),
    ]
}

fn unreachable(stage: &Stage) -> Vec<Record> {
    stage.apart();
    let (_listener, to) = silent(stage);
    let answering = Unreachable::answer(to.port());
    let socket = socket(to);
    let facts = Facts::of_dial(&socket, to);
    let error = connect_error(&socket, to);
    assert_eq!(error.raw_os_error(), Some(libc::EHOSTUNREACH));
    drop(answering);
    vec![facts.failed_dial().ended("connect_unreachable", "kernel").errno(113)]
}

fn no_route(stage: &Stage) -> Vec<Record> {
    stage.apart();
    let to = SocketAddr::from((Ipv4Addr::new(203, 0, 113, 1), stage.port()));
    let socket = socket(to);
    let facts = Facts::of_dial(&socket, to);
    assert_eq!(connect_error(&socket, to).kind(), ErrorKind::NetworkUnreachable);
    vec![
        facts
            .failed_dial()
            .without("network.local.address")
            .without("network.local.port")
            .ended("connect_no_route", "local")
            .errno(101),
    ]
}

/// A dial that waits for its answer.
fn waiting(to: SocketAddr) -> (TcpStream, Facts) {
    let socket = socket(to);
    let facts = begun(&socket, to);
    (socket.into(), facts)
}

/// A socket that dials from a port of choice, which another has just had.
fn bound(from: SocketAddr, to: SocketAddr) -> Socket {
    let socket = socket(to);
    socket.set_reuse_address(true).and_then(|()| socket.bind(&from.into())).expect("the port");
    socket
}

/// Begins a dial that waits for its answer.
fn begun(socket: &Socket, to: SocketAddr) -> Facts {
    socket.set_nonblocking(true).expect("O_NONBLOCK");
    let error = connect_error(socket, to);
    assert_eq!(error.raw_os_error(), Some(libc::EINPROGRESS));
    Facts::of_dial(socket, to)
}

fn cancelled(stage: &Stage) -> Vec<Record> {
    let (_listener, to) = silent(stage);
    let (client, facts) = waiting(to);
    drop(client);
    vec![facts.failed_dial().ended("dial_cancelled", "local").by_owner("close")]
}

/// Both ends are those of a dial that was refused right before: its error is not this one's.
fn from_the_same_port(stage: &Stage) -> Vec<Record> {
    let [from, to] = [(); 2].map(|()| SocketAddr::new(LOOPBACK, stage.port()));
    let first = bound(from, to);
    let refused = Facts::of_dial(&first, to);
    assert_eq!(connect_error(&first, to).kind(), ErrorKind::ConnectionRefused);
    drop(first);
    let listener = TcpListener::bind(to).expect("the port is free");
    sys::deafen(&listener);
    let again = bound(from, to);
    let facts = begun(&again, to);
    drop(again);
    vec![
        refused.failed_dial().ended("connect_refused", "peer").reset_received().errno(111),
        facts
            .failed_dial()
            .opened("retry_failed_dial")
            .ended("dial_cancelled", "local")
            .by_owner("close"),
    ]
}

fn time_limit(stage: &Stage) -> Vec<Record> {
    let (_listener, to) = silent(stage);
    let socket = socket(to);
    socket.set_write_timeout(Some(Duration::from_millis(100))).expect("SO_SNDTIMEO");
    let error = connect_error(&socket, to);
    assert_eq!(error.raw_os_error(), Some(libc::EINPROGRESS));
    let facts = Facts::of_dial(&socket, to);
    drop(socket);
    vec![
        facts
            .failed_dial()
            .ended("dial_cancelled", "local")
            .by_owner("close")
            .want("tracer.duration_s", Want::Seconds(Duration::from_millis(90))),
    ]
}

fn killed(stage: &Stage) -> Vec<Record> {
    let (_listener, to) = silent(stage);
    let mut client = stage.actor();
    let answer = client.ask(&format!("begin {to}"));
    let facts = client.facts(&answer, "client", to);
    client.kill();
    wait::in_state(to.port(), wait::SYN_SENT, 0);
    vec![facts.ends().failed_dial().ended("dial_cancelled", "local").by_owner("exit:SIGKILL")]
}

fn shut_down(stage: &Stage) -> Vec<Record> {
    let (_listener, to) = silent(stage);
    let (client, facts) = waiting(to);
    client.shutdown(Shutdown::Both).expect("shutdown");
    drop(client);
    vec![facts.failed_dial().ended("dial_cancelled", "local").by_owner("shutdown")]
}

fn no_port(stage: &Stage) -> Vec<Record> {
    stage.apart();
    let listener = stage.listen();
    let to = listener.local_addr().expect("bound");
    let only = stage.listen().local_addr().expect("bound").port();
    sys::sysctl("ipv4/ip_local_port_range", &format!("{only} {only}"));
    let _taken = TcpListener::bind((LOOPBACK, only)).expect("free");
    let socket = socket(to);
    let facts = Facts::of_dial(&socket, to);
    assert_eq!(connect_error(&socket, to).kind(), ErrorKind::AddrNotAvailable);
    vec![
        facts
            .failed_dial()
            .without("network.local.port")
            .ended("connect_no_port", "local")
            .errno(99),
    ]
}
