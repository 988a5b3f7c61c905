//! Clients of PostgreSQL and Redis. A connection begins with turns of its own, to log in or to agree on
//! a protocol: they are no reuse.

use super::Case;
use crate::program::{commands, library};
use crate::story::{Peer, Story, story};

pub(super) fn cases() -> Vec<Case> {
    let files = [postgres(), redis()];
    files.into_iter().flatten().map(Story::case).collect()
}

fn postgres() -> Vec<Story> {
    vec![
        story("psycopg-each", Peer::Postgres, library("with_psycopg.py each PORT 20"))
            .found(&["one-shot"])
            .counts(20, 20)
            .exchanges(60..=200),
        story("psycopg-one", Peer::Postgres, library("with_psycopg.py one PORT 30"))
            .counts(1, 30)
            .exchanges(30..=40),
        // It counts commands, not its queries.
        story(
            "pgbench-new",
            Peer::Postgres,
            commands(
                "1 pgbench -C -n -t 20 -f select.sql -h 127.0.0.1 -p PORT -U postgres postgres",
            ),
        )
        .found(&["one-shot"])
        .counts(20..=22, 1)
        .exchanges(60..=200),
        story(
            "pgbench-kept",
            Peer::Postgres,
            commands(
                "1 pgbench -n -c 2 -t 30 -f select.sql -h 127.0.0.1 -p PORT -U postgres postgres",
            ),
        )
        .counts(2..=3, 1)
        .exchanges(60..=90),
    ]
}

fn redis() -> Vec<Story> {
    vec![
        story("redis-py-each", Peer::Redis, library("with_redis.py each PORT 20"))
            .found(&["one-shot"])
            .counts(20, 20)
            .exchanges(40..=140),
        story("redis-py-one", Peer::Redis, library("with_redis.py one PORT 30"))
            .counts(1, 30)
            .exchanges(30..=36),
        story("redis-py-pipeline", Peer::Redis, library("with_redis.py pipeline PORT 200"))
            .counts(1, 200)
            .exchanges(20..=26),
        // The publisher's turns, and those of the subscription.
        story("redis-py-subscribe", Peer::Redis, library("with_redis.py subscribe PORT 30"))
            .counts(2, 30)
            .exchanges(30..=40),
    ]
}
