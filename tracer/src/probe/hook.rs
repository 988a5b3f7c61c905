//! Which kernel points are hooked, and how to attach to each: candidates in order of preference.

use tracer_ebpf::names;

/// Name of the walk over open sockets.
pub const POLL: &str = "iter/tcp";
/// Name of the walk over open files.
pub const SEED: &str = "iter/task_file";

/// How a program is attached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// BTF-typed tracepoint.
    TpBtf,
    /// Function entry through a BPF trampoline.
    Fentry,
    /// Function return through a BPF trampoline.
    Fexit,
    /// Function entry or return through a breakpoint.
    Kprobe,
    /// A call of any process in the control group hierarchy (version 2).
    Cgroup,
    /// The same, with another kind of context.
    CgroupSock,
    /// A call of the TCP stack to whoever watches the sockets of a control group.
    SockOps,
    /// Classic tracepoint, which hands over a copy of some fields.
    Tracepoint,
    /// A walk that runs when userspace reads it.
    Iter,
}

impl Kind {
    /// Name used in every output.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::TpBtf => "tp_btf",
            Self::Fentry => "fentry",
            Self::Fexit => "fexit",
            Self::Kprobe => "kprobe",
            Self::Cgroup | Self::CgroupSock => "cgroup",
            Self::SockOps => "sockops",
            Self::Tracepoint => "tracepoint",
            Self::Iter => "iter",
        }
    }
}

/// What happens if no candidate attaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// tracer cannot do its job.
    Required,
    /// Records lack what only this hook tells.
    Optional,
    /// The same; not even tried where the programs can read the current task (5.15 and later), which
    /// tells as much.
    Substitute,
}

impl Need {
    /// Name used in every output.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Required => "required",
            Self::Optional => "optional",
            Self::Substitute => "before 5.15",
        }
    }
}

/// One kernel point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hook {
    /// Tracepoint or function.
    pub name: &'static str,
    /// Whether we can do without.
    pub need: Need,
    /// Ways to serve it, best first; each is one or more programs that belong together.
    pub candidates: &'static [(Kind, &'static [&'static str])],
    /// What it gives, for `tracer check` and the README.
    pub gives: &'static str,
}

/// Every hook, in attach order: what frees table entries comes before what makes them. Programs whose
/// events must not be lost are there more than once (`tracer-ebpf`'s `copies` says why).
pub const HOOKS: &[Hook] = &[
    Hook {
        name: "tcp_destroy_sock",
        need: Need::Required,
        candidates: &[(Kind::TpBtf, &["destroy", "destroy_again"])],
        gives: "sends the record of a connection and frees its table entry",
    },
    Hook {
        name: "tcp_receive_reset",
        need: Need::Required,
        candidates: &[(Kind::TpBtf, &["recv_reset", "recv_reset_again"])],
        gives: "resets and refusals received",
    },
    Hook {
        name: "tcp_send_reset",
        need: Need::Required,
        // The first has the reason argument of 6.10 and later.
        candidates: &[
            (Kind::TpBtf, &["send_reset_why", "send_reset_why_again"]),
            (Kind::TpBtf, &["send_reset", "send_reset_again"]),
        ],
        gives: "resets sent, their reason, and data that arrived after our close",
    },
    Hook {
        name: "tcp_rcv_space_adjust",
        need: Need::Required,
        candidates: &[(Kind::TpBtf, &["read", "read_again"])],
        gives: "exchanges, and the owner of accepted sockets once they read",
    },
    Hook {
        name: "sched_process_exit",
        need: Need::Substitute,
        candidates: &[(Kind::TpBtf, &["exiting"])],
        gives: "by which signal or exit code a process let go of a connection",
    },
    Hook {
        name: "sched_process_fork",
        need: Need::Substitute,
        candidates: &[(Kind::TpBtf, &["forked"])],
        gives: "that a new task is not taken for the one whose number it has",
    },
    Hook {
        name: "tcp_connect",
        need: Need::Optional,
        candidates: &[(Kind::Fentry, &["tcp_connect_fe"]), (Kind::Kprobe, &["tcp_connect_kp"])],
        gives: "the port of a dial while it waits for its answer",
    },
    Hook {
        name: "tcp_close",
        need: Need::Optional,
        candidates: &[(Kind::Fentry, &["tcp_close_fe"]), (Kind::Kprobe, &["tcp_close_kp"])],
        gives: "before 5.15, shutdown() told apart from close(); later kernels show the system call",
    },
    Hook {
        name: "inet_csk_accept",
        need: Need::Optional,
        // The function had four arguments before 6.10.
        candidates: &[
            (Kind::Fexit, &["accepted_of_four", "accepted_of_four_again"]),
            (Kind::Fexit, &["accepted_of_two", "accepted_of_two_again"]),
            (Kind::Kprobe, &["accepted_kp"]),
        ],
        gives: "the owner of an accepted socket at accept(), before it reads or closes",
    },
    Hook {
        name: "tcp_v4_connect",
        need: Need::Optional,
        candidates: &[
            (Kind::Fexit, &["connected4_fe", "connected4_fe_again"]),
            (Kind::Kprobe, &["connecting4_kp", "connected4_kp"]),
        ],
        gives: "the errno of an IPv4 dial that failed before its SYN: no route, no port",
    },
    Hook {
        name: "tcp_v6_connect",
        need: Need::Optional,
        candidates: &[
            (Kind::Fexit, &["connected6_fe", "connected6_fe_again"]),
            (Kind::Kprobe, &["connecting6_kp", "connected6_kp"]),
        ],
        gives: "the errno of an IPv6 dial that failed before its SYN: no route, no port",
    },
    Hook {
        name: POLL,
        need: Need::Optional,
        candidates: &[(Kind::Iter, &[names::POLL])],
        gives: "proof that an open connection is idle (hoard, idle_available)",
    },
    Hook {
        name: SEED,
        need: Need::Optional,
        candidates: &[(Kind::Iter, &[names::SEED])],
        gives: "connections that were open before tracing began, and who holds them",
    },
    Hook {
        name: "inet_sock_set_state",
        need: Need::Required,
        candidates: &[(Kind::TpBtf, &["set_state", "set_state_again", "set_state_at_last"])],
        gives: "opens, closes, owners: the backbone",
    },
    // After the backbone: an entry that they begin is completed by it.
    Hook {
        name: "cgroup/connect4",
        need: Need::Optional,
        candidates: &[(Kind::Cgroup, &["connecting4"])],
        gives: "IPv4 dials that end before the socket leaves CLOSE (no route)",
    },
    Hook {
        name: "cgroup/connect6",
        need: Need::Optional,
        candidates: &[(Kind::Cgroup, &["connecting6"])],
        gives: "IPv6 dials that end before the socket leaves CLOSE (no route)",
    },
];
