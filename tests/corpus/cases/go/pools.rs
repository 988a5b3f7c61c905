//! How many connections are kept, and for how long.

use super::{KEEPS, ms};
use crate::program::go;
use crate::servers::http::{Ends, Habits};
use crate::story::{Peer, Story, story};
use crate::support::nginx::Config;

/// `MaxIdleConnsPerHost` under bursts.
pub(super) fn pools() -> Vec<Story> {
    let slow = Peer::Http(Habits { delay: ms(40), ..Habits::KEEPS });
    vec![
        story(
            "go-pool-small",
            slow,
            go("get -url http://127.0.0.1:PORT/ -parallel 20 -rounds 7 -every 900ms -max-idle 2"),
        )
        .found(&["pool-too-small"])
        .counts(80..=140, 140),
        // The same without bursts: twenty workers that ask, think and ask again.
        story(
            "go-pool-small-steady",
            slow,
            go("get -url http://127.0.0.1:PORT/ -style loops -parallel 20 -rounds 10 -every 300ms"),
        )
        .found(&["pool-too-small"])
        .counts(60..=200, 200),
        story(
            "go-pool-large-steady",
            slow,
            go(
                "get -url http://127.0.0.1:PORT/ -style loops -parallel 20 -rounds 10 -every 300ms \
                -max-idle 32",
            ),
        )
        .counts(20..=30, 200),
        story(
            "go-pool-large",
            slow,
            go("get -url http://127.0.0.1:PORT/ -parallel 20 -rounds 7 -every 900ms -max-idle 32"),
        )
        .counts(20..=30, 140),
        // One burst: what a pool does not keep is not wasted if it is not asked for again.
        story("go-burst-once", slow, go("get -url http://127.0.0.1:PORT/ -parallel 30"))
            .counts(30, 30),
        story(
            "go-warm-up",
            Peer::Http(Habits { delay: ms(5), ..Habits::KEEPS }),
            go("get -url http://127.0.0.1:PORT/ -style loops -parallel 30 -rounds 20 -every 50ms \
                -max-idle 100"),
        )
        .counts(25..=60, 600),
    ]
}

/// Idle timeouts on either side.
pub(super) fn idle() -> Vec<Story> {
    let closes_idle = |time| Peer::Http(Habits { ends: Ends::Idle(ms(time)), ..Habits::KEEPS });
    let impatient = Config { keepalive_timeout: "1s", ..Config::KEEPS };
    vec![
        story(
            "go-client-idle",
            KEEPS,
            go("get -url http://127.0.0.1:PORT/small -rounds 8 -every 1600ms -idle-timeout 1s"),
        )
        .found(&["client-idle-timeout"])
        .counts(8, 8),
        story(
            "go-client-idle-long",
            KEEPS,
            go("get -url http://127.0.0.1:PORT/small -rounds 18 -every 600ms -idle-timeout 3s"),
        )
        .counts(1, 18),
        story(
            "go-peer-idle",
            Peer::Nginx(impatient),
            go("get -url http://127.0.0.1:PORT/small -rounds 8 -every 1600ms"),
        )
        .found(&["peer-idle-timeout"])
        .counts(8, 8),
        story(
            "go-peer-idle-long",
            Peer::Nginx(impatient),
            go("get -url http://127.0.0.1:PORT/small -rounds 50 -every 150ms"),
        )
        .counts(1..=2, 50),
        // It learns that its connection is gone when it writes to it, and the server's host resets it.
        story(
            "go-stale",
            closes_idle(1000),
            go("raw -mode naive -to 127.0.0.1:PORT -times 8 -every 1600ms"),
        )
        .found(&["peer-idle-timeout>stale-reuse"])
        .server_found(&["resets-sent"])
        .counts(8, 8),
        story(
            "go-stale-never",
            closes_idle(4000),
            go("raw -mode naive -to 127.0.0.1:PORT -times 8 -every 1600ms"),
        )
        .counts(1, 8),
    ]
}
