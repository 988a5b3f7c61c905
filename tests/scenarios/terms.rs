//! How a record ended, in the words of the table of causes: each says what is particular and leaves
//! the rest as it is.

use serde_json::Value;

use crate::expect::{Record, Want};

impl Record {
    /// Its cause and who ended it.
    pub(crate) fn ended(self, cause: &str, initiator: &str) -> Self {
        self.is("tracer.close.cause", cause).is("tracer.close.initiator", initiator)
    }

    /// The local call that let go of it, and the process that made it.
    pub(crate) fn by(self, how: &str, pid: u32) -> Self {
        self.is("tracer.close.how", how).is("tracer.close.pid", pid)
    }

    /// The same, by the process it belongs to.
    pub(crate) fn by_owner(self, how: &str) -> Self {
        let Some(Want::Is(Value::Number(pid))) = self.get("process.pid") else {
            panic!("nobody is known to own it")
        };
        let pid = pid.as_u64().and_then(|pid| u32::try_from(pid).ok()).expect("a pid");
        self.by(how, pid)
    }

    /// We sent the first FIN, by this call.
    pub(crate) fn local_close(self, how: &str) -> Self {
        self.ended("local_close", "local").by_owner(how)
    }

    /// The peer sent the first FIN, then we let go by this call.
    pub(crate) fn peer_close(self, how: &str) -> Self {
        self.ended("peer_close", "peer").after_peer_fin().by_owner(how)
    }

    /// A reset came while it was open.
    pub(crate) fn reset_by_peer(self) -> Self {
        self.ended("reset_by_peer", "peer").reset_received().errno(104)
    }

    /// The peer's FIN came first.
    pub(crate) fn after_peer_fin(self) -> Self {
        self.is("tracer.close.after_peer_fin", true)
    }

    /// A reset came.
    pub(crate) fn reset_received(self) -> Self {
        self.is("tracer.close.rst", "received")
    }

    /// A reset went out, for this reason.
    pub(crate) fn reset_sent(self, reason: &str) -> Self {
        self.is("tracer.close.rst", "sent").is("tracer.close.rst_reason", reason)
    }

    /// Data came after our close and was answered with a reset.
    pub(crate) fn late_data(self, reason: &str) -> Self {
        self.is("tracer.close.late_peer_data", true).reset_sent(reason)
    }

    /// The error the socket was left with.
    pub(crate) fn errno(self, errno: u32) -> Self {
        self.is("tracer.close.errno", errno)
    }

    /// Data that went out after the peer's FIN, and was answered with a reset.
    pub(crate) fn reset_after_peer_fin(self, wrote: u32) -> Self {
        // A slow host sends it again before the reset is there.
        let sent = Want::Count(u64::from(wrote)..=4 * u64::from(wrote));
        self.ended("reset_after_peer_fin", "peer")
            .after_peer_fin()
            .reset_received()
            .errno(32)
            .unacked(wrote)
            .want("tracer.bytes_sent_after_peer_fin", sent)
    }

    /// Bytes that nobody read.
    pub(crate) fn unread(self, bytes: u32) -> Self {
        self.is("tracer.unread_bytes", bytes)
    }

    /// Bytes that the peer never acknowledged.
    pub(crate) fn unacked(self, bytes: u32) -> Self {
        self.is("tracer.unacked_bytes", bytes)
    }

    /// Payload both ways, and exchanges.
    pub(crate) fn carried(self, sent: u64, received: u64, exchanges: u32) -> Self {
        self.is("tracer.bytes_sent", sent)
            .is("tracer.bytes_received", received)
            .is("tracer.exchanges", exchanges)
    }

    /// Only the direction of our own data was shut down.
    pub(crate) fn half(mut self) -> Self {
        self.is_half = true;
        self
    }

    /// Accepted, then ended by others before any process used it.
    pub(crate) fn never_used(mut self) -> Self {
        self.is_unused = true;
        self
    }

    /// Why it was opened.
    pub(crate) fn opened(self, cause: &str) -> Self {
        self.is("tracer.open.cause", cause)
    }

    /// The same where it depends on how fast the host is.
    pub(crate) fn opened_one_of(self, causes: &[&str]) -> Self {
        let causes = causes.iter().map(|cause| Value::from(*cause)).collect();
        self.want("tracer.open.cause", Want::OneOf(causes))
    }

    /// A request was outstanding.
    pub(crate) fn unanswered(self) -> Self {
        self.is("tracer.unanswered", true)
    }
}
