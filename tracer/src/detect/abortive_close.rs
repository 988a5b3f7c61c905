//! `abortive-close`: a process closes with `SO_LINGER` 0: the kernel resets instead of sending a FIN.
//!
//! Signature: ten or more connections that carried data, half or more of those that ended, closed
//! by us so. What was not acknowledged by then is thrown away, and the peer sees an error, not an
//! end: a warning where that happened to a tenth or more of them, else information. Either role.
//! Thresholds: `abortive-close.*`.
//!
//! Healthy look-alikes that must stay silent: health checks that open a connection and reset it
//! without a byte (`HAProxy`, load balancers); error paths that abort single connections; the end of a
//! process. A proxy that aborts towards its servers to spare `TIME_WAIT` loses nothing as long as
//! all was acknowledged: information.

use super::interval::Interval;
use super::one_shot::is_exit;
use super::sample::Sample;
use super::view::share;
use super::{Code, Confidence, Detector, Finding, Severity, Thresholds, View};
use crate::aggregate::{Distribution, Who};
use crate::connection::{CloseCause, Connection, Role};

/// Memory of one key.
#[derive(Clone, Debug, Default)]
pub(super) struct AbortiveClose {
    /// Ended after they were established, having carried data.
    ended: u64,
    sample: Sample,
    /// Of the sample: of one exchange at most.
    single: u64,
    /// Of the sample: with data that was not acknowledged.
    lossy: u64,
    unacked: Distribution,
    unacked_bytes: u64,
    by_exit: u64,
    empty: u64,
}

/// Whether it carried anything, as far as is known.
fn carried(connection: &Connection) -> bool {
    let any = |bytes: Option<u64>| bytes.is_some_and(|bytes| bytes > 0);
    let unacked = connection.close().and_then(|close| close.unacked_bytes);
    connection.exchanges > 0
        || any(connection.bytes_sent)
        || any(connection.bytes_received)
        || any(unacked.map(u64::from))
}

impl Detector for AbortiveClose {
    fn observe(&mut self, slice: &Interval<'_>, _: &Thresholds) {
        for connection in slice.ended {
            let Some(close) = connection.close() else { continue };
            let is_abort = close.cause == CloseCause::LocalAbortLinger0;
            if close.cause.is_failed_dial() {
                continue;
            }
            if !carried(connection) {
                self.empty += u64::from(is_abort);
                continue;
            }
            self.ended += 1;
            if !is_abort {
                continue;
            }
            if is_exit(close) {
                self.by_exit += 1;
                continue;
            }
            self.sample.add(close.at_ns, connection);
            self.single += u64::from(connection.exchanges <= 1);
            if let Some(bytes) = close.unacked_bytes.filter(|bytes| *bytes > 0).map(u64::from) {
                self.lossy += 1;
                self.unacked.record(bytes);
                self.unacked_bytes = self.unacked_bytes.saturating_add(bytes);
            }
        }
    }

    fn merge(&mut self, other: &Self) {
        self.ended += other.ended;
        self.sample.merge(&other.sample);
        self.single += other.single;
        self.lossy += other.lossy;
        self.unacked.merge(&other.unacked);
        self.unacked_bytes = self.unacked_bytes.saturating_add(other.unacked_bytes);
        self.by_exit += other.by_exit;
        self.empty += other.empty;
    }

    fn judge(&self, view: &View<'_>) -> Option<Finding> {
        let (thresholds, count) = (view.thresholds, self.sample.connections);
        // A health check of one exchange that ends so loses nothing and leaves no TIME_WAIT: meant so.
        let is_check = self.lossy == 0
            && self.single.saturating_mul(2) > count
            && self
                .sample
                .interval_s()
                .is_none_or(|pause_s| pause_s > thresholds.abortive_max_pause_s);
        let found = !is_check
            && count >= thresholds.abortive_min_connections.max(1)
            && share(count, self.ended) >= thresholds.abortive_min_share;
        found.then(|| self.finding(view))
    }
}

impl AbortiveClose {
    fn finding(&self, view: &View<'_>) -> Finding {
        let (thresholds, count) = (view.thresholds, self.sample.connections);
        let is_lossy = share(self.lossy, count) >= thresholds.abortive_min_loss_share;
        let severity = if is_lossy { Severity::Warn } else { Severity::Info };
        let enough = thresholds.abortive_min_connections;
        let mut finding = view.finding(Code::AbortiveClose, severity, &self.sample, enough);
        let (end, peer) = match view.key.role {
            Some(Role::Server) => ("as the server of", "its clients see"),
            _ => ("to", "the server sees"),
        };
        let loss = if self.lossy == 0 {
            "all that was sent had been acknowledged".to_owned()
        } else {
            format!("{} with data on the way, which is thrown away", self.lossy)
        };
        finding.summary = format!(
            "Connections of {} {end} {} are reset instead of closed (SO_LINGER 0): {count} of {} that \
             ended, {loss}; {peer} connection reset by peer.",
            view.who(),
            view.destination(),
            self.ended,
        );
        finding.count("aborted", count);
        finding.measure("aborted_share", share(count, self.ended));
        finding.count("with_unacknowledged_data", self.lossy);
        finding
            .measure("median_unacknowledged_bytes", self.unacked.quantile(0.5).map(|b| b as f64));
        if self.lossy > 0 {
            finding.count("unacknowledged_bytes", self.unacked_bytes);
        }
        finding.measure("aborted_per_s", view.per_second(count));
        finding.rule_out(format!(
            "they are no health checks: {} that carried nothing are not counted",
            self.empty
        ));
        finding.rule_out(format!(
            "the process did not end: {} ended with it and are not counted",
            self.by_exit
        ));
        if view.key.who == Who::Unknown {
            finding.doubt(Confidence::Medium, "the process is not known");
        }
        finding
    }
}

#[cfg(test)]
mod tests;
