//! `client-recycles`: a client drops connections after a few requests although they were fine, and
//! dials again.
//!
//! Signature: most ended connections that carried an exchange were closed by us (not by the
//! process's exit) within a tenth of a second of an answer, with nothing outstanding; the process
//! dialled again within half a second, mostly; and either they carried few exchanges and were used
//! one after another, or their exchanges or ages are one low value. Thresholds: `client-recycles.*`.
//!
//! Healthy look-alikes that must stay silent: a job that ends; a burst; a poller; a pool that drops
//! its surplus (exchanges differ, connections side by side: `pool-too-small`); one request each
//! (`one-shot`); a bound of hundreds of requests or of minutes; an idle timeout; mail and file
//! transfer, where a connection is one piece of work.

use super::ends::{is_farewell_likely, is_own_close, is_peer_close, is_waiting};
use super::interval::Interval;
use super::moments::Moments;
use super::redials::{Redials, closes};
use super::sample::Sample;
use super::silence::Silence;
use super::steady::Steady;
use super::view::{human, share};
use super::{Code, Confidence, Detector, Finding, Severity, Thresholds, View, handshake};
use crate::aggregate::Distribution;
use crate::connection::{Basis, Close, Connection, OpenCause};

/// Memory of one key.
#[derive(Clone, Debug, Default)]
pub(super) struct ClientRecycles {
    /// Ended, seen whole, carried an exchange.
    carried: u64,
    /// Of them: the peer closed first.
    by_peer: u64,
    /// Of them: dropped by us in use.
    sample: Sample,
    moments: Moments,
    /// Dialled while others were open.
    parallel: u64,
    redials: Redials,
    exchanges: Distribution,
    age: Distribution,
    is_bound: bool,
}

/// When a connection is dropped.
enum After {
    Exchanges(Steady),
    Age(Steady),
    Few(u64),
}

impl ClientRecycles {
    fn ended(
        &mut self,
        connection: &Connection,
        close: &Close,
        (silence, thresholds): (&Silence, &Thresholds),
    ) -> bool {
        if !connection.start_known() || connection.exchanges == 0 {
            return false;
        }
        self.carried += 1;
        self.by_peer += u64::from(is_peer_close(close));
        let idle_s = silence.idle_s(connection, close);
        let is_dropped = is_own_close(close)
            && !is_waiting(connection)
            && !is_farewell_likely(connection.destination())
            && idle_s.is_some_and(|idle_s| idle_s <= thresholds.client_recycles_max_idle_s);
        let Some(age_s) = connection.duration_s().filter(|_| is_dropped) else { return false };
        self.sample.add(close.at_ns, connection);
        self.moments.add(close.at_ns);
        let is_parallel =
            matches!(connection.open_cause, OpenCause::Parallel | OpenCause::IdleAvailable);
        self.parallel += u64::from(is_parallel);
        self.exchanges.record(u64::from(connection.exchanges));
        self.age.record_seconds(age_s);
        self.is_bound |= connection.exchanges_basis == Basis::Bound;
        true
    }

    /// When connections are dropped, if that is a habit that costs.
    fn after(&self, view: &View<'_>) -> Option<After> {
        let thresholds = view.thresholds;
        let median = self.exchanges.quantile(0.5)?;
        let destination = view.key.destination?;
        let exchanges = u32::try_from(median).unwrap_or(u32::MAX);
        if handshake::is_one_request(destination, exchanges, thresholds)
            || median >= thresholds.client_recycles_max_exchanges
        {
            return None;
        }
        let spread = thresholds.client_recycles_max_spread;
        let is_pattern = self.moments.len() >= thresholds.client_recycles_min_moments;
        let exchanges =
            Steady::of(&self.exchanges, spread).filter(|_| is_pattern && !self.is_bound);
        let age = Steady::of(&self.age, spread).filter(|age| {
            is_pattern
                && age.seconds().0 >= thresholds.client_recycles_min_age_s
                && age.seconds().0 < thresholds.client_recycles_max_age_s
        });
        let is_serial = self.parallel.saturating_mul(2) <= self.sample.connections;
        let few = (median <= thresholds.client_recycles_few && is_serial).then_some(median);
        exchanges.map(After::Exchanges).or(age.map(After::Age)).or(few.map(After::Few))
    }
}

impl Detector for ClientRecycles {
    fn observe(&mut self, slice: &Interval<'_>, thresholds: &Thresholds) {
        let closes = closes(slice, |connection, close| {
            self.ended(connection, close, (&slice.before.silence, thresholds))
        });
        let dials = (&slice.before.dials, slice.dials.as_slice());
        self.redials.observe(&closes, dials, thresholds.client_recycles_max_redial_s);
    }

    fn merge(&mut self, other: &Self) {
        self.carried += other.carried;
        self.by_peer += other.by_peer;
        self.sample.merge(&other.sample);
        self.moments.merge(&other.moments);
        self.parallel += other.parallel;
        self.redials.merge(&other.redials);
        self.exchanges.merge(&other.exchanges);
        self.age.merge(&other.age);
        self.is_bound |= other.is_bound;
    }

    fn judge(&self, view: &View<'_>) -> Option<Finding> {
        let (thresholds, count) = (view.thresholds, self.sample.connections);
        let found = view.is_one_client()
            && count >= thresholds.client_recycles_min_connections.max(1)
            && share(count, self.carried) >= thresholds.client_recycles_min_share
            && count >= view.totals.peak.saturating_mul(thresholds.client_recycles_min_turnover)
            && self.redials.quick.saturating_mul(2) >= count;
        found.then(|| Some(self.finding(view, &self.after(view)?))).flatten()
    }
}

impl ClientRecycles {
    fn finding(&self, view: &View<'_>, after: &After) -> Finding {
        let (thresholds, count) = (view.thresholds, self.sample.connections);
        let interval_s = self.sample.interval_s().unwrap_or(f64::INFINITY);
        let is_frequent = interval_s <= thresholds.client_recycles_warn_interval_s;
        let severity = if is_frequent { Severity::Warn } else { Severity::Info };
        let (code, enough) = (Code::ClientRecycles, thresholds.client_recycles_min_connections);
        let mut finding = view.finding(code, severity, &self.sample, enough);
        let when = match after {
            After::Exchanges(steady) => format!("after {} exchanges each", steady.value),
            After::Age(steady) => format!("at an age of {} each", human(steady.seconds().0)),
            After::Few(median) => format!("after few exchanges ({median} in the median)"),
        };
        let gap_s = self.redials.median_s(count);
        finding.summary = format!(
            "{} drops connections to {} that are fine, {when}, and dials again: {count} of {} \
             ended so, redialled {} later (median).",
            view.who(),
            view.destination(),
            self.carried,
            gap_s.map_or_else(|| "?".into(), human),
        );
        for (name, quantile) in
            [("exchanges_median", 0.5), ("exchanges_p10", 0.1), ("exchanges_p90", 0.9)]
        {
            finding.measure(name, self.exchanges.quantile(quantile).map(|count| count as f64));
        }
        for (name, quantile) in [("age_median_s", 0.5), ("age_p10_s", 0.1), ("age_p90_s", 0.9)] {
            finding.measure(name, self.age.quantile_seconds(quantile));
        }
        finding.count("connections", count);
        finding.measure("dropped_share", share(count, self.carried));
        finding.measure("median_redial_gap_s", gap_s);
        finding.measure("connections_per_s", view.per_second(count));
        finding.count("dialled_beside_others", self.parallel);
        finding.measure("reuse_ratio", view.totals.reuse_ratio());
        finding.rule_out(format!(
            "the server did not close first: {} of {} ended by its FIN",
            self.by_peer, self.carried
        ));
        finding.rule_out(format!(
            "it is no idle timeout: each was used within {} of its end",
            human(thresholds.client_recycles_max_idle_s)
        ));
        finding.rule_out("nothing was outstanding or unread when they were closed");
        view.settle(&mut finding);
        if matches!(after, After::Exchanges(_)) || self.by_peer > 0 {
            let why = "a server that ends each with `Connection: close`, which the client obeys, \
                       looks the same";
            finding.doubt(Confidence::Medium, why);
        }
        if self.is_bound {
            let why = "exchanges are an upper bound from segment counts, not counted at each read";
            finding.doubt(Confidence::Medium, why);
        }
        finding
    }
}

#[cfg(test)]
mod tests;
