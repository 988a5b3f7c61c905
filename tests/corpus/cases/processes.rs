//! Programs whose processes do the dialling: one for each request, or workers that stay.

use super::Case;
use crate::program::{commands, library};
use crate::story::{Peer, Story, story};
use crate::support::nginx::Config;

pub(super) fn cases() -> Vec<Case> {
    let keeps = Peer::Nginx(Config::KEEPS);
    [
        story(
            "python-process-each",
            keeps,
            library("with_processes.py spawn http://127.0.0.1:PORT/small 15"),
        )
        .found(&["short-lived-process"])
        .counts(15, 15),
        story(
            "python-prefork",
            keeps,
            library("with_processes.py prefork http://127.0.0.1:PORT/small 30"),
        )
        .counts(4, 120),
        // Logging in takes turns, too.
        story(
            "psql-loop",
            Peer::Postgres,
            commands("15 psql -h 127.0.0.1 -p PORT -U postgres -Atc SELECT(1)"),
        )
        .found(&["short-lived-process"])
        .counts(15, 15)
        .exchanges(30..=120),
        story("redis-cli-loop", Peer::Redis, commands("15 redis-cli -h 127.0.0.1 -p PORT ping"))
            .found(&["short-lived-process"])
            .counts(15, 15),
    ]
    .map(Story::case)
    .into()
}
