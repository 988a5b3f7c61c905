//! Row 13: processes that end, or become another program, with a connection open.

use std::os::unix::process::ExitStatusExt as _;

use std::io::{ErrorKind, Read as _, Write as _};

use super::{Row, row};
use crate::expect::Record;
use crate::stage::{Stage, end_of};

pub(super) fn rows() -> Vec<Row> {
    vec![
        row("13", "a_process_killed_with_sigkill", sigkill).actors(1),
        row("13", "a_process_ended_by_sigterm", sigterm).actors(1),
        row("13", "a_process_that_crashes_with_sigsegv", sigsegv).actors(1),
        row("13", "a_process_that_exits_with_a_code", exit_code).actors(1),
        row("13", "a_process_that_exits_without_a_clean_up", quick_exit).actors(1),
        row("13", "a_process_that_exits_with_unread_data", exit_with_unread_data).actors(1),
        row("13", "a_process_that_exits_with_linger_0", exit_with_linger0).actors(1),
        row("13g", "a_process_that_becomes_another_program", exec).actors(1),
    ]
}

fn ended_by(stage: &Stage, word: &str, how: &str) -> Vec<Record> {
    let (mut client, mut server, ends) = stage.pair_with_actor();
    client.tell(word);
    end_of(&mut server);
    let status = client.end();
    assert_eq!(status.code().is_some(), !how.starts_with("exit:SIG"), "{status}");
    drop(server);
    vec![ends.client.ends().record().local_close(how), ends.server.record().peer_close("close")]
}

fn sigkill(stage: &Stage) -> Vec<Record> {
    let (mut client, mut server, ends) = stage.pair_with_actor();
    client.kill();
    end_of(&mut server);
    drop(server);
    vec![
        ends.client.ends().record().local_close("exit:SIGKILL"),
        ends.server.record().peer_close("close"),
    ]
}

fn sigterm(stage: &Stage) -> Vec<Record> {
    ended_by(stage, "raise 15", "exit:SIGTERM")
}

fn sigsegv(stage: &Stage) -> Vec<Record> {
    ended_by(stage, "raise 11", "exit:SIGSEGV")
}

fn exit_code(stage: &Stage) -> Vec<Record> {
    ended_by(stage, "exit 3", "exit:3")
}

fn quick_exit(stage: &Stage) -> Vec<Record> {
    ended_by(stage, "quit 0", "exit:0")
}

fn exit_with_unread_data(stage: &Stage) -> Vec<Record> {
    let (mut client, mut server, ends) = stage.pair_with_actor();
    server.write_all(&[b'x'; 1000]).expect("more than asked for");
    client.ask("arrived 0 1000");
    client.tell("quit 4");
    let error = server.read(&mut [0]).expect_err("the reset");
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    assert_eq!(client.end().code(), Some(4));
    vec![
        ends.client
            .ends()
            .record()
            .carried(1, 1001, 1)
            .ended("local_abort_unread", "local")
            .by_owner("exit:4")
            .reset_sent("tcp_abort_on_close")
            .unread(1000),
        ends.server.record().carried(1001, 1, 1).reset_by_peer(),
    ]
}

fn exit_with_linger0(stage: &Stage) -> Vec<Record> {
    let (mut client, mut server, ends) = stage.pair_with_actor();
    client.ask("linger0 0");
    client.kill();
    let error = server.read(&mut [0]).expect_err("the reset");
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    assert_eq!(client.end().signal(), Some(9));
    vec![
        ends.client
            .ends()
            .record()
            .ended("local_abort_linger0", "local")
            .by_owner("exit:SIGKILL")
            .reset_sent("tcp_state"),
        ends.server.record().reset_by_peer(),
    ]
}

fn exec(stage: &Stage) -> Vec<Record> {
    let (mut client, mut server, ends) = stage.pair_with_actor();
    // Its sockets are close-on-exec, as nearly everybody's are.
    client.tell("exec");
    end_of(&mut server);
    assert_eq!(client.hear(), "ready", "the next program runs");
    drop(server);
    vec![ends.client.record().local_close("exec"), ends.server.record().peer_close("close")]
}
