//! Who must not be accused.

use super::{KEEPS, ms};
use crate::program::go;
use crate::servers::http::Habits;
use crate::story::{Peer, Story, story};
use crate::support::nginx::Config;

/// Who must not be accused.
pub(super) fn healthy() -> Vec<Story> {
    vec![
        story(
            "go-keep-alive",
            KEEPS,
            go("get -url http://127.0.0.1:PORT/small -style loops -parallel 2 -rounds 60 -every 20ms"),
        )
        .counts(1..=3, 120),
        story(
            "go-http2",
            Peer::Nginx(Config { listen: "ssl http2", ..Config::KEEPS }),
            go("get -url https://127.0.0.1:PORT/small -http2 -rounds 20 -parallel 5 -every 50ms"),
        )
        .counts(1..=5, 100)
        .exchanges(20..=300),
        story(
            "go-long-connection",
            KEEPS,
            go("raw -mode hold -to 127.0.0.1:PORT -times 30 -every 250ms"),
        )
        .counts(1, 30),
        story(
            "go-health-check",
            KEEPS,
            go("raw -mode probe -to 127.0.0.1:PORT -times 8 -every 1500ms"),
        )
        .counts(8, 8),
        story(
            "go-graceful-restart",
            KEEPS,
            go("get -url http://127.0.0.1:PORT/small -style loops -parallel 4 -rounds 120 -every 50ms \
                -max-idle 10"),
        )
        .counts(5..=12, 480)
        .reload_after(ms(2500)),
        // nginx closes after 1000 requests, which costs nothing.
        story(
            "go-default-recycles",
            KEEPS,
            go("get -url http://127.0.0.1:PORT/small -rounds 2500"),
        )
        .counts(3, 2500),
        // As load balancers do, which save themselves the TIME_WAIT.
        story(
            "go-health-check-linger0",
            KEEPS,
            go("raw -mode linger0 -to 127.0.0.1:PORT -times 8 -every 1500ms"),
        )
        .counts(8, 8),
        // A poller gains nothing from a connection that is kept.
        story(
            "go-poller-closed-each",
            Peer::Nginx(Config::CLOSES_EACH),
            go("get -url http://127.0.0.1:PORT/small -rounds 8 -every 1500ms"),
        )
        .counts(8, 8),
        story(
            "go-idle-pool",
            Peer::Http(Habits { delay: ms(40), ..Habits::KEEPS }),
            go("get -url http://127.0.0.1:PORT/ -parallel 12 -rounds 3 -max-idle 12 -rest 7s"),
        )
        .counts(12..=16, 36)
        .held(),
    ]
}
