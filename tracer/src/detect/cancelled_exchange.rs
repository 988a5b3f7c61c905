//! `cancelled-exchange`: a client closes while a request waits for its answer.
//!
//! Signature: five or more connections that our own call ended while the last thing said was ours,
//! after a wait, over a second or longer. A constant wait names a timeout: then a hundredth of the
//! requests is enough. A wait that differs is a caller that went away: a fifth. Thresholds:
//! `cancelled-exchange.*`.
//!
//! Healthy look-alikes that must stay silent: a farewell right before the close (TLS close alert,
//! GOAWAY, QUIT, Terminate), which leaves no wait; a protocol that only ever writes (statsd, syslog,
//! MQTT without acknowledgements, log shippers), where nothing was ever read but what a login or TLS
//! takes; a shutdown (all at one moment); the end of the process
//! (Ctrl-C on a subscription); hedged requests, whose losers are few and wait for various times. On
//! TLS ports idle HTTP/2 connections look unanswered: only short waits count, after the handshake.

use super::interval::Interval;
use super::one_shot::is_exit;
use super::sample::Sample;
use super::silence::Silence;
use super::timer::{is_steady, typical};
use super::view::{human, share};
use super::{Code, Confidence, Detector, Finding, Severity, Thresholds, View, handshake};
use crate::aggregate::{Distribution, Who};
use crate::connection::{Close, CloseCause, Connection, Initiator, Role, seconds};

const ADVICE_CALLERS: &str = "Those who wanted the answers went away: look at their timeouts, at \
    hedged or superseded requests, and at clients of a proxy that abort. Let the request finish in \
    the background where the connection is worth more than the answer.";

/// Of all requests: a timeout that meets as many is an incident.
const MANY: f64 = 0.1;

/// Of all connections: on as many an answer must have come, in time or not.
const ANSWERED: f64 = 0.1;

/// On a port that means nothing, one exchange may be a login.
const MAYBE_LOGIN: u32 = 1;

/// Connections that had an answer.
#[derive(Clone, Copy, Debug, Default)]
struct Answered {
    /// Beyond what the port's protocol takes to set a connection up.
    likely: u64,
    /// Of them: on a port that means nothing, more than a login takes.
    certain: u64,
}

impl Answered {
    fn count(&mut self, connection: &Connection, thresholds: &Thresholds) {
        let (at, exchanges) = (connection.destination(), connection.exchanges);
        if handshake::is_answered(at, exchanges, thresholds) {
            self.likely += 1;
            self.certain += u64::from(handshake::is_known(at) || exchanges > MAYBE_LOGIN);
        }
    }

    const fn add(&mut self, other: Self) {
        self.likely = self.likely.saturating_add(other.likely);
        self.certain = self.certain.saturating_add(other.certain);
    }
}

/// Memory of one key.
#[derive(Clone, Debug, Default)]
pub(super) struct CancelledExchange {
    /// Ended after they were established.
    ended: u64,
    sample: Sample,
    waits: Distribution,
    /// The answer, or some of it, came yet.
    answered_yet: u64,
    /// Of those that ended.
    answered: Answered,
    /// Of those that are open: counted anew at each tick.
    answered_live: Answered,
    /// Of those given up, the most exchanges one had carried.
    most_exchanges: u32,
    /// Of the sample: carried an exchange before.
    set_up: u64,
    by_exit: u64,
    farewells: u64,
}

/// Whether our own call ended it while a request was outstanding.
fn is_cancelled(connection: &Connection, close: &Close) -> bool {
    let ours = matches!(
        close.cause,
        CloseCause::LocalClose
            | CloseCause::LocalCloseThenReset
            | CloseCause::LocalAbort
            | CloseCause::LocalAbortUnread
            | CloseCause::LocalAbortLinger0
            | CloseCause::Disconnect
    );
    ours && connection.unanswered && close.initiator == Initiator::Local && !close.after_peer_fin
}

/// Whether a wait of this length on a TLS port is one for an answer: the handshake is over, and it
/// is shorter than idle connections are kept.
fn may_be_answer(connection: &Connection, wait_s: f64, thresholds: &Thresholds) -> bool {
    !handshake::may_be_tls(connection.destination())
        || (connection.exchanges > 1 && wait_s < thresholds.cancelled_tls_max_wait_s)
}

/// Whether the answer, or some of it, came nevertheless. What answers our close with TLS is a
/// farewell.
fn is_answered_yet(connection: &Connection, close: &Close, thresholds: &Thresholds) -> bool {
    let may_be_tls = handshake::may_be_tls(connection.destination());
    let goodbye = thresholds.unread_tls_goodbye_bytes;
    let is_goodbye = close.unread_bytes.map_or(may_be_tls, |bytes| u64::from(bytes) <= goodbye);
    let is_partial = close.cause == CloseCause::LocalAbortUnread && !is_goodbye;
    is_partial || (close.late_peer_data && !may_be_tls)
}

impl CancelledExchange {
    fn end(
        &mut self,
        connection: &Connection,
        close: &Close,
        (silence, thresholds): (&Silence, &Thresholds),
    ) {
        self.ended += 1;
        self.answered.count(connection, thresholds);
        if !is_cancelled(connection, close) {
            return;
        }
        // The alert written at a TLS close would hide how long.
        let Some(wait_s) = silence.waited_s(connection, close) else { return };
        if is_exit(close) {
            self.by_exit += 1;
        } else if wait_s < thresholds.cancelled_min_wait_s {
            self.farewells += 1;
        } else if may_be_answer(connection, wait_s, thresholds) {
            self.sample.add(close.at_ns, connection);
            self.waits.record_seconds(wait_s);
            self.most_exchanges = self.most_exchanges.max(connection.exchanges);
            self.set_up += u64::from(connection.exchanges > 0);
            self.answered_yet += u64::from(is_answered_yet(connection, close, thresholds));
        }
    }
}

impl Detector for CancelledExchange {
    fn observe(&mut self, slice: &Interval<'_>, thresholds: &Thresholds) {
        let is_client = |connection: &Connection| connection.role == Some(Role::Client);
        for connection in slice.ended.iter().filter(|connection| is_client(connection)) {
            let close = connection.close().filter(|close| !close.cause.is_failed_dial());
            if let Some(close) = close {
                self.end(connection, close, (&slice.before.silence, thresholds));
            }
        }
        self.answered_live = Answered::default();
        for connection in slice.live.iter().filter(|connection| is_client(connection)) {
            self.answered_live.count(connection, thresholds);
        }
    }

    fn merge(&mut self, other: &Self) {
        self.ended += other.ended;
        self.sample.merge(&other.sample);
        self.waits.merge(&other.waits);
        self.answered_yet += other.answered_yet;
        self.answered.add(other.answered);
        self.answered_live.add(other.answered_live);
        self.most_exchanges = self.most_exchanges.max(other.most_exchanges);
        self.set_up += other.set_up;
        self.by_exit += other.by_exit;
        self.farewells += other.farewells;
    }

    fn judge(&self, view: &View<'_>) -> Option<Finding> {
        let (thresholds, count) = (view.thresholds, self.sample.connections);
        let (first_ns, last_ns) = self.sample.span_ns();
        let least = if is_steady(&self.waits) {
            thresholds.cancelled_min_timeout_share
        } else {
            thresholds.cancelled_min_share
        };
        let found = count >= thresholds.cancelled_min_connections.max(1)
            && self.is_answered(view)
            && !self.only_writes(view)
            && share(count, self.requests(view)) >= least
            && seconds(first_ns, last_ns) >= thresholds.cancelled_min_span_s;
        found.then(|| self.finding(view))
    }
}

impl CancelledExchange {
    fn requests(&self, view: &View<'_>) -> u64 {
        view.exchanges().saturating_add(self.sample.connections)
    }

    /// Those of all connections that had an answer in time.
    fn answered(&self) -> Answered {
        let mut answered = self.answered;
        answered.add(self.answered_live);
        answered
    }

    /// Whether requests have answers there at all, in time or too late.
    fn is_answered(&self, view: &View<'_>) -> bool {
        let answered = self.answered().likely.saturating_add(self.answered_yet);
        share(answered, view.totals.connections()) >= ANSWERED
    }

    /// Whether they certainly have: one exchange on a port that means nothing may be a login.
    fn is_surely_answered(&self) -> bool {
        self.answered().certain > 0 || self.answered_yet > 0
    }

    /// Whether what was given up may have been set up only, on a port that means nothing.
    fn may_be_set_up(&self, view: &View<'_>) -> bool {
        let is_known = view.key.destination.is_some_and(handshake::is_known);
        !is_known && self.most_exchanges <= MAYBE_LOGIN && self.answered_yet == 0
    }

    /// Whether each had one answer, and nothing shows that there is ever a second: a login, and then
    /// only writes (telemetry, `WebSocket`, log shipping).
    fn only_writes(&self, view: &View<'_>) -> bool {
        let each = self.set_up == self.sample.connections;
        each && self.may_be_set_up(view) && !self.is_surely_answered()
    }

    fn finding(&self, view: &View<'_>) -> Finding {
        let (count, requests) = (self.sample.connections, self.requests(view));
        let steady = is_steady(&self.waits);
        let is_incident = steady && share(count, requests) >= MANY && self.is_surely_answered();
        let severity = if is_incident { Severity::Error } else { Severity::Warn };
        let enough = view.thresholds.cancelled_min_connections;
        let mut finding = view.finding(Code::CancelledExchange, severity, &self.sample, enough);
        let meaning = if steady {
            "that constant time is a timeout of the client"
        } else {
            "the time is not constant, so whoever wanted the answers went away"
        };
        finding.summary = format!(
            "{count} of {requests} requests of {} to {} were given up by closing their connection \
             while they waited for the answer, after {}; {meaning}.",
            view.who(),
            view.destination(),
            typical(&self.waits),
        );
        if !steady {
            finding.advice = ADVICE_CALLERS.into();
        }
        finding.count("requests_given_up", count);
        finding.measure("median_wait_s", self.waits.quantile_seconds(0.5));
        finding.measure("given_up_share", share(count, requests));
        finding.measure("shortest_wait_s", self.waits.quantile_seconds(0.0));
        finding.measure("longest_wait_s", self.waits.quantile_seconds(1.0));
        finding.count("answered_too_late", self.answered_yet);
        finding.measure("given_up_of_all_closes_share", share(count, self.ended));
        finding.measure("given_up_per_s", view.per_second(count));
        finding.rule_out(format!(
            "it is no farewell before a close: each had waited {} or longer; {} had not and are not \
             counted",
            human(view.thresholds.cancelled_min_wait_s),
            self.farewells
        ));
        finding.rule_out(format!(
            "it is no protocol without answers: {} of {} connections had one beside what sets them \
             up, and {} too late",
            self.answered().likely,
            view.totals.connections(),
            self.answered_yet
        ));
        let (first_ns, last_ns) = self.sample.span_ns();
        finding.rule_out(format!(
            "it is no shutdown: they were given up over {}; {} ended with their process and are \
             not counted",
            human(seconds(first_ns, last_ns)),
            self.by_exit
        ));
        self.doubts(view, steady, &mut finding);
        finding
    }

    fn doubts(&self, view: &View<'_>, steady: bool, finding: &mut Finding) {
        if !steady {
            let why = "the time differs: hedged requests, and a proxy whose clients abort, end so";
            finding.doubt(Confidence::Medium, why);
        }
        if self.may_be_set_up(view) {
            let why = "they carried one exchange at most, on a port whose protocol is not known: a \
                       login, after which the client only writes, looks the same";
            finding.doubt(Confidence::Medium, why);
        }
        if view.key.destination.is_some_and(handshake::may_be_tls) {
            let why = "the port means TLS: what waited for an answer may be no request";
            finding.doubt(Confidence::Medium, why);
        }
        if view.key.who == Who::Unknown {
            finding.doubt(Confidence::Medium, "the process is not known");
        }
    }
}

#[cfg(test)]
mod tests;
