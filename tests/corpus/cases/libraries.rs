//! Python's libraries: requests, urllib3, httpx and aiohttp.

use std::time::Duration;

use super::Case;
use crate::program::library;
use crate::servers::http::Habits;
use crate::story::{Peer, Story, story};
use crate::support::nginx::Config;

const KEEPS: Peer = Peer::Nginx(Config::KEEPS);
const TLS: Config = Config { listen: "ssl", ..Config::KEEPS };

pub(super) fn cases() -> Vec<Case> {
    let files = [requests(), over_tls(), urllib3(), httpx(), aiohttp()];
    files.into_iter().flatten().map(Story::case).collect()
}

fn requests() -> Vec<Story> {
    let slow = |delay, slow| Peer::Http(Habits { delay, slow, ..Habits::KEEPS });
    let late = Duration::from_millis(400);
    vec![
        story(
            "requests-each",
            KEEPS,
            library("with_requests.py each http://127.0.0.1:PORT/small 20"),
        )
        .found(&["one-shot"])
        .counts(20, 20),
        story(
            "requests-session",
            KEEPS,
            library("with_requests.py session http://127.0.0.1:PORT/small 20"),
        )
        .counts(1, 20),
        story(
            "requests-unread",
            KEEPS,
            library("with_requests.py unread http://127.0.0.1:PORT/large 20"),
        )
        .found(&["unread-close"])
        .counts(20, 20),
        story(
            "requests-timeout",
            slow(late, None),
            library("with_requests.py timeout http://127.0.0.1:PORT/ 20"),
        )
        .found(&["cancelled-exchange>resets-sent"])
        .counts(20, 0)
        .some_unheard(),
        story(
            "requests-patient",
            slow(Duration::ZERO, Some((3, late))),
            library("with_requests.py patient http://127.0.0.1:PORT/ 20"),
        )
        .counts(1, 20),
    ]
}

/// At ports that are known for TLS. A handshake is a turn or two of its own.
fn over_tls() -> Vec<Story> {
    vec![
        story(
            "requests-tls-each",
            Peer::Nginx(TLS),
            library("with_requests.py each https://127.0.0.1:PORT/small 20"),
        )
        .found(&["one-shot"])
        .counts(20, 20)
        .exchanges(20..=60),
        story(
            "requests-tls-session",
            Peer::Nginx(TLS),
            library("with_requests.py session https://127.0.0.1:PORT/small 20"),
        )
        .counts(1, 20)
        .exchanges(20..=23),
    ]
}

/// Ten threads and one pool.
fn urllib3() -> Vec<Story> {
    let slow = Peer::Http(Habits { delay: Duration::from_millis(15), ..Habits::KEEPS });
    vec![
        story("urllib3-pool-small", slow, library("with_urllib3.py 1 http://127.0.0.1:PORT/ 15"))
            .found(&["pool-too-small"])
            .counts(50..=140, 150),
        story("urllib3-pool-large", slow, library("with_urllib3.py 10 http://127.0.0.1:PORT/ 15"))
            .counts(5..=10, 150),
    ]
}

fn httpx() -> Vec<Story> {
    vec![
        story("httpx-each", KEEPS, library("with_httpx.py each http://127.0.0.1:PORT/small 20"))
            .found(&["one-shot"])
            .counts(20, 20),
        story("httpx-one", KEEPS, library("with_httpx.py one http://127.0.0.1:PORT/small 20"))
            .counts(1, 20),
        // Ten requests share a turn, or take one each.
        story(
            "httpx-http2",
            Peer::Nginx(Config { listen: "http2", ..Config::KEEPS }),
            library("with_httpx.py http2 http://127.0.0.1:PORT/small 60"),
        )
        .counts(1, 60)
        .exchanges(2..=200),
    ]
}

fn aiohttp() -> Vec<Story> {
    vec![
        story(
            "aiohttp-each",
            KEEPS,
            library("with_aiohttp.py each http://127.0.0.1:PORT/small 20"),
        )
        .found(&["one-shot"])
        .counts(20, 20),
        story("aiohttp-one", KEEPS, library("with_aiohttp.py one http://127.0.0.1:PORT/small 20"))
            .counts(1, 20),
        story(
            "aiohttp-idle-short",
            KEEPS,
            library("with_aiohttp.py short http://127.0.0.1:PORT/small 18"),
        )
        .found(&["client-idle-timeout"])
        .counts(18, 18),
        story(
            "aiohttp-idle-long",
            KEEPS,
            library("with_aiohttp.py patient http://127.0.0.1:PORT/small 18"),
        )
        .counts(1, 18),
    ]
}
