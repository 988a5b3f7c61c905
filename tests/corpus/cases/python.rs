//! Python's http.client and its sockets.

use super::Case;
use crate::program::python;
use crate::servers::http::{Ends, Habits};
use crate::story::{Peer, Story, story};
use crate::support::nginx::Config;

pub(super) fn cases() -> Vec<Case> {
    let keeps = Peer::Nginx(Config::KEEPS);
    // It closes without a word, which is for its client to find out.
    let closes_each = Peer::Http(Habits { ends: Ends::After(1), ..Habits::KEEPS });
    [
        story("python-new", keeps, python("client.py new PORT 15"))
            .found(&["one-shot"])
            .counts(15, 15),
        story("python-persistent", keeps, python("client.py persistent PORT 15")).counts(1, 15),
        story("python-refused", Peer::Nobody, python("client.py refused PORT 12"))
            .found(&["connect-refused"])
            .counts(12, 0),
        story("python-close-wait", closes_each, python("client.py leak PORT 40"))
            .found(&["close-wait-leak"])
            .counts(40, 40)
            .held(),
        story(
            "python-to-eof",
            Peer::Nginx(Config::CLOSES_EACH),
            python("client.py to-eof PORT 15"),
        )
        .found(&["peer-closes-each"])
        .counts(15, 15),
    ]
    .map(Story::case)
    .into()
}
