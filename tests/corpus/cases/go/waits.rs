//! What is not waited for: answers and dials.

use super::ms;
use crate::program::go;
use crate::servers::http::Habits;
use crate::story::{Peer, Story, story};

/// Answers that are not waited for.
pub(super) fn waits() -> Vec<Story> {
    let slow = |delay, slow| Peer::Http(Habits { delay: ms(delay), slow, ..Habits::KEEPS });
    vec![
        // Each third request is cancelled, and its connection with it, on a busy host some more. The
        // answer comes when nobody is there any more, and is answered by a reset.
        story(
            "go-cancelled",
            slow(0, Some((3, ms(600)))),
            go("get -url http://127.0.0.1:PORT/ -rounds 45 -timeout 200ms -errors"),
        )
        .found(&["cancelled-exchange>resets-sent"])
        .counts(15..=22, 23..=30)
        .some_unheard(),
        story(
            "go-cancelled-all",
            slow(600, None),
            go("get -url http://127.0.0.1:PORT/ -rounds 20 -timeout 200ms -errors"),
        )
        .found(&["cancelled-exchange>resets-sent"])
        .counts(20, 0)
        .some_unheard(),
        // Two answers in a hundred are too late for their client: that happens to anybody.
        story(
            "go-cancelled-few",
            slow(0, Some((40, ms(600)))),
            go("get -url http://127.0.0.1:PORT/ -rounds 100 -every 20ms -timeout 200ms -errors"),
        )
        .counts(3..=5, 96..=98)
        .some_unheard(),
        story("go-long-poll", slow(2000, None), go("get -url http://127.0.0.1:PORT/ -rounds 5"))
            .counts(1, 5),
        story(
            "go-slow-but-in-time",
            slow(0, Some((3, ms(400)))),
            go("get -url http://127.0.0.1:PORT/ -rounds 21 -timeout 5s"),
        )
        .counts(1, 21),
    ]
}

/// Dials that do not become connections.
pub(super) fn dials() -> Vec<Story> {
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
        // It is the program that gives up, not the kernel, but after a SYN was repeated in vain.
        story(
            "go-dial-timeout",
            Peer::BlackHole,
            go("dial -to 127.0.0.1:PORT -times 4 -parallel 4 -timeout 1500ms"),
        )
        .found(&["connect-timeout"])
        .counts(16, 0),
        // The kernel gives up after some three seconds.
        story(
            "go-connect-timeout",
            Peer::BlackHole,
            go("dial -to 127.0.0.1:PORT -times 3 -parallel 5 -syn-count 1"),
        )
        .found(&["connect-timeout"])
        .counts(15, 0),
        // SYNs are lost for a moment, and the kernel repeats them: slow, and they get there.
        story(
            "go-slow-handshake",
            Peer::Http(Habits { deaf: Some(ms(500)), ..Habits::KEEPS }),
            go("dial -to 127.0.0.1:PORT -parallel 8 -timeout 10s"),
        )
        .counts(8, 8),
    ]
}
