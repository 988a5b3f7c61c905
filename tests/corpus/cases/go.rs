//! Go's net/http, and its sockets.

use super::Case;
use crate::program::go;
use crate::story::{Peer, Story, story};
use crate::support::nginx::Config;

pub(super) fn cases() -> Vec<Case> {
    let keeps = Peer::Nginx(Config::KEEPS);
    [
        story(
            "go-unread-large",
            keeps,
            go("get -url http://127.0.0.1:PORT/large -body close -rounds 15"),
        )
        .found(&["unread-close"])
        .counts(15, 15),
        story("go-drained-large", keeps, go("get -url http://127.0.0.1:PORT/large -rounds 15"))
            .counts(1, 15),
        story(
            "go-hoard",
            keeps,
            go("get -url http://127.0.0.1:PORT/small -client each -rounds 50 -every 100ms"),
        )
        .found(&["hoard"])
        .counts(50, 50)
        .held(),
    ]
    .map(Story::case)
    .into()
}
