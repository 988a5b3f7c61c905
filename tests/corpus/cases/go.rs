//! Go's net/http, and its sockets. Of this client Go itself decides when a connection is reused: the
//! rows only say how it is set up.

use std::time::Duration;

use super::Case;
use crate::program::go;
use crate::servers::http::{Ends, Habits};
use crate::story::{Peer, Story, story};
use crate::support::nginx::Config;

const KEEPS: Peer = Peer::Nginx(Config::KEEPS);

const fn ms(time: u64) -> Duration {
    Duration::from_millis(time)
}

pub(super) fn cases() -> Vec<Case> {
    let files = [bodies(), transports(), pools(), idle(), waits(), dials(), servers(), healthy()];
    files.into_iter().flatten().map(Story::case).collect()
}

/// What becomes of a body.
fn bodies() -> Vec<Story> {
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
fn transports() -> Vec<Story> {
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
        story(
            "go-linger0",
            KEEPS,
            go("raw -mode linger0 -to 127.0.0.1:PORT -times 20 -every 20ms"),
        )
        .found(&["abortive-close"])
        .counts(20, 20),
    ]
}

/// `MaxIdleConnsPerHost` under bursts.
fn pools() -> Vec<Story> {
    let slow = Peer::Http(Habits { delay: ms(40), ..Habits::KEEPS });
    vec![
        story(
            "go-pool-small",
            slow,
            go("get -url http://127.0.0.1:PORT/ -parallel 20 -rounds 6 -every 600ms -max-idle 2"),
        )
        .found(&["pool-too-small"])
        .counts(80..=120, 120),
        story(
            "go-pool-large",
            slow,
            go("get -url http://127.0.0.1:PORT/ -parallel 20 -rounds 6 -every 600ms -max-idle 32"),
        )
        .counts(20..=30, 120),
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
fn idle() -> Vec<Story> {
    let closes_idle = |time| Peer::Http(Habits { ends: Ends::Idle(ms(time)), ..Habits::KEEPS });
    let impatient = Config { keepalive_timeout: "400ms", ..Config::KEEPS };
    vec![
        story(
            "go-client-idle",
            KEEPS,
            go("get -url http://127.0.0.1:PORT/small -rounds 18 -every 600ms -idle-timeout 300ms"),
        )
        .found(&["client-idle-timeout"])
        .counts(18, 18),
        story(
            "go-client-idle-long",
            KEEPS,
            go("get -url http://127.0.0.1:PORT/small -rounds 18 -every 600ms -idle-timeout 3s"),
        )
        .counts(1, 18),
        story(
            "go-peer-idle",
            Peer::Nginx(impatient),
            go("get -url http://127.0.0.1:PORT/small -rounds 16 -every 700ms"),
        )
        .found(&["peer-idle-timeout"])
        .counts(16, 16),
        story(
            "go-peer-idle-long",
            Peer::Nginx(impatient),
            go("get -url http://127.0.0.1:PORT/small -rounds 50 -every 150ms"),
        )
        .counts(1..=2, 50),
        // It learns that its connection is gone when it writes to it.
        story(
            "go-stale",
            closes_idle(300),
            go("raw -mode naive -to 127.0.0.1:PORT -times 16 -every 600ms"),
        )
        .found(&["stale-reuse"])
        .counts(16, 16),
        story(
            "go-stale-never",
            closes_idle(3000),
            go("raw -mode naive -to 127.0.0.1:PORT -times 16 -every 600ms"),
        )
        .counts(1, 16),
    ]
}

/// Answers that are not waited for.
fn waits() -> Vec<Story> {
    let slow = |delay, slow| Peer::Http(Habits { delay: ms(delay), slow, ..Habits::KEEPS });
    vec![
        // Each third request is cancelled, and its connection with it. On a busy host some more.
        story(
            "go-cancelled",
            slow(0, Some((3, ms(600)))),
            go("get -url http://127.0.0.1:PORT/ -rounds 45 -timeout 200ms -errors"),
        )
        .found(&["cancelled-exchange"])
        .counts(15..=17, 28..=30)
        .some_unheard(),
        story(
            "go-cancelled-all",
            slow(400, None),
            go("get -url http://127.0.0.1:PORT/ -rounds 20 -timeout 120ms -errors"),
        )
        .found(&["cancelled-exchange"])
        .counts(20, 0)
        .some_unheard(),
        story(
            "go-slow-but-in-time",
            slow(0, Some((3, ms(400)))),
            go("get -url http://127.0.0.1:PORT/ -rounds 21 -timeout 5s"),
        )
        .counts(1, 21),
    ]
}

/// Dials that do not become connections.
fn dials() -> Vec<Story> {
    vec![
        story("go-refused", Peer::Nobody, go("dial -to 127.0.0.1:PORT -times 12 -every 150ms"))
            .found(&["connect-refused"])
            .counts(12, 0),
        story(
            "go-dial-cancelled",
            Peer::BlackHole,
            go("dial -to 127.0.0.1:PORT -times 16 -every 100ms -timeout 150ms"),
        )
        .found(&["dial-cancelled"])
        .counts(16, 0),
        // A dial of 1.5 seconds repeats its SYN once. It is the program that gives up, not the kernel.
        story(
            "go-dial-timeout",
            Peer::BlackHole,
            go("dial -to 127.0.0.1:PORT -times 4 -parallel 4 -timeout 1500ms"),
        )
        .found(&["dial-cancelled"])
        .counts(16, 0),
        // The kernel gives up after some three seconds.
        story(
            "go-connect-timeout",
            Peer::BlackHole,
            go("dial -to 127.0.0.1:PORT -times 3 -parallel 5 -syn-count 1"),
        )
        .found(&["connect-timeout"])
        .counts(15, 0),
    ]
}

/// What servers do to their clients.
fn servers() -> Vec<Story> {
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
            go("get -url http://127.0.0.1:PORT/small -rounds 200 -every 10ms"),
        )
        .found(&["peer-recycles"])
        .counts(20, 200),
        story(
            "go-http2-recycles",
            Peer::Nginx(Config { listen: "ssl http2", ..recycles }),
            go("get -url https://127.0.0.1:PORT/small -http2 -rounds 200 -every 10ms"),
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
        .counts(20, 40),
    ]
}

/// Who must not be accused.
fn healthy() -> Vec<Story> {
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
    ]
}
