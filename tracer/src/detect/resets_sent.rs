//! `resets-sent`: this host resets established connections, and no application asked it to.
//!
//! Signature: five or more connections, a tenth or more of those that ended, that the kernel reset:
//! because a server closed on request data that it had not read, because data came after our close,
//! or for a reason of its own, which newer kernels (6.10) name. What an application asks for has
//! findings of its own (`unread-close` for clients, `abortive-close`). Thresholds: `resets-sent.*`.
//!
//! Healthy look-alikes that must stay silent: a client that had closed before the server did (it
//! does not see the reset); the farewell of a TLS peer, before or after our close; the end of a
//! process; a listener that is closed; `ss -K`; single scanners and broken clients.

use std::collections::BTreeMap;

use super::interval::Interval;
use super::one_shot::is_exit;
use super::sample::Sample;
use super::view::share;
use super::{Code, Confidence, Detector, Finding, Severity, Thresholds, View, handshake};
use crate::aggregate::{Distribution, Who};
use crate::connection::{Close, CloseCause, Connection, Initiator, Reset, Role};

const ADVICE_UNREAD: &str = "Read each request to its end before closing, also one that is refused \
    (413, 401, 429): clients otherwise see connection reset by peer, often instead of the answer. \
    nginx: lingering_close always; own servers: answer, shut down the sending side, read and drop \
    what comes for a few seconds, then close.";

const ADVICE_LATE: &str = "The other end goes on sending after this one has closed, and what it \
    sent is lost. A server: announce the end in the answer (Connection: close, GOAWAY), and keep \
    idle connections longer than its clients and balancers do. A client: read the answer to its \
    end, or cancel by the protocol's own means.";

const ADVICE_MEMORY: &str = "The kernel has no memory left for TCP, or too many sockets whose \
    process has closed them: compare net.ipv4.tcp_mem (pages) and net.ipv4.tcp_max_orphans with \
    cat /proc/net/sockstat, and look for peers that stop reading.";

const ADVICE_KERNEL: &str = "The reason is the kernel's name for it (enum sk_rst_reason). For \
    keepalive and other timeouts look at the path and the peer: it has vanished without a FIN.";

/// What the kernel names when TCP memory or orphans run out.
const MEMORY: &str = "tcp_abort_on_memory";

/// Why the kernel reset a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Why {
    /// A server closed with request data unread.
    Unread,
    /// Data came after our close.
    Late,
    /// Another reason, by the kernel's name where it has one.
    Named(String),
}

/// Memory of one key.
#[derive(Clone, Debug, Default)]
pub(super) struct ResetsSent {
    /// Ended after they were established.
    ended: u64,
    sample: Sample,
    unread: u64,
    unread_bytes: Distribution,
    late: u64,
    named: BTreeMap<String, u64>,
    by_exit: u64,
}

/// Why a reset was sent; `None` if none was, or an application asked for it, or nobody saw it.
fn why(connection: &Connection, close: &Close, thresholds: &Thresholds) -> Option<Why> {
    let is_tls = handshake::may_be_tls(connection.destination());
    match close.cause {
        _ if close.rst != Some(Reset::Sent) => None,
        CloseCause::LocalAbortUnread => {
            let goodbye = thresholds.unread_tls_goodbye_bytes;
            let is_goodbye =
                is_tls && close.unread_bytes.is_none_or(|bytes| u64::from(bytes) <= goodbye);
            let is_server = connection.role == Some(Role::Server);
            (is_server && !close.after_peer_fin && !is_goodbye).then_some(Why::Unread)
        }
        CloseCause::LocalAbortLinger0
        | CloseCause::LocalAbort
        | CloseCause::Disconnect
        | CloseCause::AdminAbort
        | CloseCause::NeverAccepted
        | CloseCause::HandshakeReset
        | CloseCause::HandshakeFailed => None,
        _ if close.late_peer_data => {
            (close.initiator == Initiator::Local && !is_tls).then_some(Why::Late)
        }
        _ => Some(Why::Named(close.rst_reason.as_deref().unwrap_or("unknown").to_owned())),
    }
}

impl Detector for ResetsSent {
    fn observe(&mut self, slice: &Interval<'_>, thresholds: &Thresholds) {
        for connection in slice.ended {
            let Some(close) = connection.close() else { continue };
            if close.cause.is_failed_dial() {
                continue;
            }
            self.ended += 1;
            let Some(why) = why(connection, close, thresholds) else { continue };
            if is_exit(close) {
                self.by_exit += 1;
                continue;
            }
            self.sample.add(close.at_ns, connection);
            match why {
                Why::Unread => {
                    self.unread += 1;
                    if let Some(bytes) = close.unread_bytes {
                        self.unread_bytes.record(u64::from(bytes));
                    }
                }
                Why::Late => self.late += 1,
                Why::Named(name) => *self.named.entry(name).or_default() += 1,
            }
        }
    }

    fn merge(&mut self, other: &Self) {
        self.ended += other.ended;
        self.sample.merge(&other.sample);
        self.unread += other.unread;
        self.unread_bytes.merge(&other.unread_bytes);
        self.late += other.late;
        for (name, count) in &other.named {
            *self.named.entry(name.clone()).or_default() += count;
        }
        self.by_exit += other.by_exit;
    }

    fn judge(&self, view: &View<'_>) -> Option<Finding> {
        let (thresholds, count) = (view.thresholds, self.sample.connections);
        let found = count >= thresholds.sent_min_connections.max(1)
            && share(count, self.ended) >= thresholds.sent_min_share;
        found.then(|| self.finding(view))
    }
}

impl ResetsSent {
    fn others(&self) -> u64 {
        self.named.values().sum()
    }

    fn is_out_of_memory(&self) -> bool {
        self.named.contains_key(MEMORY)
    }

    /// How bad, and what to change, by what happened most.
    fn verdict(&self, view: &View<'_>) -> (Severity, &'static str) {
        let is_server = view.key.role == Some(Role::Server);
        if self.is_out_of_memory() {
            (Severity::Error, ADVICE_MEMORY)
        } else if self.unread > 0 && self.unread >= self.late.max(self.others()) {
            (Severity::Warn, ADVICE_UNREAD)
        } else if self.late >= self.others() {
            (if is_server { Severity::Warn } else { Severity::Info }, ADVICE_LATE)
        } else {
            (Severity::Info, ADVICE_KERNEL)
        }
    }

    fn finding(&self, view: &View<'_>) -> Finding {
        let count = self.sample.connections;
        let (code, enough) = (Code::ResetsSent, view.thresholds.sent_min_connections);
        let (severity, advice) = self.verdict(view);
        let mut finding = view.finding(code, severity, &self.sample, enough);
        finding.summary = format!(
            "This host resets connections of {} with {}: {count} of {} that ended ({}).",
            view.who(),
            view.destination(),
            self.ended,
            self.reasons().join(", "),
        );
        finding.advice = advice.into();
        finding.count("resets", count);
        finding.measure("resets_share", share(count, self.ended));
        finding.count("requests_unread", self.unread);
        let unread_bytes = self.unread_bytes.quantile(0.5).map(|bytes| bytes as f64);
        finding.measure("median_unread_bytes", unread_bytes);
        finding.count("data_after_close", self.late);
        finding.count("other_reasons", self.others());
        finding.measure("resets_per_s", view.per_second(count));
        finding.rule_out("no application asked for it: aborts by SO_LINGER 0 are not counted");
        finding.rule_out(format!(
            "the process did not end: {} ended with it and are not counted",
            self.by_exit
        ));
        if self.late > 0 {
            let why = "what came after our close is not seen: a farewell (of TLS on another port, \
                       QUIT) looks the same as a request";
            finding.doubt(Confidence::Medium, why);
        }
        if view.key.who == Who::Unknown {
            finding.doubt(Confidence::Medium, "the process is not known");
        }
        finding
    }

    fn reasons(&self) -> Vec<String> {
        let mut reasons = Vec::new();
        if self.unread > 0 {
            reasons.push(format!("{} closed before the request was read", self.unread));
        }
        if self.late > 0 {
            reasons.push(format!("{} got data after our close", self.late));
        }
        for (name, count) in &self.named {
            reasons.push(match name.as_str() {
                MEMORY => format!("{count} out of TCP memory or orphans"),
                "unknown" => format!("{count} for a reason this kernel does not name"),
                name => format!("{count} {name}"),
            });
        }
        reasons
    }
}

#[cfg(test)]
mod tests;
