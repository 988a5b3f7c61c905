//! PHP's curl and Ruby's `Net::HTTP`.

use super::Case;
use crate::program::{php, ruby};
use crate::story::{Peer, Story, story};
use crate::support::nginx::Config;

pub(super) fn cases() -> Vec<Case> {
    let keeps = Peer::Nginx(Config::KEEPS);
    [
        story("php-curl-each", keeps, php("each http://127.0.0.1:PORT/small 20"))
            .found(&["one-shot"])
            .counts(20, 20),
        story("php-curl-one", keeps, php("one http://127.0.0.1:PORT/small 20")).counts(1, 20),
        story("ruby-each", keeps, ruby("each http://127.0.0.1:PORT/small 20"))
            .found(&["one-shot"])
            .counts(20, 20),
        story("ruby-one", keeps, ruby("one http://127.0.0.1:PORT/small 20")).counts(1, 20),
    ]
    .map(Story::case)
    .into()
}
