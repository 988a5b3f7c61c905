//! Go's net/http, and its sockets. Of this client Go itself decides when a connection is reused: the
//! rows only say how it is set up.

mod bodies;
mod healthy;
mod pools;
mod servers;
mod waits;

use std::time::Duration;

use super::Case;
use crate::story::{Peer, Story};
use crate::support::nginx::Config;

const KEEPS: Peer = Peer::Nginx(Config::KEEPS);

const fn ms(time: u64) -> Duration {
    Duration::from_millis(time)
}

pub(super) fn cases() -> Vec<Case> {
    let files = [
        bodies::bodies(),
        bodies::transports(),
        pools::pools(),
        pools::idle(),
        waits::waits(),
        waits::dials(),
        servers::servers(),
        healthy::healthy(),
    ];
    files.into_iter().flatten().map(Story::case).collect()
}
