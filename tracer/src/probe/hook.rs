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
    /// Function entry through a breakpoint.
    Kprobe,
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
            Self::Kprobe => "kprobe",
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

/// Every hook, in attach order: what frees table entries comes before what makes them.
pub const HOOKS: &[Hook] = &[
    Hook {
        name: "tcp_destroy_sock",
        need: Need::Required,
        candidates: &[(Kind::TpBtf, &["destroy"])],
        gives: "sends the record of a connection and frees its table entry",
    },
    Hook {
        name: "tcp_receive_reset",
        need: Need::Required,
        candidates: &[(Kind::TpBtf, &["recv_reset"])],
        gives: "resets and refusals received",
    },
    Hook {
        name: "tcp_send_reset",
        need: Need::Required,
        // The first has the reason argument of 6.10 and later.
        candidates: &[(Kind::TpBtf, &["send_reset_why"]), (Kind::TpBtf, &["send_reset"])],
        gives: "resets sent, their reason, and data that arrived after our close",
    },
    Hook {
        name: "tcp_rcv_space_adjust",
        need: Need::Required,
        candidates: &[(Kind::TpBtf, &["read"])],
        gives: "exchanges, and the owner of accepted sockets",
    },
    Hook {
        name: "tcp_connect",
        need: Need::Optional,
        candidates: &[(Kind::Fentry, &["tcp_connect_fe"]), (Kind::Kprobe, &["tcp_connect_kp"])],
        gives: "proof that a SYN was sent, and from which port, while dialling",
    },
    Hook {
        name: "tcp_close",
        need: Need::Optional,
        candidates: &[(Kind::Fentry, &["tcp_close_fe"]), (Kind::Kprobe, &["tcp_close_kp"])],
        gives: "shutdown() told apart from close() where the system call is not readable (before 5.15)",
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
        candidates: &[(Kind::TpBtf, &["set_state", "set_state_bh"])],
        gives: "opens, closes, owners: the backbone",
    },
];
