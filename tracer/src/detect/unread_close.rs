//! `unread-close`: a client closes a connection before it has read all that the peer sent.
//!
//! Signature: a fifth or more of the ended connections were closed by us with received data unread
//! (the kernel then resets), or were followed by more data after our close, and those are a
//! hundredth or more of the requests. Thresholds: `unread-close.*`.
//!
//! Healthy look-alikes that must stay silent: a pool or proxy that keeps its connections and drops
//! an answer now and then (its clients abort downloads); a process that exits or is killed while
//! reading (`exit:*`); the farewell of a TLS peer (`close_notify`), which nobody reads, on whatever
//! port, and which answers our own close, so that on TLS ports late data proves nothing; an answer
//! that came after we gave up waiting (a cancelled exchange, not an unread body). A server that
//! closes on unread request data is another story (it refuses an upload): the server role is left
//! out. Late data alone, after a while, is information: the next event of a stream comes so.

use super::interval::Interval;
use super::one_shot::is_exit;
use super::sample::Sample;
use super::view::{human, share};
use super::{Code, Confidence, Detector, Finding, Severity, Thresholds, View, handshake};
use crate::aggregate::{Distribution, Who};
use crate::connection::{Close, CloseCause, Connection, Initiator, Role};

/// Memory of one key.
#[derive(Clone, Debug, Default)]
pub(super) struct UnreadClose {
    /// Ended after they were established.
    ended: u64,
    /// Of them: ended with the process, data unread.
    by_exit: u64,
    /// Closed with data unread.
    aborts: u64,
    /// Data came after our close.
    late: u64,
    /// Either of the two.
    sample: Sample,
    unread: Distribution,
    unread_bytes: u64,
    exchanges: u64,
    /// Lifetimes of those seen whole.
    ages: Distribution,
}

/// Whether the data unread at our close was an answer, as far as can be told.
fn is_abort(connection: &Connection, close: &Close, thresholds: &Thresholds) -> bool {
    let goodbye = thresholds.unread_tls_goodbye_bytes;
    // TLS is on any port. Where the number is not known, the port decides.
    let may_be_goodbye = close.unread_bytes.map_or_else(
        || handshake::may_be_tls(connection.destination()),
        |bytes| u64::from(bytes) <= goodbye,
    );
    close.cause == CloseCause::LocalAbortUnread && !may_be_goodbye
}

/// Whether data that came after our close belonged to an answer that we had begun to read.
fn is_late(connection: &Connection, close: &Close) -> bool {
    close.late_peer_data
        && close.initiator == Initiator::Local
        && !connection.unanswered
        && !handshake::may_be_tls(connection.destination())
}

impl Detector for UnreadClose {
    fn observe(&mut self, slice: &Interval<'_>, thresholds: &Thresholds) {
        for connection in slice.ended.iter().filter(|c| c.role != Some(Role::Server)) {
            let Some(close) = connection.close() else { continue };
            if close.cause.is_failed_dial() {
                continue;
            }
            self.ended += 1;
            let (abort, late) =
                (is_abort(connection, close, thresholds), is_late(connection, close));
            if !abort && !late {
                continue;
            }
            if is_exit(close) {
                self.by_exit += 1;
                continue;
            }
            self.aborts += u64::from(abort);
            self.late += u64::from(late);
            self.exchanges = self.exchanges.saturating_add(u64::from(connection.exchanges));
            self.sample.add(close.at_ns, connection);
            if let Some(age_s) = connection.duration_s() {
                self.ages.record_seconds(age_s);
            }
            if let Some(bytes) = close.unread_bytes.filter(|_| abort).map(u64::from) {
                self.unread.record(bytes);
                self.unread_bytes = self.unread_bytes.saturating_add(bytes);
            }
        }
    }

    fn merge(&mut self, other: &Self) {
        self.ended += other.ended;
        self.by_exit += other.by_exit;
        self.aborts += other.aborts;
        self.late += other.late;
        self.sample.merge(&other.sample);
        self.unread.merge(&other.unread);
        self.unread_bytes = self.unread_bytes.saturating_add(other.unread_bytes);
        self.exchanges = self.exchanges.saturating_add(other.exchanges);
        self.ages.merge(&other.ages);
    }

    fn judge(&self, view: &View<'_>) -> Option<Finding> {
        let (thresholds, count) = (view.thresholds, self.sample.connections);
        let found = count >= thresholds.unread_min_connections.max(1) && self.is_much(count, view);
        found.then(|| self.finding(view))
    }
}

impl UnreadClose {
    /// Whether `count` is a good part of what ended and of what was asked.
    fn is_much(&self, count: u64, view: &View<'_>) -> bool {
        let thresholds = view.thresholds;
        share(count, self.ended) >= thresholds.unread_min_share
            && share(count, self.requests(view)) >= thresholds.unread_min_request_share
    }

    /// Whether what was there to read at our close suffices, without what came later.
    fn is_proven(&self, view: &View<'_>) -> bool {
        self.aborts >= view.thresholds.unread_min_connections.max(1)
            && self.is_much(self.aborts, view)
    }

    /// Each connection that ended so had one at least, whether its answer was counted or not.
    fn requests(&self, view: &View<'_>) -> u64 {
        view.exchanges().max(self.sample.connections)
    }

    /// Whether most lasted long enough to be streams or downloads.
    fn may_be_streams(&self, view: &View<'_>) -> bool {
        self.ages
            .quantile_seconds(0.5)
            .is_some_and(|age_s| age_s >= view.thresholds.unread_stream_s)
    }

    fn finding(&self, view: &View<'_>) -> Finding {
        let count = self.sample.connections;
        let (code, enough) = (Code::UnreadClose, view.thresholds.unread_min_connections);
        let is_stream = !self.is_proven(view) && self.may_be_streams(view);
        let severity = if is_stream { Severity::Info } else { Severity::Warn };
        let mut finding = view.finding(code, severity, &self.sample, enough);
        finding.summary = format!(
            "{} closes connections to {} before reading the whole answer: {count} of {} ended so \
             ({} with received data unread, {} followed by more data), and none can be reused.",
            view.who(),
            view.destination(),
            self.ended,
            self.aborts,
            self.late,
        );
        finding.count("connections", count);
        finding.measure("share", share(count, self.ended));
        finding.measure("of_requests_share", share(count, self.requests(view)));
        finding.count("aborts", self.aborts);
        finding.measure("unread_bytes_median", self.unread.quantile(0.5).map(|bytes| bytes as f64));
        if !self.unread.is_empty() {
            finding.count("unread_bytes_total", self.unread_bytes);
        }
        finding.count("late_data", self.late);
        finding.measure("exchanges_per_connection", share(self.exchanges, count));
        finding.measure("median_age_s", self.ages.quantile_seconds(0.5));
        finding.rule_out(format!(
            "the process did not end while reading: {} ended with it and are not counted",
            self.by_exit
        ));
        if self.aborts > 0 {
            finding.rule_out(format!(
                "it is no TLS farewell where data was unread: more than {} bytes each time",
                view.thresholds.unread_tls_goodbye_bytes
            ));
        }
        self.doubts(view, &mut finding);
        finding
    }

    fn doubts(&self, view: &View<'_>, finding: &mut Finding) {
        if self.late > 0 && !self.is_proven(view) {
            let why = "what came after our close is not seen: a farewell (of TLS on another port, \
                       QUIT) looks the same as an answer";
            finding.doubt(Confidence::Medium, why);
        }
        if self.may_be_streams(view) {
            let age = self.ages.quantile_seconds(0.5).map_or_else(String::new, human);
            let why = format!(
                "they had lasted {age} (median): a stream that is left, and a proxy whose own \
                 client leaves a download, end so"
            );
            finding.doubt(Confidence::Medium, why);
        }
        if view.key.role.is_none() {
            let why = "the connections were there before the observation: whether this is the \
                       client is not known";
            finding.doubt(Confidence::Medium, why);
        }
        if view.key.who == Who::Unknown {
            finding.doubt(Confidence::Medium, "the process is not known");
        }
    }
}

#[cfg(test)]
mod tests;
