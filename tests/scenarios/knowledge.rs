//! What a kernel or a tier cannot know. The only place where an expectation is loosened, and only to
//! absence: what is told must be right everywhere.

use serde_json::Value;

use crate::expect::{Record, Want};
use crate::plain;
use crate::support::report::text;
use crate::sys;

/// Whether a scene may ask for cookies: before 5.15 a program cannot, and a cookie exists only once
/// somebody asked. There nobody does, so that no record may show one.
pub(crate) fn asks_cookies() -> bool {
    sys::kernel() >= (5, 15)
}

/// What this run can know.
pub(crate) struct Knowledge {
    /// `tracer.tier`.
    pub(crate) tier: String,
    /// Since 5.15: who the current task is beyond its pid, and in which system call.
    has_task: bool,
    /// Since 6.10 the kernel names the reasons of its resets.
    has_reasons: bool,
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
        let kernel = sys::kernel();
        let hooks = &health["tracer.hooks"];
        let is_attached = |hook: &str| {
            hooks[hook].as_str().is_some_and(|verdict| verdict.starts_with("attached:"))
        };
        Self {
            tier: text(health, "tracer.tier").to_owned(),
            has_task: kernel >= (5, 15),
            has_reasons: kernel >= (6, 10),
            sees_close: is_attached("tcp_close"),
            sees_dials: is_attached("cgroup/connect4"),
            is_seeded: is_attached("iter/task_file"),
        }
    }

    fn is_full(&self) -> bool {
        self.tier == "full"
    }

    /// `record` without what cannot be known here.
    pub(crate) fn temper(&self, mut record: Record) -> Record {
        if self.tier == "plain" {
            record = plain::temper(record);
        }
        if !self.has_reasons {
            record = record.without("tracer.close.rst_reason");
        }
        if !self.has_task {
            record = self.without_task(record);
        }
        if !self.is_full() && record.is_unused {
            record = without_owner(record);
        }
        if !self.is_full() && record.says("tracer.close.cause", "connect_no_route") {
            // Its errno is what tcp_v4_connect returns; the socket never leaves CLOSE.
            record = record
                .want("tracer.close.cause", Want::Is("dial_aborted".into()))
                .is("tracer.close.initiator", "unknown")
                .without("tracer.close.errno");
        }
        record
    }

    /// Kernels before 5.15.
    fn without_task(&self, record: Record) -> Record {
        let is_known = match record.get("tracer.close.how") {
            Some(Want::Is(Value::String(how))) if how.starts_with("exit:") => true,
            // Of a connection; a dial may also be ended by connect().
            Some(Want::Is(Value::String(how))) if how == "shutdown" => {
                self.sees_close && !record.says("tracer.close.cause", "dial_cancelled")
            }
            // close(), dup2(), exec and the last reference look the same.
            Some(_) => false,
            _ => true,
        };
        let record = if is_known { record } else { record.may_lack("tracer.close.how") };
        let record = record.may_lack("process.creation.time");
        if record.says("tracer.close.late_peer_data", true) {
            // The reset that tells of it is joined by the cookie, which there is none of.
            return record
                .want("tracer.close.late_peer_data", Want::OneOf(vec![true.into(), false.into()]))
                .may_lack("tracer.close.rst");
        }
        record
    }

    /// Whether nothing at all can be known of this one.
    pub(crate) fn may_be_missing(&self, record: &Record) -> bool {
        // Only a hook on the control group sees a dial that ends before its SYN begin.
        !self.sees_dials && record.says("tracer.close.cause", "dial_aborted")
    }

    /// Whether connections that were there before are known with their processes.
    pub(crate) const fn is_seeded(&self) -> bool {
        self.is_seeded
    }
}

/// Nobody was seen with it.
fn without_owner(record: Record) -> Record {
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
