//! The dialling side of each kind of connection. One thread: what takes time is put aside and ended
//! when it is due.

use super::child::{fork_storm, kill_one};
use super::{ANSWER_AT_END, CLOSE, SIZE, STAY};
use crate::answer::{ask, take, take_end};
use anyhow::{Context as _, Result};
use fastrand::Rng;
use socket2::{Domain, SockRef, Socket, Type};
use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// Healthy connections that are open at one time, and their exchanges.
const POOL: usize = 32;
const EXCHANGES: u32 = 20;
/// How long a client leaves a connection that its server has closed.
const CLOSE_WAIT: Duration = Duration::from_secs(2);

/// What becomes of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// An exchange on one of a few connections, each closed after some.
    Healthy,
    /// One exchange, then the client closes.
    OneShot,
    /// The client resets it: `SO_LINGER` of 0.
    Reset,
    /// The client closes with an answer unread, which the kernel makes a reset.
    Unread,
    /// Nobody listens.
    Refused,
    /// Nobody answers: the backlog is full.
    DialTimeout,
    /// The client shuts its side down before it takes the answer.
    HalfClose,
    /// Its process is killed.
    Killed,
    /// One of many processes that dial once.
    ForkStorm,
    /// The server closes, the client only later.
    CloseWait,
    /// As `OneShot`, over IPv6.
    Ipv6,
}

impl Kind {
    /// How often each is played, of the sum.
    const WEIGHTS: [(Self, u32); 11] = [
        (Self::Healthy, 80),
        (Self::OneShot, 40),
        (Self::Reset, 12),
        (Self::Unread, 12),
        (Self::Refused, 12),
        (Self::DialTimeout, 2),
        (Self::HalfClose, 12),
        (Self::Killed, 1),
        // Some 900 processes in half a minute: tables of processes are full before half of a soak is over.
        (Self::ForkStorm, 4),
        (Self::CloseWait, 12),
        (Self::Ipv6, 16),
    ];

    pub(super) fn any(random: &mut Rng) -> Self {
        let sum = Self::WEIGHTS.iter().map(|(_, weight)| weight).sum();
        let mut left = random.u32(0..sum);
        for (kind, weight) in Self::WEIGHTS {
            if left < weight {
                return kind;
            }
            left -= weight;
        }
        Self::Healthy
    }

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::OneShot => "one_shot",
            Self::Reset => "reset",
            Self::Unread => "unread",
            Self::Refused => "refused",
            Self::DialTimeout => "dial_timeout",
            Self::HalfClose => "half_close",
            Self::Killed => "killed",
            Self::ForkStorm => "fork_storm",
            Self::CloseWait => "close_wait",
            Self::Ipv6 => "ipv6",
        }
    }
}

/// The dialling process.
pub(super) struct Client {
    server: SocketAddr,
    server6: SocketAddr,
    /// Holds a port that nobody listens on.
    nobody: Socket,
    /// Healthy connections, and how many exchanges each has left.
    pool: Vec<(TcpStream, u32)>,
    close_wait: VecDeque<(Instant, TcpStream)>,
    dialled: BTreeMap<&'static str, u64>,
}

impl Client {
    pub(super) fn new((port, port6): (u16, u16), nobody_port: u16) -> Result<Self> {
        let nobody = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        let place: SocketAddr = (Ipv4Addr::LOCALHOST, nobody_port).into();
        nobody.set_reuse_address(true)?;
        nobody.bind(&place.into()).context("cannot take a port")?;
        Ok(Self {
            server: (Ipv4Addr::LOCALHOST, port).into(),
            server6: (Ipv6Addr::LOCALHOST, port6).into(),
            nobody,
            pool: Vec::new(),
            close_wait: VecDeque::new(),
            dialled: Kind::WEIGHTS.iter().map(|(kind, _)| (kind.name(), 0)).collect(),
        })
    }

    /// Plays one of `kind`; all but `DialTimeout`, which is not played here.
    pub(super) fn play(&mut self, kind: Kind, random: &mut Rng) -> io::Result<()> {
        match kind {
            Kind::Healthy => self.healthy(random),
            Kind::OneShot => self.open(kind, self.server, STAY).map(drop),
            Kind::Ipv6 => self.open(kind, self.server6, STAY).map(drop),
            Kind::Reset => {
                let stream = self.open(kind, self.server, STAY)?;
                SockRef::from(&stream).set_linger(Some(Duration::ZERO))
            }
            Kind::Unread => {
                let stream = self.dial(kind, self.server)?;
                ask(&stream, &request(STAY))?;
                stream.peek(&mut [0]).map(drop)
            }
            Kind::Refused => self.refused(),
            Kind::HalfClose => {
                let stream = self.dial(kind, self.server)?;
                ask(&stream, &request(ANSWER_AT_END))?;
                stream.shutdown(Shutdown::Write)?;
                take(&stream, &mut [0; SIZE])?;
                take_end(&stream)
            }
            Kind::CloseWait => {
                let stream = self.open(kind, self.server, CLOSE)?;
                take_end(&stream)?;
                self.close_wait.push_back((Instant::now() + CLOSE_WAIT, stream));
                Ok(())
            }
            Kind::Killed => self.count(kind, kill_one(self.server.port())),
            Kind::ForkStorm => self.count(kind, fork_storm(self.server.port())),
            Kind::DialTimeout => Ok(()),
        }
    }

    pub(super) fn end_what_is_due(&mut self) {
        let now = Instant::now();
        while self.close_wait.front().is_some_and(|(due, _)| *due <= now) {
            self.close_wait.pop_front();
        }
    }

    /// Closes everything; gives how many sockets dialled, by kind.
    pub(super) fn finish(self) -> BTreeMap<&'static str, u64> {
        self.dialled
    }

    fn healthy(&mut self, random: &mut Rng) -> io::Result<()> {
        if self.pool.len() < POOL {
            let stream = self.dial(Kind::Healthy, self.server)?;
            // Not all at once at the end.
            self.pool.push((stream, random.u32(1..=EXCHANGES)));
        }
        let at = random.usize(0..self.pool.len());
        let (stream, left) = &mut self.pool[at];
        *left -= 1;
        let is_last = *left == 0;
        let done = exchange(stream, STAY);
        if is_last || done.is_err() {
            self.pool.swap_remove(at);
        }
        done
    }

    fn refused(&mut self) -> io::Result<()> {
        let port = self.nobody.local_addr()?.as_socket().map_or(0, |address| address.port());
        self.add(Kind::Refused, 1);
        match TcpStream::connect((Ipv4Addr::LOCALHOST, port)) {
            // Somebody listens there after all, or the dial failed in another way.
            Ok(_) => Err(io::ErrorKind::AddrInUse.into()),
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Dials and has an exchange.
    fn open(&mut self, kind: Kind, server: SocketAddr, what: u8) -> io::Result<TcpStream> {
        let stream = self.dial(kind, server)?;
        exchange(&stream, what)?;
        Ok(stream)
    }

    fn dial(&mut self, kind: Kind, server: SocketAddr) -> io::Result<TcpStream> {
        let stream = TcpStream::connect(server)?;
        self.add(kind, 1);
        Ok(stream)
    }

    fn count(&mut self, kind: Kind, dialled: Result<u64>) -> io::Result<()> {
        self.add(kind, dialled.map_err(io::Error::other)?);
        Ok(())
    }

    fn add(&mut self, kind: Kind, dialled: u64) {
        *self.dialled.entry(kind.name()).or_default() += dialled;
    }
}

pub(super) fn exchange(stream: &TcpStream, what: u8) -> io::Result<()> {
    ask(stream, &request(what))?;
    take(stream, &mut [0; SIZE])
}

fn request(what: u8) -> [u8; SIZE] {
    let mut request = [0; SIZE];
    request[0] = what;
    request
}

#[cfg(test)]
mod tests {
    use super::Kind;
    use fastrand::Rng;
    use std::collections::BTreeSet;

    #[test]
    fn a_seed_repeats_the_order_and_every_kind_is_played() {
        let order = |seed| {
            let mut random = Rng::with_seed(seed);
            (0..5_000).map(|_| Kind::any(&mut random)).collect::<Vec<_>>()
        };
        assert_eq!(order(7), order(7));
        assert_ne!(order(7), order(8));
        assert_eq!(order(7).into_iter().collect::<BTreeSet<_>>().len(), Kind::WEIGHTS.len());
    }
}
