//! What a kernel or a tier cannot know. The only place where an expectation is loosened, and only to
//! absence: what is told must be right everywhere.

use std::time::Duration;

use serde_json::Value;

use crate::expect::{Record, Want};
use crate::plain;
use crate::support::report::text;
use crate::sys;

/// What a scene may need of the kernel beyond TCP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    /// Built in or not; never a module.
    Mptcp,
}

impl Need {
    /// Why a scene cannot be played on this kernel, if it cannot.
    pub(crate) fn lack(self) -> Option<&'static str> {
        match self {
            Self::Mptcp => {
                (!sys::has_sysctl("mptcp/enabled")).then_some("this kernel is built without MPTCP")
            }
        }
    }
}

/// What this run can know.
pub(crate) struct Knowledge {
    tier: String,
    kernel: (u32, u32),
    /// `tcp_close` is watched, so a close is told from a shutdown without the system call.
    sees_close: bool,
    /// Dials are seen to begin.
    sees_dials: bool,
    /// Open descriptors were walked at the start.
    is_seeded: bool,
}

impl Knowledge {
    /// From the health line printed once attached.
    pub(crate) fn new(health: &Value) -> Self {
        let hooks = &health["tracer.hooks"];
        let is_attached = |hook: &str| {
            hooks[hook].as_str().is_some_and(|verdict| verdict.starts_with("attached:"))
        };
        Self {
            tier: text(health, "tracer.tier").to_owned(),
            kernel: sys::kernel(),
            sees_close: is_attached("tcp_close"),
            sees_dials: is_attached("cgroup/connect4"),
            is_seeded: is_attached("iter/task_file"),
        }
    }

    /// Since 5.15 a program sees more of the current task than its pid, and sockets have cookies.
    fn has_task(&self) -> bool {
        self.kernel >= (5, 15)
    }

    /// Since 6.10 the kernel names the reasons of its resets, and tells of those it sends for a
    /// timewait socket.
    fn has_reasons(&self) -> bool {
        self.kernel >= (6, 10)
    }

    fn is_full(&self) -> bool {
        self.tier == "full"
    }

    /// `record` without what cannot be known here.
    pub(crate) fn temper(&self, mut record: Record) -> Record {
        if self.tier == "plain" {
            record = plain::temper(record);
        }
        let by_timewait = record.says("tracer.close.rst_reason", "tcp_timewait_socket");
        if !self.has_reasons() {
            record = record.without("tracer.close.rst_reason");
        }
        if record.says("tracer.close.late_peer_data", true)
            && (!self.has_task() || (by_timewait && !self.has_reasons()))
        {
            // The reset that tells of it is joined by the cookie, or is not told of.
            record = record
                .want("tracer.close.late_peer_data", Want::OneOf(vec![true.into(), false.into()]))
                .may_lack("tracer.close.rst");
        }
        if !self.has_task() {
            record = self.without_task(record);
        }
        if !self.is_full() && record.is_unused {
            record = without_owner(record);
        }
        if !self.is_full() && record.says("tracer.close.cause", "connect_no_route") {
            // The socket never leaves CLOSE: only the call that fails tells of it.
            record = record
                .ended("dial_aborted", "unknown")
                .without("tracer.close.errno")
                .want("tracer.duration_s", Want::Seconds(Duration::ZERO));
        }
        if !self.is_seeded && record.says("tracer.open.cause", "preexisting") {
            record = unseeded(record);
        }
        record
    }

    /// Kernels before 5.15: no system call, no start time, no cookie.
    fn without_task(&self, record: Record) -> Record {
        let is_known = match record.get("tracer.close.how") {
            // Of a dial that was ended without a close, connect(AF_UNSPEC) is the other way.
            Some(Want::Is(Value::String(how))) if how == "shutdown" => {
                !record.says("tracer.close.cause", "dial_cancelled")
                    && (self.sees_close || record.is_half)
            }
            Some(Want::Is(Value::String(how))) => how.starts_with("exit:"),
            _ => true,
        };
        // Whoever asks for a cookie first makes it; not every program may ask.
        let mut record = record.may_lack("process.creation.time").may_lack("tracer.socket_cookie");
        if !is_known {
            record = record.may_lack("tracer.close.how");
        }
        if record.says("tracer.open.cause", "reopen_same_socket") {
            // That it is the same socket is known by its cookie.
            let causes = vec!["reopen_same_socket".into(), "after_local_close".into()];
            record = record.want("tracer.open.cause", Want::OneOf(causes));
        }
        record
    }

    /// Whether a summary of connections that were there before may not say which end they are.
    pub(crate) fn may_lack_the_role_of_earlier_ones(&self, role: &str) -> bool {
        !self.is_seeded && role == "client"
    }

    /// Whether its cause may be told as unknown.
    pub(crate) fn cause_may_be_unknown(&self, record: Record) -> bool {
        let tempered = self.temper(record);
        let cause = tempered.get("tracer.close.cause");
        matches!(cause, Some(Want::OneOf(causes)) if causes.contains(&"unknown".into()))
    }

    /// Whether nothing at all can be known of this one.
    pub(crate) fn may_be_missing(&self, record: &Record) -> bool {
        // Only a hook on the control group sees a dial that ends before its SYN begin.
        !self.sees_dials && record.says("tracer.close.cause", "dial_aborted")
    }
}

/// A connection that was there before, on a kernel that does not let us look for it: who dialled is
/// not known, and whose it is only from its next use on.
fn unseeded(record: Record) -> Record {
    let is_used = record.get("tracer.exchanges").is_some() && !record.says("tracer.exchanges", 0);
    let is_ours = record.get("tracer.close.pid").is_some();
    let record =
        if record.says("tracer.role", "client") { record.may_lack("tracer.role") } else { record };
    if is_used || is_ours { record } else { without_owner(record) }
}

/// Nobody was seen with it.
pub(crate) fn without_owner(record: Record) -> Record {
    [
        "process.pid",
        "process.creation.time",
        "process.executable.name",
        "process.executable.path",
        "process.linux.cgroup",
    ]
    .into_iter()
    .fold(record, Record::may_lack)
}
