//! `peer-recycles`: the peer closes connections that are in use, after a constant number of requests
//! or at a constant age, and the client dials again.
//!
//! Signature: half or more of the ended connections that carried more than one request got the
//! peer's FIN or reset while in use (not idle, nothing outstanding), at several moments; their
//! exchanges or their ages are one value; and the process dialled again within a second, mostly.
//! Thresholds: `peer-recycles.*`.
//!
//! Healthy look-alikes that must stay silent: a restart, deploy or drain (one moment, or counts and
//! ages that differ); an idle timeout, also with a TLS or HTTP/2 farewell; a bound of a thousand
//! requests or of minutes, which spreads load and costs nothing; mail and file transfer, where the
//! client asks for the end.

use super::ends::{is_farewell_likely, is_own_close, is_peer_close, was_waiting_at_fin};
use super::interval::Interval;
use super::moments::Moments;
use super::redials::{Redials, closes};
use super::sample::Sample;
use super::silence::Silence;
use super::steady::Steady;
use super::view::{human, share};
use super::{Code, Confidence, Detector, Finding, Severity, Thresholds, View, handshake};
use crate::aggregate::Distribution;
use crate::connection::{Basis, Close, CloseCause, Connection};

/// Memory of one key.
#[derive(Clone, Debug, Default)]
pub(super) struct PeerRecycles {
    /// Ended, seen whole, carried an exchange.
    carried: u64,
    /// Of them: we closed first.
    by_us: u64,
    /// Of them: closed by the peer in use.
    sample: Sample,
    moments: Moments,
    redials: Redials,
    exchanges: Distribution,
    age: Distribution,
    /// Of the sample: with TLS, the FIN may have answered a farewell of ours.
    farewells: u64,
    is_bound: bool,
}

/// Share of the ends at which a peer that closes is first although we say goodbye.
const FIRST_DESPITE_FAREWELL: f64 = 0.7;

/// What the connections have in common.
enum Constant {
    Exchanges(Steady),
    Age(Steady),
}

/// Whether the peer closed it in use.
fn is_recycled(
    connection: &Connection,
    close: &Close,
    (silence, thresholds): (&Silence, &Thresholds),
) -> bool {
    let destination = connection.destination();
    let idle_s = silence.idle_s(connection, close);
    (is_peer_close(close) || close.cause == CloseCause::ResetByPeer)
            // HTTP/2 ends with frames that nobody answers: with TLS nothing outstanding can be told.
            && (handshake::may_be_tls(destination) || !was_waiting_at_fin(connection, close))
            && !is_farewell_likely(destination)
            && !handshake::is_one_request(destination, connection.exchanges, thresholds)
            && idle_s.is_some_and(|idle_s| idle_s <= thresholds.peer_recycles_max_idle_s)
}

impl PeerRecycles {
    fn ended(
        &mut self,
        connection: &Connection,
        close: &Close,
        known: (&Silence, &Thresholds),
    ) -> bool {
        if !connection.start_known() || connection.exchanges == 0 {
            return false;
        }
        self.carried += 1;
        self.by_us += u64::from(is_own_close(close));
        let Some(age_s) = connection.duration_s() else { return false };
        if !is_recycled(connection, close, known) {
            return false;
        }
        self.farewells += u64::from(was_waiting_at_fin(connection, close));
        self.sample.add(close.at_ns, connection);
        self.moments.add(close.at_ns);
        self.exchanges.record(u64::from(connection.exchanges));
        self.age.record_seconds(age_s);
        self.is_bound |= connection.exchanges_basis == Basis::Bound;
        true
    }

    fn constant(&self, thresholds: &Thresholds) -> Option<Constant> {
        let spread = thresholds.peer_recycles_max_spread;
        let age = Steady::of(&self.age, spread)
            .filter(|age| age.seconds().0 < thresholds.peer_recycles_max_age_s);
        // A bound in place of a count differs with the size of the answers.
        let exchanges = Steady::of(&self.exchanges, spread).filter(|_| !self.is_bound);
        exchanges.map(Constant::Exchanges).or(age.map(Constant::Age))
    }
}

impl Detector for PeerRecycles {
    fn observe(&mut self, slice: &Interval<'_>, thresholds: &Thresholds) {
        let closes = closes(slice, |connection, close| {
            self.ended(connection, close, (&slice.before.silence, thresholds))
        });
        let dials = (&slice.before.dials, slice.dials.as_slice());
        self.redials.observe(&closes, dials, thresholds.peer_recycles_max_redial_s);
    }

    fn merge(&mut self, other: &Self) {
        self.carried += other.carried;
        self.by_us += other.by_us;
        self.sample.merge(&other.sample);
        self.moments.merge(&other.moments);
        self.redials.merge(&other.redials);
        self.exchanges.merge(&other.exchanges);
        self.age.merge(&other.age);
        self.farewells += other.farewells;
        self.is_bound |= other.is_bound;
    }

    fn judge(&self, view: &View<'_>) -> Option<Finding> {
        let (thresholds, count) = (view.thresholds, self.sample.connections);
        let median = self.exchanges.quantile(0.5)?;
        let found = view.is_one_client()
            && count >= thresholds.peer_recycles_min_connections.max(1)
            && share(count, self.carried) >= self.least_share(thresholds)
            && self.moments.len() >= thresholds.peer_recycles_min_moments
            && median < thresholds.peer_recycles_max_exchanges
            && self.redials.quick.saturating_mul(2) >= count;
        found.then(|| Some(self.finding(view, &self.constant(thresholds)?, median))).flatten()
    }
}

impl PeerRecycles {
    /// Where a farewell of ours may have drawn the FIN, who was first is a race that shows as about
    /// half; a server that closes wins it nearly always.
    fn least_share(&self, thresholds: &Thresholds) -> f64 {
        let is_race = self.farewells.saturating_mul(2) > self.sample.connections;
        let won = if is_race { FIRST_DESPITE_FAREWELL } else { 0.0 };
        thresholds.peer_recycles_min_share.max(won)
    }

    fn finding(&self, view: &View<'_>, constant: &Constant, median: u64) -> Finding {
        let (thresholds, count) = (view.thresholds, self.sample.connections);
        let interval_s = self.sample.interval_s().unwrap_or(f64::INFINITY);
        let is_costly = interval_s <= thresholds.peer_recycles_warn_interval_s
            && median < thresholds.peer_recycles_warn_exchanges;
        let severity = if is_costly { Severity::Warn } else { Severity::Info };
        let (code, enough) = (Code::PeerRecycles, thresholds.peer_recycles_min_connections);
        let mut finding = view.finding(code, severity, &self.sample, enough);
        let after = match constant {
            Constant::Exchanges(steady) => format!("after {} exchanges", steady.value),
            Constant::Age(steady) => format!("at an age of {}", human(steady.seconds().0)),
        };
        let gap_s = self.redials.median_s(count);
        finding.summary = format!(
            "{} closes connections that {} is using, each {after}: {count} of {} ended so, \
             redialled {} later (median).",
            view.destination(),
            view.who(),
            self.carried,
            gap_s.map_or_else(|| "?".into(), human),
        );
        match constant {
            Constant::Exchanges(steady) => {
                finding.count("exchanges_median", steady.value);
                finding.count("exchanges_p10", steady.low);
                finding.count("exchanges_p90", steady.high);
                finding.measure("age_median_s", self.age.quantile_seconds(0.5));
            }
            Constant::Age(steady) => {
                let (value_s, low_s, high_s) = steady.seconds();
                finding.measure("age_median_s", value_s);
                finding.measure("age_p10_s", low_s);
                finding.measure("age_p90_s", high_s);
                finding.count("exchanges_median", median);
            }
        }
        finding.count("connections", count);
        finding.measure("recycled_share", share(count, self.carried));
        finding.measure("median_redial_gap_s", gap_s);
        finding.measure("connections_per_s", view.per_second(count));
        finding.measure("reuse_ratio", view.totals.reuse_ratio());
        finding.rule_out(format!(
            "it is no idle timeout: each was used within {} of its end",
            human(thresholds.peer_recycles_max_idle_s)
        ));
        finding.rule_out(format!(
            "it is no restart or drain: it happened at {} or more moments",
            self.moments.len()
        ));
        finding.rule_out(format!(
            "the client did not close first: {} of {} ended by its call",
            self.by_us, self.carried
        ));
        view.settle(&mut finding);
        if matches!(constant, Constant::Exchanges(_)) {
            let why = "a client that asks for the end after its last request (QUIT, \
                       `Connection: close`) looks the same";
            finding.doubt(Confidence::Medium, why);
        }
        finding
    }
}

#[cfg(test)]
mod tests;
