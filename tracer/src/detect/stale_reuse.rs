//! `stale-reuse`: we wrote on connections that the peer had closed, and got a reset.
//!
//! Signature: three or more connections that had carried something, got the peer's FIN, and were
//! written to after it, or had a request on its way, which a reset answered.
//! Each is a request that failed or was sent again. Thresholds: `stale-reuse.*`.
//!
//! Healthy look-alikes that must stay silent: a farewell in answer to the FIN (TLS `close_notify`,
//! QUIT, Terminate, GOAWAY), which many servers answer with a reset; an upload that the server
//! refuses (a first request, or much data at once, on a connection in use); a reset without
//! anything written; one without a FIN (`resets-received`). A restart of the server, which closes a whole pool at one moment, is information.

use super::interval::Interval;
use super::moments::Moments;
use super::sample::Sample;
use super::view::share;
use super::{Code, Confidence, Detector, Finding, Severity, Thresholds, View, handshake};
use crate::aggregate::{Distribution, Who};
use crate::connection::{Close, CloseCause, Connection, OpenCause, Role};

/// Memory of one key.
#[derive(Clone, Debug, Default)]
pub(super) struct StaleReuse {
    /// By the end that we wrote after.
    sample: Sample,
    moments: Moments,
    /// Of them: the request and the FIN crossed.
    crossed: u64,
    /// Written to after the FIN, but no more than a farewell.
    farewells: u64,
    redials: u64,
    idle: Distribution,
    written: Distribution,
}

/// How a connection was stale.
enum Stale {
    /// Bytes were sent after the peer's FIN.
    Written(u64),
    /// A request was on its way when the FIN came.
    Crossed,
    /// So much is no more than a farewell.
    Farewell,
}

/// Whether a reset answered what we sent to a peer that had closed.
fn stale(connection: &Connection, close: &Close, thresholds: &Thresholds) -> Option<Stale> {
    let is_reset =
        matches!(close.cause, CloseCause::ResetAfterPeerFin | CloseCause::LocalCloseThenReset);
    // The first request of a connection does not reuse it.
    let was_used = connection.exchanges > 0 || !connection.start_known();
    let is_tls = handshake::may_be_tls(connection.destination());
    if !is_reset || !close.after_peer_fin || !was_used {
        return None;
    }
    let goodbye =
        if is_tls { thresholds.unread_tls_goodbye_bytes } else { thresholds.stale_goodbye_bytes };
    let is_busy = close.idle_s.is_none_or(|idle_s| idle_s < thresholds.stale_min_idle_s);
    match close.sent_after_peer_fin {
        // With TLS a farewell sent before the FIN came looks like a request too.
        None | Some(0) => {
            let crossed = connection.unanswered && !is_tls;
            // Without a count only a reset that found us waiting proves a request.
            (crossed && close.cause == CloseCause::ResetAfterPeerFin).then_some(Stale::Crossed)
        }
        Some(bytes) if bytes <= goodbye => Some(Stale::Farewell),
        Some(bytes) if is_busy && bytes > thresholds.stale_max_request_bytes => None,
        Some(bytes) => Some(Stale::Written(bytes)),
    }
}

impl StaleReuse {
    fn ended(&mut self, connection: &Connection, close: &Close, thresholds: &Thresholds) {
        let found = stale(connection, close, thresholds);
        match found {
            Some(Stale::Farewell) => self.farewells += 1,
            Some(Stale::Written(bytes)) => self.written.record(bytes),
            Some(Stale::Crossed) => self.crossed += 1,
            None => {}
        }
        if matches!(found, Some(Stale::Written(_) | Stale::Crossed)) {
            self.sample.add(close.at_ns, connection);
            self.moments.add(close.at_ns);
            if let Some(idle_s) = close.idle_s {
                self.idle.record_seconds(idle_s);
            }
        }
    }
}

impl Detector for StaleReuse {
    fn observe(&mut self, slice: &Interval<'_>, thresholds: &Thresholds) {
        for connection in slice.ended.iter().filter(|c| c.role == Some(Role::Client)) {
            if let Some(close) = connection.close() {
                self.ended(connection, close, thresholds);
            }
        }
        let after = |connection: &Connection| connection.open_cause == OpenCause::AfterStaleReuse;
        self.redials += slice.opened().filter(|(_, c)| after(c)).count() as u64;
    }

    fn merge(&mut self, other: &Self) {
        self.sample.merge(&other.sample);
        self.moments.merge(&other.moments);
        self.crossed += other.crossed;
        self.farewells += other.farewells;
        self.redials += other.redials;
        self.idle.merge(&other.idle);
        self.written.merge(&other.written);
    }

    fn judge(&self, view: &View<'_>) -> Option<Finding> {
        let found = matches!(view.key.who, Who::Process(_) | Who::Unknown)
            && view.key.role == Some(Role::Client)
            && self.sample.connections >= view.thresholds.stale_min_connections.max(1);
        found.then(|| self.finding(view))
    }
}

impl StaleReuse {
    fn severity(&self, view: &View<'_>) -> Severity {
        let (thresholds, count) = (view.thresholds, self.sample.connections);
        let requests = view.totals.exchanges.saturating_add(count);
        if self.moments.len() < thresholds.stale_min_moments {
            Severity::Info
        } else if share(count, requests) >= thresholds.stale_error_share {
            Severity::Error
        } else {
            Severity::Warn
        }
    }

    fn finding(&self, view: &View<'_>) -> Finding {
        let (thresholds, count) = (view.thresholds, self.sample.connections);
        let enough = thresholds.stale_min_connections;
        let mut finding = view.finding(Code::StaleReuse, self.severity(view), &self.sample, enough);
        let requests = view.totals.exchanges.saturating_add(count);
        finding.summary = format!(
            "{} sent {count} requests to {} on connections that the server had closed, and got a \
             reset: each failed or had to be sent again, {:.1}% of its requests.",
            view.who(),
            view.destination(),
            share(count, requests) * 100.0,
        );
        finding.count("connections", count);
        finding.measure("of_requests_share", share(count, requests));
        finding.measure("stale_per_s", view.per_second(count));
        finding.measure("idle_before_end_median_s", self.idle.quantile_seconds(0.5));
        finding.measure("sent_bytes_median", self.written.quantile(0.5).map(|bytes| bytes as f64));
        finding.count("crossed_with_fin", self.crossed);
        finding.count("redials_after", self.redials);
        finding.rule_out(format!(
            "it is no farewell: {} connections, on which no more than one was sent after the FIN, \
             are not counted",
            self.farewells
        ));
        finding.rule_out("it is no first request: each connection had been used before");
        if self.moments.len() < thresholds.stale_min_moments {
            let why = "all ended at one moment: a server that restarted looks the same";
            finding.doubt(Confidence::Medium, why);
        }
        if self.crossed > 0 {
            let why = format!(
                "{} were on their way when the FIN came: a server that fails on a request looks \
                 the same",
                self.crossed
            );
            finding.doubt(Confidence::Medium, why);
        }
        if view.key.who == Who::Unknown {
            finding.doubt(Confidence::Medium, "the process is not known");
        }
        finding
    }
}

#[cfg(test)]
mod tests;
