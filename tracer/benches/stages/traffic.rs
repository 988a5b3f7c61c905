//! Made-up intervals as the connection stage hands them on, and a record as the kernel sends it. Both
//! ends of each connection are on this host, as on loopback. The same in each run.

use std::mem::offset_of;
use std::net::SocketAddr;

use tracer::connection::{
    Basis, Close, CloseCause, Connection, Initiator, OpenCause, Phase, Role, TcpState, Tick,
};
use tracer::process::ProcessId;
use tracer_ebpf::{ABI_VERSION, Conn, KIND_CONN};

const SECOND: u64 = 1_000_000_000;
const TICKS: u64 = 10;

/// One kind of traffic.
pub(crate) struct Shape {
    /// As the measurement is named.
    pub(crate) name: &'static str,
    /// Its intervals, a second each.
    pub(crate) ticks: fn() -> Vec<Tick>,
}

/// What hosts do: redial for each request; keep connections; both, to many destinations.
pub(crate) const SHAPES: [Shape; 3] = [
    Shape { name: "churn", ticks: churn },
    Shape { name: "keep-alive", ticks: keep_alive },
    Shape { name: "mixed-1000", ticks: mixed },
];

/// A connection record, as in the ring.
pub(crate) fn record() -> Vec<u8> {
    let mut bytes = vec![0; Conn::SIZE];
    let mut put = |at: usize, field: &[u8]| bytes[at..at + field.len()].copy_from_slice(field);
    put(offset_of!(Conn, kind), &KIND_CONN.to_ne_bytes());
    put(offset_of!(Conn, abi), &ABI_VERSION.to_ne_bytes());
    put(offset_of!(Conn, len), &Conn::LEN.to_ne_bytes());
    put(offset_of!(Conn, cookie), &7_u64.to_ne_bytes());
    put(offset_of!(Conn, open_ns), &SECOND.to_ne_bytes());
    put(offset_of!(Conn, saddr), &[127, 0, 0, 1]);
    put(offset_of!(Conn, daddr), &[127, 0, 0, 1]);
    put(offset_of!(Conn, owner_comm), b"client");
    put(offset_of!(Conn, family), &2_u16.to_ne_bytes());
    bytes
}

/// One life: when, between whom, of how many exchanges.
#[derive(Clone, Copy)]
struct Life {
    number: u64,
    opened_ns: u64,
    /// The dialling process; the server's is 1.
    pid: u32,
    port: u16,
    exchanges: u32,
    open_cause: OpenCause,
}

impl Life {
    fn end(self, role: Role, phase: Phase, last_data_ns: u64) -> Connection {
        let at = |port| SocketAddr::from(([127, 0, 0, 1], port));
        let dialled_from = at(30_000 + u16::try_from(self.number % 30_000).unwrap_or(0));
        let is_client = role == Role::Client;
        let (local, peer) = (dialled_from, at(self.port));
        let is_closed = matches!(phase, Phase::Closed(_));
        let pid = if is_client { self.pid } else { 1 };
        Connection {
            cookie: Some(2 * self.number + u64::from(is_client)),
            role: Some(role),
            local: if is_client { local } else { peer },
            peer: if is_client { peer } else { local },
            netns: 4_026_531_840,
            owner: Some(ProcessId { pid, start_ns: u64::from(pid) * SECOND }),
            owner_comm: if is_client { "client" } else { "server" }.into(),
            owner_cgroup: Some(if is_client { 100 } else { 200 }),
            opened_ns: Some(self.opened_ns),
            established_ns: Some(self.opened_ns + 50_000),
            last_data_ns: Some(last_data_ns),
            local_fin_ns: None,
            open_cause: if is_client { self.open_cause } else { OpenCause::Accept },
            exchanges: self.exchanges,
            exchanges_basis: Basis::Measured,
            unanswered: false,
            bytes_sent: is_closed.then_some(100),
            bytes_received: is_closed.then_some(1000),
            retransmits: is_closed.then_some(0),
            srtt_s: is_closed.then_some(0.000_05),
            phase,
        }
    }

    /// Closed by the client, both ends of it.
    fn closed(self, at_ns: u64, idle_s: f64) -> [Connection; 2] {
        [Role::Client, Role::Server].map(|role| {
            let is_client = role == Role::Client;
            let close = Close {
                cause: if is_client { CloseCause::LocalClose } else { CloseCause::PeerClose },
                how: Some("close".into()),
                initiator: if is_client { Initiator::Local } else { Initiator::Peer },
                rst: None,
                rst_reason: None,
                errno: None,
                after_peer_fin: !is_client,
                late_peer_data: false,
                unread_bytes: None,
                unacked_bytes: None,
                sent_after_peer_fin: None,
                at_ns,
                idle_s: Some(idle_s),
                closer: None,
            };
            self.end(role, Phase::Closed(close), at_ns)
        })
    }

    /// Open, both ends of it.
    fn open(self, last_data_ns: u64) -> [Connection; 2] {
        let phase = || Phase::Open { state: TcpState::Established, peer_fin_ns: None };
        [Role::Client, Role::Server].map(|role| self.end(role, phase(), last_data_ns))
    }
}

fn ticks(mut fill: impl FnMut(u64, &mut Tick)) -> Vec<Tick> {
    let interval = |number: u64| {
        let mut tick = Tick { now_ns: (number + 1) * SECOND, ..Tick::default() };
        fill(number * SECOND, &mut tick);
        tick
    };
    (0..TICKS).map(interval).collect()
}

/// 1,000 connections a second, one request each, of one process to one destination.
fn churn() -> Vec<Tick> {
    const EACH: u64 = 1_000;
    ticks(|from_ns, tick| {
        for n in 0..EACH {
            let opened_ns = from_ns + 1 + n * SECOND / EACH;
            let open_cause = OpenCause::AfterLocalClose;
            let number = from_ns / SECOND * EACH + n;
            let life = Life { number, opened_ns, pid: 100, port: 80, exchanges: 1, open_cause };
            tick.ended.extend(life.closed(opened_ns + SECOND / EACH / 2, 0.0));
        }
    })
}

/// 1,000 connections of ten processes to ten destinations, kept; one in a hundred ends each second.
fn keep_alive() -> Vec<Tick> {
    const KEPT: u64 = 1_000;
    ticks(|from_ns, tick| {
        let turn = from_ns / SECOND;
        for n in 0..KEPT {
            let life = Life {
                number: n,
                opened_ns: 1 + n,
                pid: 100 + u32::try_from(n % 10).unwrap_or(0),
                port: 80 + u16::try_from(n / 10 % 10).unwrap_or(0),
                exchanges: 100 * u32::try_from(turn + 1).unwrap_or(0),
                open_cause: OpenCause::Parallel,
            };
            if n / (KEPT / 100) == turn {
                tick.ended.extend(life.closed(from_ns + SECOND / 2, 0.3));
            } else if n / (KEPT / 100) > turn {
                tick.live.extend(life.open(from_ns + SECOND - n * 500_000));
            }
        }
    })
}

/// 1,000 destinations of ten processes: to each a connection that is kept and one that is redialled.
fn mixed() -> Vec<Tick> {
    const DESTINATIONS: u64 = 1_000;
    ticks(|from_ns, tick| {
        let turn = from_ns / SECOND;
        for n in 0..DESTINATIONS {
            let pid = 100 + u32::try_from(n % 10).unwrap_or(0);
            let port = 1_000 + u16::try_from(n).unwrap_or(0);
            let open_cause = OpenCause::Parallel;
            let opened_ns = from_ns + 1 + n * 1_000;
            let number = (turn + 1) * DESTINATIONS + n;
            let redialled = Life { number, opened_ns, pid, port, exchanges: 1, open_cause };
            tick.ended.extend(redialled.closed(opened_ns + SECOND / 10, 0.0));
            let exchanges = 10 * u32::try_from(turn + 1).unwrap_or(0);
            let kept = Life { number: n, opened_ns: 1 + n, pid, port, exchanges, open_cause };
            tick.live.extend(kept.open(from_ns + SECOND / 2));
        }
        tick.ended.sort_by_key(|ended| ended.close().map(|close| close.at_ns));
    })
}
