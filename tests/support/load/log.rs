//! What one process of the load did: counts of all its connections, and samples. Kept in memory
//! while the load runs, written when it is over.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::Duration;
use std::{env, fs, process};

use socket2::SockRef;

use super::behaviour::{Behaviour, End};
use super::connection::Plan;
use super::{SAMPLED, port};

/// Which end of its connections a process is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Side {
    /// It dials.
    Client,
    /// It accepts.
    Server,
}

impl Side {
    /// `tracer.role`.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Server => "server",
        }
    }
}

/// One end of one connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sample {
    /// `SO_COOKIE` of the socket.
    pub(crate) cookie: u64,
    /// Its own address.
    pub(crate) local: SocketAddr,
    /// The other end's.
    pub(crate) peer: SocketAddr,
    /// What it carried.
    pub(crate) plan: Plan,
}

/// What one process did.
#[derive(Clone, Debug)]
pub(crate) struct Log {
    /// Its pid.
    pub(crate) pid: u32,
    /// Which end it was.
    pub(crate) side: Side,
    /// How long it was at it.
    pub(crate) took: Duration,
    /// Connections by behaviour.
    pub(crate) counts: BTreeMap<Behaviour, u64>,
    /// One in [`SAMPLED`].
    pub(crate) samples: Vec<Sample>,
    /// Inode number of its network namespace.
    pub(crate) netns: u64,
    /// Base name of its executable.
    pub(crate) executable: String,
    pair: u8,
}

impl Log {
    /// Of this process, empty.
    pub(super) fn new(side: Side, pair: u8) -> Self {
        let program = env::current_exe().expect("this program");
        let name = program.file_name();
        Self {
            pid: process::id(),
            side,
            took: Duration::ZERO,
            counts: BTreeMap::new(),
            samples: Vec::new(),
            netns: fs::metadata("/proc/self/ns/net").expect("a network namespace").ino(),
            executable: name.expect("a name").to_string_lossy().into_owned(),
            pair,
        }
    }

    /// Notes a connection while it is established.
    pub(super) fn note(&mut self, plan: Plan, stream: &TcpStream) {
        *self.counts.entry(plan.behaviour).or_default() += 1;
        if plan.number.is_multiple_of(SAMPLED) {
            self.samples.push(Sample {
                cookie: SockRef::from(stream).cookie().expect("SO_COOKIE"),
                local: stream.local_addr().expect("an address"),
                peer: stream.peer_addr().expect("a peer"),
                plan,
            });
        }
    }

    /// All its connections.
    pub(crate) fn total(&self) -> u64 {
        self.counts.values().sum()
    }

    /// Port of its server.
    pub(crate) fn port(&self) -> u16 {
        port(self.pair)
    }

    /// What one of its connections has to be told as.
    pub(crate) const fn end(&self, behaviour: Behaviour) -> End {
        match self.side {
            Side::Client => behaviour.client(),
            Side::Server => behaviour.server(),
        }
    }

    /// Writes it.
    pub(super) fn write(&self, folder: &Path) {
        let took = self.took.as_nanos();
        let mut text =
            format!("{} {} {} {took} {}\n", self.side.name(), self.pid, self.pair, self.netns);
        for (behaviour, count) in &self.counts {
            writeln!(text, "count {} {count}", behaviour.name()).expect("a text");
        }
        for Sample { cookie, local, peer, plan } in &self.samples {
            writeln!(text, "sample {cookie} {local} {peer} {}", plan.number).expect("a text");
        }
        fs::write(folder.join(format!("{}.log", self.pid)), text).expect("the log is written");
    }

    /// Reads all that are in `folder`.
    pub(super) fn read_all(folder: &Path) -> Vec<Self> {
        let files = fs::read_dir(folder).expect("the folder of the logs");
        files.map(|file| Self::read(&file.expect("a file").path())).collect()
    }

    fn read(file: &Path) -> Self {
        let text = fs::read_to_string(file).expect("a log");
        let mut lines = text.lines().map(|line| line.split(' ').collect::<Vec<_>>());
        let head = lines.next().expect("a head");
        let number = |word: &str| word.parse::<u64>().expect("a number");
        let side = if head[0] == "client" { Side::Client } else { Side::Server };
        let mut log = Self::new(side, head[2].parse().expect("a pair"));
        log.pid = head[1].parse().expect("a pid");
        log.took = Duration::from_nanos(number(head[3]));
        log.netns = number(head[4]);
        for words in lines {
            if words[0] == "count" {
                log.counts.insert(Behaviour::named(words[1]), number(words[2]));
            } else {
                log.samples.push(Sample {
                    cookie: number(words[1]),
                    local: words[2].parse().expect("an address"),
                    peer: words[3].parse().expect("an address"),
                    plan: Plan::of(log.pair, number(words[4])),
                });
            }
        }
        log
    }
}
