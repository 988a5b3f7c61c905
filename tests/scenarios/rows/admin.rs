//! Row 15: an administrator destroys a socket, as `ss -K` does.

use std::io::{ErrorKind, Read as _};

use super::{Row, row};
use crate::diag;
use crate::expect::Record;
use crate::stage::Stage;

pub(super) fn rows() -> Vec<Row> {
    vec![row("15", "a_connection_that_an_administrator_destroys", destroyed).actors(1)]
}

fn destroyed(stage: &Stage) -> Vec<Record> {
    let (mut client, mut server, ends) = stage.pair_with_actor();
    diag::destroy(ends.client.local, ends.client.peer);
    assert_eq!(server.read(&mut [0]).expect_err("the reset").kind(), ErrorKind::ConnectionReset);
    client.ask("close 0");
    vec![
        ends.client
            .record()
            .ended("admin_abort", "admin")
            .is("tracer.close.pid", std::process::id())
            .reset_sent("tcp_state")
            .errno(103),
        ends.server.record().reset_by_peer(),
    ]
}
