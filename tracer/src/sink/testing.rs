//! One well-known host, process, connection, total and finding, for the tests of all sinks.

use crate::aggregate::{Key, Peer, PeerTotals, Totals, Who};
use crate::bounds::Evictions;
use crate::clock::Clock;
use crate::connection::{
    Basis, Close, CloseCause, Connection, Initiator, OpenCause, Phase, Role, TcpState, testing,
};
use crate::detect::{
    Also, Cause, Code, Confidence, Consequence, Evidence, Finding, NotEnough, Severity,
};
use crate::process::{Identity, ProcessId, Runtime};
use crate::sink::{Health, Origin};
use crate::source::Dropped;

/// Monotonic time 0 is 2023-11-14 22:13:20 UTC.
pub(crate) fn origin() -> Origin {
    Origin {
        host: "web-1".into(),
        clock: Clock {
            wall_minus_monotonic_ns: 1_700_000_000_000_000_000,
            boot_minus_monotonic_ns: 0,
            tick_ns: 4_000_000,
        },
    }
}

pub(crate) fn health() -> Health {
    let hook = |name: &str, status: &str| (name.to_owned(), status.to_owned());
    let reasons = tracer_ebpf::Loss::ALL.iter().map(|loss| loss.name());
    let lost = reasons.chain(Dropped::NAMES).map(|name| (name.to_owned(), 0));
    Health {
        at_ns: 5_000_000_000,
        hooks: vec![
            hook("inet_sock_set_state", "attached:tp_btf"),
            hook("tcp_connect", "refused:EPERM"),
            hook("tcp_close", "unsupported"),
        ],
        tier: "core".into(),
        reader: Some("realtime".into()),
        seen_share: None,
        interval_s: None,
        unwritten: 0,
        unwritten_by_output: Vec::new(),
        lost: lost.collect(),
        lost_of: Vec::new(),
        evicted: Evictions::default(),
        decode_errors: Vec::new(),
        connections_tracked: 4,
        late_unjoined: 0,
        version: "0.1.0".into(),
        kernel: "6.18.5".into(),
    }
}

pub(crate) const CHECKOUT: ProcessId = ProcessId { pid: 4711, start_ns: 1 };

pub(crate) fn runtime() -> Option<Runtime> {
    Runtime::named("go", Some("1.22.5".into()))
}

pub(crate) fn identity() -> Identity {
    Identity {
        id: CHECKOUT,
        vpid: None,
        comm: "checkout".into(),
        exe: Some("/srv/bin/checkout".into()),
        command: None,
        cgroup: Some("/system.slice/checkout.service".into()),
        pod: None,
        runtime: runtime(),
    }
}

pub(crate) fn close() -> Close {
    Close {
        how: Some("close".into()),
        initiator: Initiator::Local,
        idle_s: Some(0.000_34),
        closer: Some(CHECKOUT),
        ..testing::close(1_500_340_000, CloseCause::LocalClose)
    }
}

pub(crate) fn closed_connection() -> Connection {
    Connection {
        cookie: Some(4107),
        local: "10.0.0.5:41234".parse().unwrap(),
        peer: "10.0.3.7:8080".parse().unwrap(),
        netns: 4_026_531_840,
        owner: Some(CHECKOUT),
        owner_comm: "checkout".into(),
        established_ns: Some(1_495_210_000),
        last_data_ns: Some(1_500_000_000),
        open_cause: OpenCause::AfterLocalClose,
        exchanges: 1,
        bytes_sent: Some(120),
        bytes_received: Some(1_300_000),
        retransmits: Some(0),
        srtt_s: Some(0.000_2),
        phase: Phase::Closed(close()),
        ..testing::live(1_495_000_000)
    }
}

pub(crate) fn open_connection() -> Connection {
    let phase = Phase::Open { state: TcpState::Established, peer_fin_ns: None };
    Connection { phase, ..closed_connection() }
}

pub(crate) fn key() -> Key {
    Key {
        who: Who::Process(CHECKOUT),
        role: Some(Role::Client),
        destination: Some("10.0.3.7:8080".parse().unwrap()),
        netns: 4_026_531_840,
    }
}

pub(crate) fn totals() -> Totals {
    Totals {
        opened: 200,
        closed: 198,
        open: 2,
        preexisting: 0,
        failed: 0,
        established: 200,
        peak: 3,
        exchanges: 204,
        used: 200,
        exchanges_basis: Basis::Measured,
        redials: 197,
        closes: [(CloseCause::LocalClose, 196), (CloseCause::PeerClose, 2)].into(),
        opens: [(OpenCause::First, 1), (OpenCause::AfterLocalClose, 199)].into(),
        duration_p50_s: Some(0.005_1),
        duration_p99_s: Some(0.012),
        bytes_sent: Some(24_000),
        bytes_received: Some(260_000_000),
        processes: 1,
        runtime: runtime(),
    }
}

/// A peer that redials into nginx.
pub(crate) fn peer() -> PeerTotals {
    let closes = [(CloseCause::PeerClose, 196), (CloseCause::LocalClose, 2)].into();
    PeerTotals {
        peer: Some(Peer {
            netns: 4_026_531_840,
            server: "10.0.0.1:443".parse().unwrap(),
            address: "10.0.9.1".parse().unwrap(),
        }),
        served_by: Some("nginx".into()),
        totals: Totals { redials: 0, closes, opens: [(OpenCause::Accept, 200)].into(), ..totals() },
        redials: Some(195),
    }
}

pub(crate) fn finding() -> Finding {
    let measure = |name, value| Evidence { name, value };
    Finding {
        code: Code::OneShot,
        key: key(),
        severity: Severity::Warn,
        confidence: Confidence::High,
        doubts: Vec::new(),
        connections: 200,
        summary: "checkout opens a new connection for almost every request and closes it right \
                  after the answer: 200 connections for 204 exchanges."
            .into(),
        advice: "Keep one HTTP client (or Session, or Transport) for the life of the process and \
                 share it, instead of making one per request; check that keep-alives are not \
                 switched off."
            .into(),
        evidence: vec![
            measure("connections", 200.0),
            measure("exchanges", 204.0),
            measure("closed_by_us_share", 0.99),
            measure("median_idle_before_close_s", 0.000_34),
            measure("dials_per_s", 13.3),
            measure("received_bytes", 260_000_000.0),
        ],
        ruled_out: vec![
            "The server does not end them: 2 of 198 closes came from it first.".into(),
            "Not a pool that warms up: the dials go on through the whole window.".into(),
        ],
        consequences: vec![Consequence {
            code: Code::PortPressure,
            severity: Severity::Error,
            summary: "Towards 10.0.0.5:443 the ephemeral ports will be used up in 40 s.".into(),
            evidence: vec![measure("ports_held", 14_000.0), measure("exhausted_in_s", 40.0)],
        }],
        first_seen_ns: 1_000_000_000,
        last_seen_ns: 4_900_000_000,
        also: vec![Also {
            key: Key { destination: "10.0.3.8:8080".parse().ok(), ..key() },
            connections: 90,
        }],
        cause: Cause::new(Code::OneShot, &key(), "checkout"),
        examples: vec![4107, 4109, 4112],
        processes: 1,
        runtime: runtime(),
    }
}

pub(crate) fn lack() -> NotEnough {
    NotEnough {
        code: Code::OneShot,
        key: key(),
        processes: 1,
        threshold: "one-shot.min-connections",
        things: "connections".into(),
        have: 4,
        need: 10,
    }
}
