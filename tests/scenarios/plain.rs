//! What the plain tier cannot know: part of `knowledge.rs`, which alone may ask. As there, loosened to
//! absence, or to the vaguer of two names.

use serde_json::Value;

use crate::expect::{Record, Want};
use crate::sys;

/// What only `struct sock` or the current task tells.
const UNTOLD: [&str; 6] = [
    "tracer.netns",
    "process.creation.time",
    "tracer.unread_bytes",
    "tracer.bytes_sent_after_peer_fin",
    // A socket that its application has let go of reports no error.
    "tracer.close.errno",
    "tracer.socket_cookie",
];

/// `record` without what plain tracepoints do not tell.
pub(crate) fn temper(record: Record) -> Record {
    let mut record = UNTOLD.into_iter().fold(record, Record::may_lack);
    if record.get("tracer.socket_cookie").is_none() {
        // Tracepoints ask for it themselves, on every kernel.
        record = record.want("tracer.socket_cookie", Want::Count(1..=u64::MAX).or_absent());
    }
    if record.says("tracer.close.cause", "handshake_reset")
        || record.says("tracer.close.cause", "handshake_failed")
    {
        // Its counters are told from the end of the handshake on.
        record = counters(record);
    }
    if sys::kernel() < (5, 14) {
        record = without_errors(record);
    }
    if let Some(Want::Is(Value::String(how))) = record.get("tracer.close.how") {
        record = if how.starts_with("exit:") {
            record.is("tracer.close.how", "exit:unknown")
        } else {
            record.may_lack("tracer.close.how")
        };
    }
    if record.says("tracer.close.cause", "user_timeout") {
        record = record.is("tracer.close.cause", "retransmit_timeout");
    }
    if record.says("tracer.close.late_peer_data", true) {
        let either = Want::OneOf(vec![true.into(), false.into()]);
        record = record
            .want("tracer.close.late_peer_data", either)
            .may_lack("tracer.close.rst")
            .may_lack("tracer.close.rst_reason");
    }
    if record.says("tracer.start_known", false) {
        record = before(record);
    }
    record
}

/// Kernels before 5.14: no error is reported. What only an error tells is unknown, or vaguer.
fn without_errors(record: Record) -> Record {
    let vaguer = [
        ("connect_unreachable", "dial_aborted"),
        ("dial_cancelled", "dial_aborted"),
        ("net_error", "retransmit_timeout"),
        ("keepalive_timeout", "unknown"),
        ("zero_window_timeout", "unknown"),
        ("admin_abort", "unknown"),
    ];
    let said = vaguer.iter().find(|(cause, _)| record.says("tracer.close.cause", *cause));
    let Some((cause, other)) = said else { return record };
    let initiators = ["local", "peer", "kernel", "admin", "unknown"].map(Value::from);
    record
        .want("tracer.close.cause", Want::OneOf(vec![(*cause).into(), (*other).into()]))
        .want("tracer.close.initiator", Want::OneOf(initiators.into()))
        .may_lack("tracer.close.pid")
        .may_lack("tracer.close.rst")
        .may_lack("tracer.close.rst_reason")
}

/// One that was there before: no counters, and nobody looked for its holder.
fn before(record: Record) -> Record {
    let record = counters(record);
    [
        "tracer.role",
        "tracer.idle_before_close_s",
        "process.pid",
        "process.executable.name",
        "process.executable.path",
        "process.linux.cgroup",
    ]
    .into_iter()
    .fold(record, Record::may_lack)
}

fn counters(record: Record) -> Record {
    let either = Want::OneOf(vec!["bound".into(), "measured".into()]);
    let record = record.want("tracer.exchanges_basis", either);
    [
        "tracer.bytes_sent",
        "tracer.bytes_received",
        "tracer.retransmits",
        "tracer.srtt_s",
        "tracer.unacked_bytes",
    ]
    .into_iter()
    .fold(record, Record::may_lack)
}
