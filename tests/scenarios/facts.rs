//! What a scene knows of its own processes and sockets, and the record that follows from it for a
//! connection of one exchange that nothing has ended yet.

use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::time::Duration;

use jiff::Timestamp;
use nix::time::{ClockId, clock_gettime};
use procfs::process;
use serde_json::Value;
use socket2::SockRef;

use crate::expect::{Record, Want};
use crate::{knowledge, sys};

/// A process whose connections are watched, read while it lives.
#[derive(Clone, Debug)]
pub(crate) struct Process {
    /// In the initial PID namespace.
    pub(crate) pid: u32,
    created: Timestamp,
    executable: PathBuf,
    cgroup: String,
}

impl Process {
    /// This one.
    pub(crate) fn own() -> Self {
        Self::of(std::process::id())
    }

    /// Another one.
    pub(crate) fn of(pid: u32) -> Self {
        let process = process::Process::new(i32::try_from(pid).expect("a pid")).expect("it lives");
        let ticks = process.stat().expect("stat").starttime;
        let groups = process.cgroups().expect("cgroup").0;
        let named = |unified: bool| {
            groups
                .iter()
                .find(move |group| group.pathname != "/" && (group.hierarchy == 0) >= unified)
        };
        let cgroup = named(true).or_else(|| named(false)).or(groups.first());
        Self {
            pid,
            created: at_boot() + Duration::from_millis(10 * ticks),
            executable: process.exe().expect("exe"),
            cgroup: cgroup.expect("a control group").pathname.clone(),
        }
    }

    /// What each of its records says of it. `ends`: it may be gone before anybody looks it up, and
    /// then only its `comm` is left.
    fn put(&self, record: Record, ends: bool) -> Record {
        let path = self.executable.to_str().expect("UTF-8");
        let name = self.executable.file_name().and_then(|name| name.to_str()).expect("UTF-8");
        let comm: String = name.chars().take(15).collect();
        let tick = Duration::from_millis(50);
        let record = record
            .is("process.pid", self.pid)
            .want("process.creation.time", Want::Between(self.created - tick, self.created + tick))
            .is("process.executable.name", name)
            .is("process.executable.path", path)
            .is("process.linux.cgroup", self.cgroup.as_str());
        if !ends {
            return record;
        }
        record
            .want("process.executable.name", Want::OneOf(vec![name.into(), comm.into()]))
            .may_lack("process.executable.path")
            .may_lack("process.linux.cgroup")
    }
}

/// Wall-clock time of the boot, as long as the clock is not set.
fn at_boot() -> Timestamp {
    let up = clock_gettime(ClockId::CLOCK_BOOTTIME).expect("CLOCK_BOOTTIME");
    Timestamp::now() - Duration::from(up)
}

/// One end of one connection.
#[derive(Clone, Debug)]
pub(crate) struct Facts {
    /// Whose it is.
    pub(crate) process: Process,
    /// Nobody can be known to own it.
    pub(crate) is_nobodys: bool,
    /// That process ends before or while the connection does.
    pub(crate) process_ends: bool,
    /// `client` or `server`.
    pub(crate) role: &'static str,
    /// Its own address.
    pub(crate) local: SocketAddr,
    /// The other end's.
    pub(crate) peer: SocketAddr,
    /// Its cookie, where sockets of this kernel have one.
    pub(crate) cookie: Option<u64>,
    /// Its network namespace.
    pub(crate) netns: u64,
}

impl Facts {
    /// Of a connected socket of this process, in this thread's namespace.
    pub(crate) fn of(socket: &impl AsFd, role: &'static str) -> Self {
        let reference = SockRef::from(socket);
        let address = |address: socket2::SockAddr| address.as_socket().expect("TCP/IP");
        Self {
            process: Process::own(),
            is_nobodys: false,
            process_ends: false,
            role,
            local: address(reference.local_addr().expect("a local address")),
            peer: address(reference.peer_addr().expect("a peer")),
            cookie: knowledge::asks_cookies().then(|| sys::cookie(socket)),
            netns: sys::netns(),
        }
    }

    /// Of a dial that is under way or failed: its own port is the kernel's choice.
    pub(crate) fn of_dial(socket: &impl AsFd, peer: SocketAddr) -> Self {
        let local = SockRef::from(socket).local_addr().ok().and_then(|local| local.as_socket());
        Self {
            process: Process::own(),
            is_nobodys: false,
            process_ends: false,
            role: "client",
            local: local.unwrap_or_else(|| SocketAddr::from(([0, 0, 0, 0], 0))),
            peer,
            cookie: knowledge::asks_cookies().then(|| sys::cookie(socket)),
            netns: sys::netns(),
        }
    }

    /// The same, with a process that may be gone when it is looked up.
    pub(crate) fn ends(self) -> Self {
        Self { process_ends: true, ..self }
    }

    /// The same, of a socket that no process ever used, or was seen to use.
    pub(crate) fn of_nobody(self) -> Self {
        Self { is_nobodys: true, ..self }
    }

    /// The accepting end of a dialled one, on this host, that no process had when it ended.
    pub(crate) fn other_end(&self) -> Self {
        Self { role: "server", local: self.peer, peer: self.local, cookie: None, ..self.clone() }
            .of_nobody()
    }

    /// What is common to all records of this end.
    fn bare(&self) -> Record {
        let (local, peer) = (self.local, self.peer);
        let address = |socket: SocketAddr| Value::from(socket.ip().to_canonical().to_string());
        let server = if self.role == "client" { peer } else { local };
        let record = Record::new()
            .want("timestamp", Want::Within)
            .is("schema_version", 1)
            .is("event.name", "tracer.connection.closed")
            .is("host.name", host())
            .is("tracer.netns", self.netns)
            .is("network.transport", "tcp")
            .is("network.type", if peer.ip().to_canonical().is_ipv4() { "ipv4" } else { "ipv6" })
            .is("network.peer.address", address(peer))
            .is("network.peer.port", peer.port())
            .is("tracer.role", self.role)
            .is("server.address", address(server))
            .is("server.port", server.port())
            .is("tracer.close.after_peer_fin", false)
            .is("tracer.close.late_peer_data", false)
            .is("tracer.exchanges_basis", "measured")
            .is("tracer.unanswered", false)
            .want("tracer.duration_s", Want::SomeSeconds)
            .want("tracer.retransmits", Want::Count(0..=5))
            .is("tracer.start_known", true);
        let record = match self.cookie {
            Some(cookie) => record.is("tracer.socket_cookie", cookie),
            None => record,
        };
        let record = if local.port() == 0 {
            record
        } else {
            record
                .is("network.local.address", address(local))
                .is("network.local.port", local.port())
        };
        if self.is_nobodys {
            // Nobody could ask for its cookie either.
            let any = Want::Count(1..=u64::MAX);
            return match knowledge::asks_cookies() {
                true => record.want("tracer.socket_cookie", any),
                false => record,
            };
        }
        self.process.put(record, self.process_ends)
    }

    /// A connection that carried one byte each way.
    pub(crate) fn record(&self) -> Record {
        let record = self
            .bare()
            .is("tracer.open.cause", if self.role == "client" { "first" } else { "accept" })
            .is("tracer.bytes_sent", 1)
            .is("tracer.bytes_received", 1)
            .is("tracer.exchanges", 1)
            .unacked(0)
            .want("tracer.idle_before_close_s", Want::Seconds(Duration::ZERO))
            .want("tracer.srtt_s", Want::SomeSeconds);
        if self.role == "client" {
            record.want("tracer.connect_s", Want::SomeSeconds)
        } else {
            record
        }
    }

    /// A dial that did not become a connection.
    pub(crate) fn failed_dial(&self) -> Record {
        let record = self
            .bare()
            .is("tracer.open.cause", "first")
            .is("tracer.bytes_sent", 0)
            .is("tracer.bytes_received", 0)
            .is("tracer.exchanges", 0);
        if self.local.port() == 0 {
            let local = self.peer.ip().to_canonical().to_string();
            record
                .is("network.local.address", local)
                .want("network.local.port", Want::Count(1..=65535))
        } else {
            record
        }
    }

    /// A connection that was there before the tracer, and carried one exchange since.
    pub(crate) fn known_since_the_start(&self) -> Record {
        self.record()
            .is("tracer.open.cause", "preexisting")
            .is("tracer.start_known", false)
            .without("tracer.duration_s")
            .without("tracer.connect_s")
            .without("tracer.bytes_sent")
            .without("tracer.bytes_received")
    }
}

fn host() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").expect("/proc is mounted");
    name.trim_end().to_owned()
}
