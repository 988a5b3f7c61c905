//! What becomes of a body, and of a Transport.

use super::KEEPS;
use crate::program::go;
use crate::servers::http::Habits;
use crate::story::{Peer, Story, story};

/// What becomes of a body.
pub(super) fn bodies() -> Vec<Story> {
    let sized = |body| Peer::Http(Habits { body, ..Habits::KEEPS });
    vec![
        story("go-drained-large", KEEPS, go("get -url http://127.0.0.1:PORT/large -rounds 15"))
            .counts(1, 15),
        story(
            "go-unread-large",
            KEEPS,
            go("get -url http://127.0.0.1:PORT/large -body close -rounds 15"),
        )
        .found(&["unread-close"])
        .counts(15, 15),
        // More than the 4 kB that net/http reads at once, less than a socket buffer.
        story(
            "go-unread-medium",
            sized(20_000),
            go("get -url http://127.0.0.1:PORT/ -body close -rounds 15"),
        )
        .found(&["unread-close"])
        .counts(15, 15),
        // net/http has read it with the head, so the kernel has nothing unread: all that can be seen
        // is a close after one exchange.
        story(
            "go-unread-small",
            KEEPS,
            go("get -url http://127.0.0.1:PORT/small -body close -rounds 15"),
        )
        .found(&["one-shot"])
        .counts(15, 15),
        // A body that is not there needs no reading.
        story(
            "go-unread-empty",
            sized(0),
            go("get -url http://127.0.0.1:PORT/ -body close -rounds 15"),
        )
        .counts(1, 15),
        story(
            "go-leaked-small",
            KEEPS,
            go("get -url http://127.0.0.1:PORT/small -body leak -rounds 50 -every 100ms"),
        )
        .found(&["hoard"])
        .counts(50, 50)
        .held(),
        story(
            "go-leaked-large",
            KEEPS,
            go("get -url http://127.0.0.1:PORT/large -body leak -rounds 50 -every 100ms"),
        )
        .found(&["hoard"])
        .counts(50, 50)
        .held(),
    ]
}

/// A Transport for each request.
pub(super) fn transports() -> Vec<Story> {
    vec![
        story(
            "go-transport-each-closed",
            KEEPS,
            go("get -url http://127.0.0.1:PORT/small -client each-closed -rounds 20 -every 20ms"),
        )
        .found(&["one-shot"])
        .counts(20, 20),
        story(
            "go-hoard",
            KEEPS,
            go("get -url http://127.0.0.1:PORT/small -client each -rounds 50 -every 100ms"),
        )
        .found(&["hoard"])
        .counts(50, 50)
        .held(),
        // The server leaves the closing to the client, whatever it was told.
        story(
            "go-keep-alives-off",
            Peer::Http(Habits::KEEPS),
            go("get -url http://127.0.0.1:PORT/ -no-keep-alive -rounds 20 -every 20ms"),
        )
        .found(&["one-shot"])
        .counts(20, 20),
        // nginx does as it is told and closes first: the same client, another first closer.
        story(
            "go-keep-alives-off-nginx",
            KEEPS,
            go("get -url http://127.0.0.1:PORT/small -no-keep-alive -rounds 20 -every 20ms"),
        )
        .found(&["peer-closes-each"])
        .counts(20, 20),
        // A client that lets go of what it has after five requests each.
        story(
            "go-client-recycles",
            KEEPS,
            go("get -url http://127.0.0.1:PORT/small -rounds 150 -every 30ms -recycle 5"),
        )
        .found(&["client-recycles"])
        .counts(30, 150),
        story(
            "go-linger0",
            KEEPS,
            go("raw -mode linger0 -to 127.0.0.1:PORT -times 20 -every 20ms"),
        )
        .found(&["one-shot>abortive-close"])
        .counts(20, 20),
        // They are well used, until the client drops them, by a reset.
        story(
            "go-linger0-used",
            KEEPS,
            go("raw -mode linger0-used -to 127.0.0.1:PORT -times 300 -every 20ms"),
        )
        .found(&["client-recycles>abortive-close"])
        .counts(12, 300),
    ]
}
