//! The hooks of the plain tier: classic tracepoints, and control groups, which need no types.

use super::hook::{Hook, Kind, Need};

/// Tells the error that a connection ended with.
pub const ERROR_REPORT: &str = "sock/inet_sk_error_report";
/// Tells a close from a shutdown.
pub const RELEASE: &str = "cgroup/sock_release";

/// Every hook of the plain tier, in attach order: what frees table entries comes before what makes
/// them.
pub const PLAIN_HOOKS: &[Hook] = &[
    Hook {
        name: "tcp/tcp_destroy_sock",
        need: Need::Required,
        candidates: &[(Kind::Tracepoint, &["plain_destroy"])],
        gives: "sends the record of a connection, frees its table entry; its cookie",
    },
    Hook {
        name: "tcp/tcp_receive_reset",
        need: Need::Required,
        candidates: &[(Kind::Tracepoint, &["plain_recv_reset"])],
        gives: "resets and refusals received",
    },
    Hook {
        name: "tcp/tcp_send_reset",
        need: Need::Required,
        candidates: &[(Kind::Tracepoint, &["plain_send_reset"])],
        gives: "resets sent, and their reason from 6.10 on",
    },
    Hook {
        name: "tcp/tcp_rcv_space_adjust",
        need: Need::Required,
        candidates: &[(Kind::Tracepoint, &["plain_read"])],
        gives: "reads, and the owner of accepted sockets once they read",
    },
    Hook {
        name: "sched/sched_process_exit",
        need: Need::Required,
        candidates: &[(Kind::Tracepoint, &["plain_exiting"])],
        gives: "that a process let go of a connection by its end",
    },
    Hook {
        name: "sched/sched_process_fork",
        need: Need::Required,
        candidates: &[(Kind::Tracepoint, &["plain_forked"])],
        gives: "that a new task is not taken for the one whose number it has",
    },
    Hook {
        name: ERROR_REPORT,
        need: Need::Optional,
        candidates: &[(Kind::Tracepoint, &["plain_error"])],
        gives: "errors that ended a connection: timeouts, unreachable hosts (5.14 and later)",
    },
    Hook {
        name: RELEASE,
        need: Need::Optional,
        candidates: &[(Kind::CgroupSock, &["plain_release"])],
        gives: "close() told apart from shutdown() and connect(AF_UNSPEC), and who closed",
    },
    Hook {
        name: "cgroup/getpeername4",
        need: Need::Optional,
        candidates: &[(Kind::Cgroup, &["plain_peer4"])],
        gives: "the owner of an accepted socket at accept(), if it asks for the IPv4 address",
    },
    Hook {
        name: "cgroup/getpeername6",
        need: Need::Optional,
        candidates: &[(Kind::Cgroup, &["plain_peer6"])],
        gives: "the owner of an accepted socket at accept(), if it asks for the IPv6 address",
    },
    Hook {
        name: "sockops",
        need: Need::Optional,
        candidates: &[(Kind::SockOps, &["plain_counters"])],
        gives: "bytes, segments, retransmits, round-trip times; exchanges counted, not bounded",
    },
    Hook {
        name: "sock/inet_sock_set_state",
        need: Need::Required,
        candidates: &[(Kind::Tracepoint, &["plain_state"])],
        gives: "opens, closes, owners: the backbone",
    },
    Hook {
        name: "cgroup/connect4",
        need: Need::Optional,
        candidates: &[(Kind::Cgroup, &["plain_connect4"])],
        gives: "IPv4 dials that end before the socket leaves CLOSE (no route)",
    },
    Hook {
        name: "cgroup/connect6",
        need: Need::Optional,
        candidates: &[(Kind::Cgroup, &["plain_connect6"])],
        gives: "IPv6 dials that end before the socket leaves CLOSE (no route)",
    },
];

/// What records lack in this tier, whatever is attached: for `tracer check` and the README.
pub const PLAIN_LACKS: &[&str] = &[
    "network namespaces, start times of processes, names of thread group leaders",
    "by which signal or exit code a process ended, and which call dropped the last reference",
    "bytes unread at a close, user timeouts, most data that arrives after our close",
    "resets that follow a shutdown(); a zero window is not told apart from a dead local link",
    "counters of connections that were there before: their exchanges are a bound, reads",
    "proof that an open connection is idle: `hoard` stays silent",
    "before 5.14, errors: unreachable hosts, keepalives, zero windows, `ss -K` are not told apart",
    "before 6.7, a count of the events that the kernel skipped",
];

/// The tracepoints among the hooks.
pub(super) fn events() -> impl Iterator<Item = &'static str> {
    PLAIN_HOOKS
        .iter()
        .filter(|hook| hook.candidates.iter().any(|(kind, _)| *kind == Kind::Tracepoint))
        .map(|hook| hook.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_tracepoint_whose_record_is_read_is_a_hook() {
        for field in tracer_ebpf::EVENT_FIELDS {
            assert!(events().any(|event| event == field.event), "{}", field.event);
        }
    }
}
