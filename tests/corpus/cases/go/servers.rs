//! What servers do to their clients.

use crate::program::go;
use crate::servers::http::{Ends, Habits};
use crate::story::{Peer, Story, story};
use crate::support::nginx::Config;

/// What servers do to their clients.
pub(super) fn servers() -> Vec<Story> {
    let ends = |ends, says_so| Peer::Http(Habits { ends, says_so, ..Habits::KEEPS });
    let recycles = Config { keepalive_requests: 10, ..Config::KEEPS };
    vec![
        story(
            "go-peer-closes-each",
            ends(Ends::After(1), true),
            go("get -url http://127.0.0.1:PORT/ -rounds 20 -every 20ms"),
        )
        .found(&["peer-closes-each"])
        .counts(20, 20),
        story(
            "go-peer-closes-each-nginx",
            Peer::Nginx(Config::CLOSES_EACH),
            go("get -url http://127.0.0.1:PORT/small -rounds 20 -every 20ms"),
        )
        .found(&["peer-closes-each"])
        .counts(20, 20),
        story(
            "go-peer-recycles",
            Peer::Nginx(recycles),
            go("get -url http://127.0.0.1:PORT/small -rounds 200 -every 25ms"),
        )
        .found(&["peer-recycles"])
        .counts(20, 200),
        story(
            "go-http2-recycles",
            Peer::Nginx(Config { listen: "ssl http2", ..recycles }),
            go("get -url https://127.0.0.1:PORT/small -http2 -rounds 200 -every 25ms"),
        )
        .found(&["peer-recycles"])
        .counts(20..=21, 200)
        .exchanges(200..=300),
        // POSTs, because Go repeats a GET by itself.
        story(
            "go-resets-received",
            ends(Ends::ResetsAt(3), false),
            go("get -url http://127.0.0.1:PORT/ -post 20 -rounds 60 -every 20ms -errors"),
        )
        .found(&["resets-received"])
        .server_found(&["abortive-close"])
        .counts(20, 40),
        // Once in a while, which its client gets over.
        story(
            "go-few-resets",
            ends(Ends::ResetsAt(50), false),
            go("get -url http://127.0.0.1:PORT/ -post 20 -rounds 120 -every 20ms -errors"),
        )
        .counts(3, 118),
        // The server closes while the upload is under way, which the kernel makes a reset.
        story(
            "go-upload-refused",
            ends(Ends::Refuses, false),
            go("get -url http://127.0.0.1:PORT/ -post 4000000 -rounds 20 -every 20ms -errors"),
        )
        .found(&["resets-received"])
        .server_found(&["resets-sent"])
        .counts(20, 0)
        .exchanges(0..=20),
    ]
}
