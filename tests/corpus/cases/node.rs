//! Node's http.Agent and fetch.

use std::time::Duration;

use super::Case;
use crate::program::node;
use crate::servers::http::Habits;
use crate::story::{Peer, Story, story};
use crate::support::nginx::Config;

pub(super) fn cases() -> Vec<Case> {
    let keeps = Peer::Nginx(Config::KEEPS);
    let late = Peer::Http(Habits { delay: Duration::from_millis(500), ..Habits::KEEPS });
    [
        // The server leaves the closing to the client, whatever it was told.
        story("node-closing", Peer::Http(Habits::KEEPS), node("closing http://127.0.0.1:PORT/ 20"))
            .found(&["one-shot"])
            .counts(20, 20),
        // nginx does as it is told and closes first.
        story("node-closing-nginx", keeps, node("closing http://127.0.0.1:PORT/small 20"))
            .found(&["peer-closes-each"])
            .counts(20, 20),
        story("node-keeping", keeps, node("keeping http://127.0.0.1:PORT/small 20")).counts(1, 20),
        story("node-agent-each-left", keeps, node("left http://127.0.0.1:PORT/small 50"))
            .found(&["hoard"])
            .counts(50, 50)
            .held(),
        story("node-agent-each-destroyed", keeps, node("destroyed http://127.0.0.1:PORT/small 20"))
            .found(&["one-shot"])
            .counts(20, 20),
        story("node-pool-small", keeps, node("few http://127.0.0.1:PORT/small 100"))
            .found(&["pool-too-small"])
            .counts(80..=100, 100),
        story("node-pool-large", keeps, node("enough http://127.0.0.1:PORT/small 100"))
            .counts(10..=12, 100),
        story("node-fetch", keeps, node("fetch http://127.0.0.1:PORT/small 20")).counts(1..=3, 20),
        story("node-unread", keeps, node("unread http://127.0.0.1:PORT/large 20"))
            .found(&["unread-close"])
            .counts(20, 20),
        story("node-abort", late, node("abort http://127.0.0.1:PORT/ 20"))
            .found(&["cancelled-exchange>resets-sent"])
            .counts(20..=22, 0)
            .some_unheard(),
    ]
    .map(Story::case)
    .into()
}
