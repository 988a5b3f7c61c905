//! How one established connection ends: the cause on both sides, row by row.

use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv6Addr, Shutdown, TcpStream};

use crate::support::peer;
use crate::support::report::{int, text};
use crate::support::scene::{LOOPBACK, ended, play, play_between};
use crate::support::wait;

/// Bytes that arrived, without reading them, once there are `count` (0: the peer's FIN).
fn arrived(stream: &TcpStream, count: usize) {
    let mut room = vec![0; count + 1];
    wait::until("data to arrive", || {
        (stream.peek(&mut room).expect("no reset") == count).then_some(())
    });
}

/// Waits until the kernel acknowledged the peer's FIN, which it delays by up to 40 ms. From then on
/// the peer's socket is gone and a timewait socket stands in for it.
fn acknowledged_fin(stream: &TcpStream) {
    let server = stream.peer_addr().expect("peer").port();
    wait::in_state(server, wait::CLOSE_WAIT, 1);
    wait::in_state(server, wait::FIN_WAIT2, 1);
}

#[test]
#[ignore = "needs root"]
fn a_client_that_closes_first_is_local_close_and_its_server_peer_close() {
    let records = play(|client, mut server| {
        drop(client);
        assert_eq!(server.read(&mut [0]).expect("FIN"), 0);
    });
    ended(&records.client, "local_close", "local", "absent");
    ended(&records.server, "peer_close", "peer", "absent");
    assert_eq!(text(&records.client, "tracer.close.how"), "close");
    for record in [&records.client, &records.server] {
        assert_eq!(int(record, "tracer.bytes_sent"), 1, "payload only: {record}");
        assert_eq!(int(record, "tracer.bytes_received"), 1, "payload only: {record}");
        assert_eq!(text(record, "network.type"), "ipv4");
        assert_eq!(text(record, "network.transport"), "tcp");
        assert_eq!(text(record, "server.address"), "127.0.0.1");
    }
    assert_eq!(records.client["tracer.close.after_peer_fin"], false);
}

#[test]
#[ignore = "needs root"]
fn a_server_that_closes_first_is_local_close_and_its_client_peer_close() {
    let records = play(|mut client, server| {
        drop(server);
        assert_eq!(client.read(&mut [0]).expect("FIN"), 0);
    });
    ended(&records.client, "peer_close", "peer", "absent");
    ended(&records.server, "local_close", "local", "absent");
}

#[test]
#[ignore = "needs root"]
fn closing_over_ipv6_has_the_same_causes() {
    let loopback = IpAddr::V6(Ipv6Addr::LOCALHOST);
    let records = play_between(loopback, loopback, |client, mut server| {
        drop(client);
        assert_eq!(server.read(&mut [0]).expect("FIN"), 0);
    });
    ended(&records.client, "local_close", "local", "absent");
    ended(&records.server, "peer_close", "peer", "absent");
    for record in [&records.client, &records.server] {
        assert_eq!(text(record, "network.type"), "ipv6");
        for key in ["network.local.address", "network.peer.address", "server.address"] {
            assert_eq!(text(record, key), "::1", "{key}");
        }
    }
}

#[test]
#[ignore = "needs root"]
fn a_v4_mapped_dial_is_shown_as_ipv4() {
    let mapped = IpAddr::V6(std::net::Ipv4Addr::LOCALHOST.to_ipv6_mapped());
    let records = play_between(LOOPBACK, mapped, |client, mut server| {
        drop(client);
        assert_eq!(server.read(&mut [0]).expect("FIN"), 0);
    });
    ended(&records.client, "local_close", "local", "absent");
    assert_eq!(text(&records.client, "network.type"), "ipv4");
    for key in ["network.local.address", "network.peer.address", "server.address"] {
        assert_eq!(text(&records.client, key), "127.0.0.1", "{key}");
    }
}

#[test]
#[ignore = "needs root"]
fn a_linger_0_close_is_a_local_abort_and_reset_by_peer_at_the_other_end() {
    let records = play(|mut client, server| {
        peer::reset(server);
        let error = client.read(&mut [0]).expect_err("the reset");
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    });
    ended(&records.client, "reset_by_peer", "peer", "received");
    assert_eq!(int(&records.client, "tracer.close.errno"), 104);
    ended(&records.server, "local_abort_linger0", "local", "sent");
    assert_eq!(int(&records.server, "tracer.bytes_sent"), 1, "taken before the kernel zeroes it");
}

#[test]
#[ignore = "needs root"]
fn a_write_on_a_connection_the_server_closed_is_stale_reuse() {
    stale_reuse(|client| arrived(client, 0));
}

#[test]
#[ignore = "needs root"]
fn a_write_long_after_the_server_closed_is_stale_reuse_too() {
    stale_reuse(acknowledged_fin);
}

fn stale_reuse(ready: impl FnOnce(&TcpStream)) {
    let records = play(|mut client, server| {
        drop(server);
        ready(&client);
        client.write_all(&[b'x'; 100]).expect("the kernel takes the first write");
        let error = client.write_all(b"x").expect_err("the second one meets the reset");
        assert_eq!(error.kind(), ErrorKind::BrokenPipe);
    });
    ended(&records.client, "reset_after_peer_fin", "peer", "received");
    assert_eq!(int(&records.client, "tracer.close.errno"), 32);
    assert_eq!(records.client["tracer.close.after_peer_fin"], true);
    assert_eq!(text(&records.server, "tracer.close.cause"), "local_close");
    assert_eq!(records.server["tracer.close.late_peer_data"], true);
}

#[test]
#[ignore = "needs root"]
fn a_half_close_answered_by_the_peers_close_is_local_close_by_shutdown() {
    let records = play(|mut client, mut server| {
        client.shutdown(Shutdown::Write).expect("half-close");
        assert_eq!(server.read(&mut [0]).expect("FIN"), 0);
        drop(server);
        assert_eq!(client.read(&mut [0]).expect("FIN"), 0);
    });
    ended(&records.client, "local_close", "local", "absent");
    assert_eq!(text(&records.client, "tracer.close.how"), "shutdown");
    ended(&records.server, "peer_close", "peer", "absent");
}

#[test]
#[ignore = "needs root"]
fn a_close_with_unread_bytes_tells_how_many() {
    let records = play(|client, mut server| {
        server.write_all(&[b'x'; 1000]).expect("more than asked for");
        arrived(&client, 1000);
        drop(client);
        let error = server.read(&mut [0]).expect_err("the reset");
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    });
    ended(&records.client, "local_abort_unread", "local", "sent");
    assert_eq!(text(&records.client, "tracer.close.how"), "close");
    assert_eq!(int(&records.client, "tracer.unread_bytes"), 1000);
    assert_eq!(int(&records.client, "tracer.bytes_received"), 1001);
    ended(&records.server, "reset_by_peer", "peer", "received");
}

#[test]
#[ignore = "needs root"]
fn a_close_with_unread_bytes_after_the_peers_fin_says_so() {
    let records = play(|client, mut server| {
        server.write_all(&[b'x'; 10]).expect("more than asked for");
        drop(server);
        acknowledged_fin(&client);
        drop(client);
    });
    assert_eq!(text(&records.client, "tracer.close.cause"), "local_abort_unread");
    assert_eq!(int(&records.client, "tracer.unread_bytes"), 10, "the FIN is no byte");
    assert_eq!(records.client["tracer.close.after_peer_fin"], true);
    ended(&records.server, "local_close", "local", "absent");
}
