//! The usual case as one row: a server, a client that dials it, what is found about the client, and
//! how many connections and answers it takes.

use std::ops::RangeInclusive;
use std::thread::sleep;
use std::time::Duration;

use crate::cases::Case;
use crate::program::{Program, Run};
use crate::scene::Scene;
use crate::servers::black_hole::BlackHole;
use crate::servers::http::{Habits, Server};
use crate::servers::postgres::Postgres;
use crate::servers::redis::Redis;
use crate::support::expectation::{Count, Party};
use crate::support::nginx::{Config, Nginx};
use crate::support::{port, wait};

/// Who is dialled.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Peer {
    /// A real nginx.
    Nginx(Config),
    /// The same at this port: what a port is known for can be seen, what is said there cannot.
    NginxAt(Config, u16),
    /// A real PostgreSQL.
    Postgres,
    /// A real Redis.
    Redis,
    /// A scripted server.
    Http(Habits),
    /// Nobody answers a SYN.
    BlackHole,
    /// Nobody listens.
    Nobody,
}

/// Who is dialled, as long as it runs.
enum Running {
    Nginx(Nginx),
    Postgres(Postgres),
    Redis(Redis),
    Http(Server),
    BlackHole(BlackHole),
    Nobody(u16),
}

/// One row.
#[derive(Clone, Debug)]
pub(crate) struct Story {
    name: &'static str,
    peer: Peer,
    program: Program,
    codes: &'static [&'static str],
    server_codes: &'static [&'static str],
    dials: Count,
    answers: Count,
    exchanges: Option<Count>,
    is_server_told: bool,
    is_held: bool,
    reload_after: Option<Duration>,
}

/// `program` dials `peer`; its `PORT` becomes the peer's port. It is healthy unless told otherwise.
pub(crate) fn story(name: &'static str, peer: Peer, program: Program) -> Story {
    Story {
        name,
        peer,
        program,
        codes: &[],
        server_codes: &[],
        dials: 0..=0,
        answers: 0..=0,
        exchanges: None,
        is_server_told: true,
        is_held: false,
        reload_after: None,
    }
}

impl Story {
    /// What is found about the client, and nothing else.
    pub(crate) fn found(self, codes: &'static [&'static str]) -> Self {
        Self { codes, ..self }
    }

    /// What is found about the server, and nothing else.
    pub(crate) fn server_found(self, server_codes: &'static [&'static str]) -> Self {
        Self { server_codes, ..self }
    }

    /// How often it dials and how many answers it gets, as it counts itself: the bounds of its traffic.
    pub(crate) fn counts(self, dials: impl Into<Times>, answers: impl Into<Times>) -> Self {
        Self { dials: dials.into().0, answers: answers.into().0, ..self }
    }

    /// Exchanges are not answers: TLS and HTTP/2 have turns of their own. So many are told at the
    /// client; at the server any number.
    pub(crate) fn exchanges(self, count: RangeInclusive<u64>) -> Self {
        Self { exchanges: Some(count), ..self.some_unheard() }
    }

    /// The server answers more than the client hears; how much of that it can send is chance.
    pub(crate) fn some_unheard(self) -> Self {
        Self { is_server_told: false, ..self }
    }

    /// The observation ends while the client still has what it has.
    pub(crate) fn held(self) -> Self {
        Self { is_held: true, ..self }
    }

    /// nginx gets a new worker in the middle.
    pub(crate) fn reload_after(self, time: Duration) -> Self {
        Self { reload_after: Some(time), ..self }
    }

    /// As a case.
    pub(crate) fn case(self) -> Case {
        let codes = [self.codes, self.server_codes].concat();
        Case::new(self.name, &codes, move |scene| self.play(scene))
    }

    fn play(&self, scene: &mut Scene) {
        let peer = Running::start(self.peer);
        let port = peer.port();
        scene.watch(port);
        let mut client = Run::start(&self.program, port);
        let pid = client.pid;
        scene.begin();
        client.go();
        if let (Some(time), Running::Nginx(nginx)) = (self.reload_after, &peer) {
            sleep(time);
            nginx.reload();
        }
        if let (Peer::Http(Habits { deaf: Some(time), .. }), Running::Http(server)) =
            (self.peer, &peer)
        {
            sleep(time);
            server.listen();
        }
        let did = client.done();
        if self.is_held {
            scene.end();
            client.end();
        } else {
            client.end();
            wait::quiet(port);
            scene.end();
        }
        let counted = peer.counts(did.answers);
        let accepted = counted.map(|(accepted, _)| accepted);
        let dials = did.dials.or(accepted).expect("one end counts");
        assert!(self.dials.contains(&dials), "dials: meant {:?}, {dials}: {did:?}", self.dials);
        assert!(self.answers.contains(&did.answers), "answers: meant {:?}: {did:?}", self.answers);
        let exchanges = self.exchanges.clone().unwrap_or(did.answers..=did.answers);
        let client = Party::clients(did.pids(pid), port).found(self.codes).connections(dials);
        scene.expect(client.exchanges(exchanges));
        if let Some((accepted, answered)) = counted {
            // A dial may be given up just as it succeeds.
            let dialled = did.connected.unwrap_or(dials)..=dials;
            assert!(dialled.contains(&accepted), "accepted {accepted}, dialled {did:?}");
            let server = Party::server(port).found(self.server_codes).connections(accepted);
            let all = answered..=answered;
            scene.expect(if self.is_server_told { server.exchanges(all) } else { server });
        }
    }
}

impl Running {
    fn start(peer: Peer) -> Self {
        match peer {
            Peer::Nginx(config) => Self::Nginx(Nginx::start(&config, port::closed())),
            Peer::NginxAt(config, port) => Self::Nginx(Nginx::start(&config, port)),
            Peer::Postgres => Self::Postgres(Postgres::start()),
            Peer::Redis => Self::Redis(Redis::start()),
            Peer::Http(habits) => Self::Http(Server::start(habits)),
            Peer::BlackHole => Self::BlackHole(BlackHole::open()),
            Peer::Nobody => Self::Nobody(port::closed()),
        }
    }

    fn port(&self) -> u16 {
        match self {
            Self::Nginx(nginx) => nginx.port,
            Self::Postgres(postgres) => postgres.port,
            Self::Redis(redis) => redis.port,
            Self::Http(server) => server.port,
            Self::BlackHole(hole) => hole.port,
            Self::Nobody(port) => *port,
        }
    }

    /// Connections accepted and requests answered, by its own count, once these `answers` are in it.
    fn counts(&self, answers: u64) -> Option<(u64, u64)> {
        match self {
            Self::Nginx(nginx) => {
                let logged = wait::until("nginx's log catching up", || {
                    Some(nginx.requests()).filter(|logged| *logged >= answers)
                });
                Some((nginx.accepted(), logged))
            }
            Self::Postgres(postgres) => Some((postgres.accepted(), postgres.queries())),
            Self::Redis(redis) => Some((redis.accepted(), redis.commands())),
            Self::Http(server) => Some((server.accepted(), server.answered())),
            Self::BlackHole(_) | Self::Nobody(_) => None,
        }
    }
}

/// A number of times: exact, or a range.
pub(crate) struct Times(Count);

impl From<u64> for Times {
    fn from(exact: u64) -> Self {
        Self(exact..=exact)
    }
}

impl From<RangeInclusive<u64>> for Times {
    fn from(range: RangeInclusive<u64>) -> Self {
        Self(range)
    }
}
