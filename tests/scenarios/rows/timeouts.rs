//! Rows 14: the peer is gone without a word, and a timer of the kernel ends the connection.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};

use super::{Row, row};
use crate::expect::{Record, Want};
use crate::raw::Unreachable;
use crate::stage::{Ends, Stage, abort, connect, exchange};
use crate::support::wait;
use crate::sys;

pub(super) fn rows() -> Vec<Row> {
    vec![
        row("14a", "data_that_is_never_acknowledged", retransmit).slow(),
        row("14b", "data_that_is_not_acknowledged_within_tcp_user_timeout", user).slow(),
        row("14c", "keepalive_probes_that_nobody_answers", keepalive).slow(),
        row("14d", "a_close_that_nobody_acknowledges", close_unacked).slow(),
        row("14e", "a_window_that_never_opens_again", zero_window).slow(),
        row("14f", "icmp_unreachable_for_an_open_connection", net_error).slow(),
    ]
}

/// A connection in a network of its own, where little is retried, whose server is gone.
fn black_hole(stage: &Stage) -> (TcpStream, TcpStream, Ends) {
    stage.apart();
    sys::sysctl("ipv4/tcp_retries2", "2");
    sys::sysctl("ipv4/tcp_orphan_retries", "2");
    let (client, server, ends) = stage.pair();
    sys::deafen(&server);
    (client, server, ends)
}

/// Waits for the client's error, then ends the server, which never knew.
fn give_up(mut client: TcpStream, server: TcpStream, errno: i32) {
    let error = client.read(&mut [0]).expect_err("the timer");
    assert_eq!(error.raw_os_error(), Some(errno), "{error}");
    drop(client);
    abort(server);
}

/// The server that never knew.
fn forsaken(ends: &Ends) -> Record {
    ends.server
        .record()
        .ended("local_abort_linger0", "local")
        .by_owner("close")
        .reset_sent("tcp_state")
}

/// The client whose 10 bytes were lost.
fn unheard(ends: &Ends, cause: &str, errno: u32) -> Record {
    ends.client
        .record()
        .ended(cause, "kernel")
        .errno(errno)
        .unacked(10)
        .unanswered()
        .want("tracer.retransmits", Want::Count(1..=8))
        .want("tracer.duration_s", Want::Seconds(Duration::from_millis(300)))
}

fn retransmit(stage: &Stage) -> Vec<Record> {
    let (mut client, server, ends) = black_hole(stage);
    client.write_all(&[b'x'; 10]).expect("the kernel takes it");
    give_up(client, server, libc::ETIMEDOUT);
    vec![unheard(&ends, "retransmit_timeout", 110), forsaken(&ends)]
}

fn user(stage: &Stage) -> Vec<Record> {
    let (mut client, server, ends) = black_hole(stage);
    let limit = Duration::from_millis(500);
    SockRef::from(&client).set_tcp_user_timeout(Some(limit)).expect("TCP_USER_TIMEOUT");
    client.write_all(&[b'x'; 10]).expect("the kernel takes it");
    give_up(client, server, libc::ETIMEDOUT);
    vec![unheard(&ends, "user_timeout", 110), forsaken(&ends)]
}

fn keepalive(stage: &Stage) -> Vec<Record> {
    let (client, server, ends) = black_hole(stage);
    let second = Duration::from_secs(1);
    let probes = TcpKeepalive::new().with_time(second).with_interval(second).with_retries(1);
    SockRef::from(&client).set_tcp_keepalive(&probes).expect("SO_KEEPALIVE");
    give_up(client, server, libc::ETIMEDOUT);
    let at_least = Duration::from_millis(1_900);
    let client = ends
        .client
        .record()
        .ended("keepalive_timeout", "kernel")
        .errno(110)
        .reset_sent("tcp_keepalive_timeout")
        .want("tracer.duration_s", Want::Seconds(at_least))
        .want("tracer.idle_before_close_s", Want::Seconds(at_least));
    vec![client, forsaken(&ends)]
}

fn close_unacked(stage: &Stage) -> Vec<Record> {
    let (mut client, server, ends) = black_hole(stage);
    client.write_all(&[b'x'; 10]).expect("the kernel takes it");
    let port = ends.server.local.port();
    // It is in FIN_WAIT1 at once.
    drop(client);
    wait::in_state(port, sys::FIN_WAIT1, 0);
    abort(server);
    let client = ends
        .client
        .record()
        .ended("close_unacked_timeout", "kernel")
        .by_owner("close")
        .errno(110)
        .unacked(10)
        .unanswered()
        .want("tracer.retransmits", Want::Count(1..=8));
    vec![client, forsaken(&ends)]
}

fn zero_window(stage: &Stage) -> Vec<Record> {
    stage.apart();
    sys::sysctl("ipv4/tcp_retries2", "2");
    let listener = stage.listen();
    // One that the kernel does not let grow.
    SockRef::from(&listener).set_recv_buffer_size(4096).expect("SO_RCVBUF");
    let (mut client, mut server, ends) = connect(&listener);
    exchange(&mut client, &mut server);
    client.set_nonblocking(true).expect("O_NONBLOCK");
    let mut written = 0;
    // The kernel probes once the window is shut and everything that fitted in it is acknowledged.
    let acknowledged = wait::until("a shut window", || {
        loop {
            match client.write(&[b'x'; 4096]) {
                Ok(count) => written += count,
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::WouldBlock);
                    break;
                }
            }
        }
        let is_probing = sys::timer(&client) == sys::PROBING;
        is_probing.then(|| written - sys::unacknowledged(&client))
    });
    sys::deafen(&server);
    client.set_nonblocking(false).expect("O_NONBLOCK");
    let acknowledged = u64::try_from(acknowledged).expect("a count");
    give_up(client, server, libc::ETIMEDOUT);
    vec![
        ends.client
            .record()
            .carried(1 + acknowledged, 1, 1)
            .ended("zero_window_timeout", "kernel")
            .errno(110)
            .unanswered(),
        ends.server
            .record()
            .carried(1, 1 + acknowledged, 1)
            .ended("local_abort_unread", "local")
            .by_owner("close")
            .reset_sent("tcp_abort_on_close")
            .is("tracer.unread_bytes", acknowledged),
    ]
}

fn net_error(stage: &Stage) -> Vec<Record> {
    let (mut client, server, ends) = black_hole(stage);
    let answering = Unreachable::answer(ends.server.local.port());
    client.write_all(&[b'x'; 10]).expect("the kernel takes it");
    give_up(client, server, libc::EHOSTUNREACH);
    drop(answering);
    vec![unheard(&ends, "net_error", 113), forsaken(&ends)]
}
