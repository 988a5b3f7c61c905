//! Rows 4, 21 and the causes of passive handshakes: FINs and SYNs that cross, and data in the SYN.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};

use socket2::{Domain, Socket, Type};

use super::{Row, row};
use crate::expect::{Record, Want};
use crate::facts::Facts;
use crate::raw::Sniffer;
use crate::stage::{Ends, LOOPBACK, Stage, accept, connect_error, end_of, exchange, port_of};
use crate::support::wait;
use crate::sys;

pub(super) fn rows() -> Vec<Row> {
    vec![
        row("4", "both_ends_that_close_at_once", simultaneous_close).slow(),
        row("21", "data_in_the_syn", data_in_syn),
        row("21", "data_in_the_syn_of_a_plain_dial", fastopen_connect),
        row("21", "a_handshake_with_data_that_is_never_completed", never_completed).slow(),
        row("21", "a_handshake_with_data_that_is_reset", reset).slow(),
        row("S", "both_ends_that_dial_each_other", simultaneous_open).slow(),
    ]
}

fn simultaneous_close(stage: &Stage) -> Vec<Record> {
    stage.apart();
    let (client, server, ends) = stage.pair();
    let (dialled, accepted) = (ends.client.local.port(), ends.server.local.port());
    let sniffer = Sniffer::start();
    // Neither FIN arrives, so both ends have sent theirs before they see the other's.
    sys::deafen(&client);
    sys::deafen(&server);
    client.shutdown(Shutdown::Both).expect("shutdown");
    server.shutdown(Shutdown::Both).expect("shutdown");
    let client_fin = sniffer.fin_from(dialled);
    let server_fin = sniffer.fin_from(accepted);
    // Each hears the other's FIN as it was first sent, but not the answer to its own.
    sys::hear_only(&client, server_fin.acknowledges());
    sys::hear_only(&server, client_fin.acknowledges());
    Sniffer::send_again(&server_fin);
    Sniffer::send_again(&client_fin);
    wait::in_state(accepted, sys::CLOSING, 2);
    // Their next retransmissions end it.
    sys::undeafen(&client);
    sys::undeafen(&server);
    wait::quiet(accepted);
    drop((client, server));
    let crossed =
        |facts: &Facts| facts.record().ended("simultaneous_close", "local").by_owner("shutdown");
    vec![crossed(&ends.client), crossed(&ends.server)]
}

/// A listener in a network of its own that takes data in SYNs without cookies.
fn fast_listener(stage: &Stage) -> (TcpListener, SocketAddr) {
    stage.apart();
    // Client, server, client without a cookie, server without a cookie.
    sys::sysctl("ipv4/tcp_fastopen", "519");
    let listener = stage.listen();
    sys::set_option(&listener, libc::IPPROTO_TCP, libc::TCP_FASTOPEN, 5);
    let address = listener.local_addr().expect("bound");
    (listener, address)
}

fn fresh() -> Socket {
    Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket")
}

/// One exchange whose request was sent by `dial`, then the client closes.
fn fast(stage: &Stage, dial: impl FnOnce(&Socket, SocketAddr)) -> Vec<Record> {
    let (listener, to) = fast_listener(stage);
    let socket = fresh();
    dial(&socket, to);
    let (mut server, accepted) = accept(&listener);
    server.read_exact(&mut [0]).expect("the request");
    server.write_all(b"!").expect("answer");
    let mut client = TcpStream::from(socket);
    client.read_exact(&mut [0]).expect("answer");
    let facts = Facts::of(&client, "client");
    assert!(sys::had_data_in_syn(&client), "Fast Open was not used");
    drop(client);
    end_of(&mut server);
    drop(server);
    vec![facts.record().local_close("close"), accepted.record().peer_close("close")]
}

fn data_in_syn(stage: &Stage) -> Vec<Record> {
    fast(stage, |socket, to| {
        let sent = socket.send_to_with_flags(b"?", &to.into(), libc::MSG_FASTOPEN);
        assert_eq!(sent.expect("MSG_FASTOPEN"), 1);
    })
}

fn fastopen_connect(stage: &Stage) -> Vec<Record> {
    fast(stage, |socket, to| {
        sys::set_option(socket, libc::IPPROTO_TCP, libc::TCP_FASTOPEN_CONNECT, 1);
        socket.connect(&to.into()).expect("it only says so");
        assert_eq!(socket.send(b"?").expect("the SYN goes now"), 1);
    })
}

/// A dial with data in the SYN whose answers are lost.
fn half_open(stage: &Stage) -> (TcpListener, Socket, Facts) {
    let (listener, to) = fast_listener(stage);
    sys::sysctl("ipv4/tcp_synack_retries", "1");
    let socket = fresh();
    sys::deafen(&socket);
    socket.set_nonblocking(true).expect("O_NONBLOCK");
    let _in_progress = socket.send_to_with_flags(b"?", &to.into(), libc::MSG_FASTOPEN);
    let facts = Facts::of_dial(&socket, to);
    wait::in_state(to.port(), sys::SYN_RECV, 1);
    (listener, socket, facts)
}

/// The accepting end of a handshake that was not completed: the kernel may measure no round trip.
fn half_opened(facts: &Facts) -> Record {
    facts
        .other_end()
        .record()
        .carried(0, 1, 0)
        .without("tracer.unacked_bytes")
        .without("tracer.srtt_s")
        .may_lack("tracer.idle_before_close_s")
}

/// The dialling end of it, closed before its answer came.
fn given_up(facts: &Facts) -> Record {
    facts
        .failed_dial()
        .ended("dial_cancelled", "local")
        .by_owner("close")
        .unanswered()
        .want("tracer.retransmits", Want::Count(0..=8))
}

fn never_completed(stage: &Stage) -> Vec<Record> {
    let (listener, socket, facts) = half_open(stage);
    wait::in_state(port_of(&listener), sys::SYN_RECV, 0);
    drop(socket);
    vec![
        given_up(&facts),
        half_opened(&facts)
            .ended("handshake_failed", "kernel")
            .errno(110)
            .want("tracer.retransmits", Want::Count(0..=8)),
    ]
}

fn reset(stage: &Stage) -> Vec<Record> {
    let (listener, socket, facts) = half_open(stage);
    // Nobody knows the connection any more when its next SYN-ACK comes.
    drop(socket);
    wait::in_state(port_of(&listener), sys::SYN_RECV, 0);
    vec![
        given_up(&facts),
        half_opened(&facts)
            .ended("handshake_reset", "peer")
            .reset_received()
            .errno(104)
            .want("tracer.retransmits", Want::Count(0..=8)),
    ]
}

fn simultaneous_open(stage: &Stage) -> Vec<Record> {
    stage.apart();
    let [one, other] = [stage.port(), stage.port()].map(|port| {
        let socket = fresh();
        let address = SocketAddr::new(LOOPBACK, port);
        socket.bind(&address.into()).expect("the port is free");
        (socket, address)
    });
    // Nobody listens there, but the refusal is not heard.
    sys::hear_no_reset(&one.0);
    one.0.set_nonblocking(true).expect("O_NONBLOCK");
    let error = connect_error(&one.0, other.1);
    assert_eq!(error.raw_os_error(), Some(libc::EINPROGRESS));
    sys::connect(&other.0, one.1);
    one.0.set_nonblocking(false).expect("O_NONBLOCK");
    let (mut one, mut other) = (TcpStream::from(one.0), TcpStream::from(other.0));
    let ends = Ends::of(&one, &other);
    let other_facts = Facts { role: "client", ..ends.server };
    exchange(&mut one, &mut other);
    drop(one);
    end_of(&mut other);
    drop(other);
    // The one that is written to first is asked: it answers nothing that it asked itself.
    vec![
        ends.client.record().local_close("close"),
        other_facts.record().is("tracer.exchanges", 0).unanswered().peer_close("close"),
    ]
}
