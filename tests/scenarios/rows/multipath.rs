//! Row 22: MPTCP, where the application holds one socket and the connection runs on another.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};

use socket2::{Domain, Protocol, Socket, Type};

use super::{Row, row};
use crate::expect::{Record, Want};
use crate::facts::Facts;
use crate::stage::{LOOPBACK, Stage, accept, end_of};

pub(super) fn rows() -> Vec<Row> {
    vec![
        row("22", "an_mptcp_client_that_closes_first", client_first),
        row("22", "an_mptcp_server_that_closes_first", server_first),
    ]
}

fn socket() -> Socket {
    Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::MPTCP)).expect("IPPROTO_MPTCP")
}

fn pair(stage: &Stage) -> (TcpStream, TcpStream, Facts, Facts) {
    let to = SocketAddr::new(LOOPBACK, stage.port());
    let listener = socket();
    listener.bind(&to.into()).expect("the port is free");
    listener.listen(8).expect("listen");
    let listener = TcpListener::from(listener);
    let client = socket();
    client.connect(&to.into()).expect("the dial succeeds");
    let mut client = TcpStream::from(client);
    let (mut server, served) = accept(&listener);
    let facts = Facts::of(&client, "client");
    client.write_all(b"?").expect("request");
    server.read_exact(&mut [0]).expect("request arrives");
    server.write_all(b"!").expect("answer");
    client.read_exact(&mut [0]).expect("answer arrives");
    (client, server, facts, served)
}

/// One exchange at most, and the cookie of a socket that no process can ask.
fn bound(facts: &Facts) -> Record {
    let record = facts.record().is("tracer.exchanges_basis", "bound");
    match facts.cookie {
        Some(_) => record.want("tracer.socket_cookie", Want::Count(1..=u64::MAX)),
        None => record,
    }
}

fn client_first(stage: &Stage) -> Vec<Record> {
    let (client, mut server, facts, served) = pair(stage);
    drop(client);
    end_of(&mut server);
    drop(server);
    vec![bound(&facts).local_close("close"), bound(&served).peer_close("close")]
}

fn server_first(stage: &Stage) -> Vec<Record> {
    let (mut client, server, facts, served) = pair(stage);
    drop(server);
    end_of(&mut client);
    drop(client);
    vec![bound(&facts).peer_close("close"), bound(&served).local_close("close")]
}
