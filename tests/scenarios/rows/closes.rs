//! Rows 1 and 2: one side closes, the other follows.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, TcpStream};

use super::{Row, row};
use crate::expect::Record;
use crate::stage::{Ends, LOOPBACK, Stage, end_of};

pub(super) fn rows() -> Vec<Row> {
    vec![
        row("1", "a_client_that_closes_first", client_first),
        row("1", "a_client_that_closes_first_over_ipv6", client_first_ipv6),
        row("1", "a_client_that_closes_first_over_v4_mapped_addresses", client_first_mapped),
        row("2", "a_server_that_closes_first", server_first),
    ]
}

fn client_first(stage: &Stage) -> Vec<Record> {
    close_client_first(stage.pair())
}

fn client_first_ipv6(stage: &Stage) -> Vec<Record> {
    let loopback = IpAddr::V6(Ipv6Addr::LOCALHOST);
    close_client_first(stage.pair_between(loopback, loopback))
}

fn client_first_mapped(stage: &Stage) -> Vec<Record> {
    let mapped = IpAddr::V6(Ipv4Addr::LOCALHOST.to_ipv6_mapped());
    close_client_first(stage.pair_between(LOOPBACK, mapped))
}

fn close_client_first((client, mut server, ends): (TcpStream, TcpStream, Ends)) -> Vec<Record> {
    drop(client);
    end_of(&mut server);
    vec![ends.client.record().local_close("close"), ends.server.record().peer_close("close")]
}

fn server_first(stage: &Stage) -> Vec<Record> {
    let (mut client, server, ends) = stage.pair();
    drop(server);
    end_of(&mut client);
    vec![ends.client.record().peer_close("close"), ends.server.record().local_close("close")]
}
