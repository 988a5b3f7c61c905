//! Java's `HttpURLConnection`, HttpClient and Socket.

use super::Case;
use crate::program::java;
use crate::story::{Peer, Story, story};
use crate::support::nginx::Config;

pub(super) fn cases() -> Vec<Case> {
    let keeps = Peer::Nginx(Config::KEEPS);
    [
        story("java-url", keeps, java("url http://127.0.0.1:PORT/small 20")).counts(1, 20),
        story("java-url-disconnect", keeps, java("url-disconnect http://127.0.0.1:PORT/small 20"))
            .found(&["one-shot"])
            .counts(20, 20),
        // Nobody reads the page that says 404, so nobody gives the connection back.
        story("java-url-error-unread", keeps, java("url-error http://127.0.0.1:PORT/none 50"))
            .found(&["hoard"])
            .counts(50, 50)
            .held(),
        story("java-client-shared", keeps, java("shared http://127.0.0.1:PORT/small 20"))
            .counts(1, 20),
        story("java-client-each", keeps, java("each http://127.0.0.1:PORT/small 50"))
            .found(&["hoard"])
            .counts(50, 50)
            .held(),
        story("java-socket-each", keeps, java("socket http://127.0.0.1:PORT/small 20"))
            .found(&["one-shot"])
            .counts(20, 20),
    ]
    .map(Story::case)
    .into()
}
